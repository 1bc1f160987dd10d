//! The places of a pipeline that a search can change, and the pipelines that come of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::draft::Draft;
use super::lookup;
use super::nodes::{ModelNode, Pipeline, StepNode};
use crate::contract::Task;
use crate::contract::erased::{AnyModel, AnyParams, AnyStep, Declared};
use crate::diag::{Code, Diagnostic, Span};
use crate::yaml::Node;

/// What is or comes into a place.
#[derive(Clone)]
pub enum Component {
    /// A step.
    Step(Arc<dyn AnyStep>),
    /// The model.
    Model(Arc<dyn AnyModel>),
    /// No step: features pass as they are.
    Passthrough,
    /// What is written there names no component, which was reported.
    Unmade,
}

/// Where a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A step of a group, by the places of both.
    Group(usize, usize),
    /// A selector.
    Select(usize),
    /// The model.
    Model,
    /// Where no component is, and nothing can be put.
    Unmade,
}

/// A step or the model, under its address.
pub struct Slot {
    /// The address, to which a parameter is added by `__`.
    pub address: String,
    /// What is written there.
    pub component: Component,
    /// Another address: `select` where there is one selector.
    alias: Option<String>,
    place: Place,
}

/// All slots of a pipeline.
pub struct Slots {
    /// In the order of the pipeline.
    pub all: Vec<Slot>,
    /// What the model learns.
    pub task: Option<Task>,
}

impl Slots {
    /// The slots of a pipeline, also where a component could not be made.
    pub fn of(draft: &Draft) -> Self {
        let slot = |node: &StepNode, place, alias| Slot {
            address: node.address.clone(),
            component: Component::Step(Arc::clone(&node.step)),
            alias,
            place,
        };
        let groups = draft.groups.iter().enumerate().flat_map(|(g, group)| {
            group.steps.iter().enumerate().map(move |(i, node)| slot(node, Place::Group(g, i), None))
        });
        let unmade = draft.unmade.iter().filter(|address| address.starts_with("select__")).count();
        let alias = (draft.select.len() + unmade == 1).then(|| "select".to_owned());
        let select = draft.select.iter().enumerate();
        let select = select.map(|(i, node)| slot(node, Place::Select(i), alias.clone()));
        let model = draft.model.iter().map(|node| Slot {
            address: "model".to_owned(),
            component: Component::Model(Arc::clone(&node.model)),
            alias: None,
            place: Place::Model,
        });
        let unmade = draft.unmade.iter().map(|address| Slot {
            address: address.clone(),
            component: Component::Unmade,
            alias: alias.clone().filter(|_| address.starts_with("select__")),
            place: Place::Unmade,
        });
        let all = groups.chain(select).chain(model).chain(unmade).collect();
        Self { all, task: draft.model.as_ref().map(|node| node.model.task()) }
    }

    /// The slot of an address, and the parameter where it names one.
    pub fn find<'a>(&self, address: &'a str) -> Option<(usize, Option<&'a str>)> {
        if let Some(slot) = self.all.iter().position(|slot| slot.address == address) {
            return Some((slot, None));
        }
        let (before, parameter) = address.rsplit_once("__")?;
        let slot = |slot: &Slot| slot.address == before || slot.alias.as_deref() == Some(before);
        self.all.iter().position(slot).map(|slot| (slot, Some(parameter)))
    }

    /// The addresses of all parameters, then those of whole steps and the model.
    pub fn addresses(&self) -> Vec<String> {
        let parameters = self.all.iter().flat_map(|slot| {
            let names = declared(&slot.component).map(|kind| kind.parameters()).unwrap_or_default();
            let begins = [Some(&slot.address), slot.alias.as_ref()];
            let of = move |begin: &String| {
                names.iter().map(|param| format!("{begin}__{}", param.name)).collect::<Vec<_>>()
            };
            begins.into_iter().flatten().flat_map(of).collect::<Vec<_>>()
        });
        parameters.chain(self.all.iter().map(|slot| slot.address.clone())).collect()
    }
}

/// What the lists say of a component.
fn declared(component: &Component) -> Option<&'static dyn Declared> {
    match component {
        Component::Step(step) => crate::steps::named(step.name()).map(|kind| kind as &dyn Declared),
        Component::Model(model) => crate::models::named(model.name()).map(|kind| kind as &dyn Declared),
        Component::Passthrough | Component::Unmade => None,
    }
}

