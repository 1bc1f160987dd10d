//! The path that each step allows: what is known of the features on every edge before anything is fitted.

use super::choose::{Path, StepPlan};
use super::{Bound, Multiplied};
use crate::contract::{Needs, Types};
use crate::graph::{Pipeline, StepNode};
use crate::table::{Data, Kind};

/// The steps of a pipeline.
pub(super) struct Judged {
    /// Every step, in order.
    pub(super) steps: Vec<StepPlan>,
    /// What the steps that the two-pass path can run multiply.
    pub(super) products: Vec<Multiplied>,
}

/// The features on an edge of the graph.
#[derive(Clone)]
struct Features {
    types: Types,
    /// The raw column that each is a multiple of, but for a constant, where all are numbers of which none is missing.
    columns: Option<Vec<usize>>,
    /// Whether some are products, whose values lie in no raw column.
    multiplied: bool,
}

/// Judges every step of a pipeline.
pub(super) fn steps(pipeline: &Pipeline, bound: &Bound) -> Judged {
    let mut judged = Judged { steps: Vec::new(), products: Vec::new() };
    let fits = bound.folds.len() + 1;
    let mut all = Features::none();
    for (group, names) in pipeline.groups.iter().zip(&bound.groups) {
        let features = Features::raw(&bound.x, names);
        all.join(judged.chain(&group.steps, features, fits));
    }
    judged.chain(&pipeline.select, all, fits);
    judged
}

impl Features {
    fn none() -> Self {
        Self { types: Types::NONE, columns: Some(Vec::new()), multiplied: false }
    }

    /// Some columns of the table.
    fn raw(x: &Data, names: &[String]) -> Self {
        let places: Vec<usize> = names.iter().filter_map(|name| x.schema().index(name)).collect();
        let of_place = |place: usize| match x.levels(place) {
            None if x.schema().fields()[place].kind == Kind::Datetime => Types::DATETIMES,
            None => Types { missing: x.facts()[place].missing > 0, ..Types::NUMBERS },
            Some(_) => Types::CATEGORIES,
        };
        let types = places.iter().fold(Self::none().types, |types, place| types.or(of_place(*place)));
        let columns = (!types.categories && !types.datetimes && !types.missing).then_some(places);
        Self { types, columns, multiplied: false }
    }

    /// Puts others beside these.
    fn join(&mut self, other: Self) {
        self.types = self.types.or(other.types);
        self.multiplied |= other.multiplied;
        self.columns = self.columns.take().zip(other.columns).map(|(own, other)| [own, other].concat());
    }
}

impl Judged {
    /// Judges steps one after the other; gives the features behind them. Every pipeline is to be fitted `fits` times.
    fn chain(&mut self, nodes: &[StepNode], mut features: Features, fits: usize) -> Features {
        for node in nodes {
            let (path, reason) = self.judge(node, &features, fits);
            let step = StepPlan { address: node.address.clone(), class: node.step.name(), path, reason };
            self.steps.push(step);
            features = after(node, &features);
        }
        features
    }

    fn judge(&mut self, node: &StepNode, input: &Features, fits: usize) -> (Path, String) {
        let needs = node.step.needs();
        let sorted = needs.has(Needs::ORDER) || needs.has(Needs::COUNTS) && input.types.numbers;
        let (path, reason) = if needs.has(Needs::ROWS) {
            (Path::General, "is fitted from rows")
        } else if multiplies(node) {
            return self.judge_products(node, input, fits);
        } else if !node.step.maps(input.types) {
            (Path::General, node.step.unmapped(input.types))
        } else if input.multiplied && sorted {
            (
                Path::General,
                "needs the sorted values of products of columns, of which only moments are collected",
            )
        } else if input.multiplied && needs.has(Needs::EXTREMES) {
            (Path::General, "needs the extremes of products of columns, of which only moments are collected")
        } else if sorted {
            (Path::TwoPass, "is fitted from the sorted values, and is a linear map")
        } else {
            (Path::TwoPass, "is fitted from statistics, and is a linear map")
        };
        (path, reason.to_owned())
    }

    fn judge_products(&mut self, node: &StepNode, input: &Features, fits: usize) -> (Path, String) {
        let Some(columns) = &input.columns else {
            let reason = match input.multiplied {
                true => "multiplies features that are products already",
                false => {
                    "multiplies features that are not each made of one number column without missing values"
                }
            };
            return (Path::General, reason.to_owned());
        };
        let Some(monomials) = node.step.products(columns.len()) else {
            return (Path::General, "makes too many features".to_owned());
        };
        // The moments of all monomials once, or those of the wanted in every fit.
        let (all, wanted) = (monomials.products.len(), monomials.len());
        if all.saturating_mul(all) > wanted.saturating_mul(wanted).saturating_mul(fits) {
            let reason = format!("makes {wanted} of {all} products up to its degree");
            return (Path::General, reason);
        }
        self.products.push(Multiplied { columns: columns.clone(), monomials });
        (Path::TwoPass, format!("makes products, whose moments are collected: {all} columns"))
    }
}

/// Whether a step gives products of features.
fn multiplies(node: &StepNode) -> bool {
    node.step.products(1).is_some()
}

/// The features behind a step.
fn after(node: &StepNode, input: &Features) -> Features {
    let multiplied = input.multiplied || multiplies(node);
    let keeps = node.step.rescales() && !multiplied;
    let columns = input.columns.clone().filter(|_| keeps);
    Features { types: node.step.emits(input.types), columns, multiplied }
}