/// Sets parameters of a component, each with the place of its name and its value; with `check` also
/// what they are together. Gives what is to be said of it.
pub fn assign(
    component: &mut Component,
    parameters: &[(&str, &Span, &Node)],
    check: bool,
) -> Vec<Diagnostic> {
    if parameters.is_empty() || matches!(component, Component::Unmade) {
        return Vec::new();
    }
    let Some(kind) = declared(component) else {
        let (name, span, _) = parameters[0];
        let message = format!("`{name}` is a parameter of a step that `passthrough` takes away");
        let help = "give `param_grid` a list of maps, one for each of both";
        return vec![Code::Conflict.error(message).at(span).help(help)];
    };
    match component {
        Component::Step(step) => {
            let mut made = step.boxed();
            let problems = set(made.as_mut(), kind, parameters, check);
            *step = made.into();
            problems
        }
        Component::Model(model) => {
            let mut made = model.boxed();
            let problems = set(made.as_mut(), kind, parameters, check);
            *model = made.into();
            problems
        }
        Component::Passthrough | Component::Unmade => Vec::new(),
    }
}

fn set<T: AnyParams + ?Sized>(
    made: &mut T,
    kind: &dyn Declared,
    parameters: &[(&str, &Span, &Node)],
    check: bool,
) -> Vec<Diagnostic> {
    let declared = kind.parameters();
    let mut problems = Vec::new();
    for (name, span, node) in parameters {
        let parameter = ((*name).to_owned(), (*span).clone(), (*node).clone());
        problems.extend(lookup::set(made, &declared, kind.without_effect(), &parameter));
    }
    if check {
        problems.extend(lookup::check(made, &declared, parameters[0].1, parameters));
    }
    problems
}

/// The steps and models that pipelines share: equal ones in one place are one.
pub struct Shared {
    steps: BTreeMap<String, Arc<dyn AnyStep>>,
    models: BTreeMap<String, Arc<dyn AnyModel>>,
}

impl Shared {
    /// Begins with what a pipeline has.
    pub fn of(pipeline: &Pipeline) -> Self {
        let mut shared = Self { steps: BTreeMap::new(), models: BTreeMap::new() };
        let nodes = pipeline.groups.iter().flat_map(|group| &group.steps).chain(&pipeline.select);
        nodes.for_each(|node| drop(shared.step(&node.address, Arc::clone(&node.step))));
        shared.model(Arc::clone(&pipeline.model.model));
        shared
    }

    fn step(&mut self, address: &str, step: Arc<dyn AnyStep>) -> Arc<dyn AnyStep> {
        let key = format!("{address} {} {:?}", step.name(), step.values());
        Arc::clone(self.steps.entry(key).or_insert(step))
    }

    fn model(&mut self, model: Arc<dyn AnyModel>) -> Arc<dyn AnyModel> {
        let key = format!("{} {:?}", model.name(), model.values());
        Arc::clone(self.models.entry(key).or_insert(model))
    }

    /// A pipeline with other components in some slots.
    pub fn changed(&mut self, pipeline: &Pipeline, changes: Vec<(&Slot, Component)>) -> Pipeline {
        let mut pipeline = pipeline.clone();
        // From the end, so that a step that goes does not move those to be changed.
        for (slot, component) in changes.into_iter().rev() {
            let steps = match slot.place {
                Place::Group(group, at) => Some((&mut pipeline.groups[group].steps, at)),
                Place::Select(at) => Some((&mut pipeline.select, at)),
                Place::Model | Place::Unmade => None,
            };
            match (component, steps) {
                (Component::Step(step), Some((steps, at))) => steps[at].step = self.step(&slot.address, step),
                (Component::Passthrough, Some((steps, at))) => drop(steps.remove(at)),
                (Component::Model(model), _) => {
                    let model = self.model(model);
                    let name = model.name().to_lowercase();
                    pipeline.model = ModelNode { name, model, ..pipeline.model };
                }
                (Component::Unmade, _) | (Component::Step(_) | Component::Passthrough, None) => {}
            }
        }
        pipeline
    }
}
