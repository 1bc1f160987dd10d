//! What a step of the two-pass path sees: features as linear maps of the raw positions, and their
//! statistics over a fold's training rows.

use std::sync::Arc;

use super::cells::Cell;
use super::layout::{Layout, Place};
use super::order::Orders;
use super::products::Scaled;
use crate::contract::{
    FeatureStats, Joint, Map, MapColumn, Needs, NumberStats, Order, PowerColumn, Stats, Summary, TargetStats,
    Term,
};
use crate::linalg::{Affine, Moments};
use crate::table::{Levels, Schema, Target};

/// A product's spread is at least this share of what it is added up from, or moments leave too few digits of it.
const LEFT: f64 = 0.01;

/// One feature.
#[derive(Clone, Debug)]
enum Seen {
    /// Its value where present, as a sum over positions, and what is known besides.
    Number { value: Affine, holes: Option<Holes>, extremes: Option<(f64, f64)>, source: Option<Source> },
    /// A raw category column.
    Category { raw: usize, at: usize, levels: Arc<Levels>, missing: Option<usize> },
}

/// The one raw number column that a feature is made of: `scale * x + offset`, and `fill` where that is missing, unless it is
/// missing there too.
#[derive(Clone, Copy, Debug)]
struct Source {
    raw: usize,
    scale: f64,
    offset: f64,
    fill: Option<f64>,
}

/// The missing rows of a feature.
#[derive(Clone, Copy, Debug)]
struct Holes {
    /// The position of their indicator.
    at: usize,
    /// How many there are among the training rows.
    count: u64,
}

/// Features over one fold's training rows.
#[derive(Clone)]
pub struct View<'a> {
    layout: &'a Layout,
    cell: &'a Cell,
    target: &'a Target,
    orders: &'a Orders,
    /// The cell whose rows are not among the training rows.
    except: Option<u16>,
    features: Vec<(Arc<str>, Seen)>,
}

/// A fold's training rows: the statistics of their cell, and the cell that they leave out.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    /// What is known of them.
    pub cell: &'a Cell,
    /// The fold, none for all rows.
    pub fold: Option<usize>,
    /// The order of all values.
    pub orders: &'a Orders,
}

impl<'a> View<'a> {
    /// The raw columns.
    pub fn raw(layout: &'a Layout, training: Training<'a>, target: &'a Target, schema: &Schema) -> Self {
        let Training { cell, fold, orders } = training;
        let seen = |(raw, place): (usize, &Place)| match place {
            Place::Number { at, shift, missing } => Seen::Number {
                value: Affine { offset: *shift, terms: vec![(*at as u32, 1.0)] },
                holes: missing.map(|at| Holes { at, count: cell.counts[raw][1] }),
                extremes: cell.extremes[raw],
                source: Some(Source { raw, scale: 1.0, offset: 0.0, fill: None }),
            },
            Place::Category { at, levels, missing } => {
                Seen::Category { raw, at: *at, levels: Arc::clone(levels), missing: *missing }
            }
        };
        let names = schema.names().map(Into::into);
        let features = names.zip(layout.places.iter().enumerate().map(seen)).collect();
        Self { layout, cell, target, orders, except: fold.map(|k| k as u16), features }
    }

    /// The features' names.
    pub fn names(&self) -> Vec<String> {
        self.features.iter().map(|(name, _)| name.to_string()).collect()
    }

    /// Some of the features.
    pub fn select(&self, places: &[usize]) -> Self {
        let features = places.iter().map(|j| self.features[*j].clone()).collect();
        Self { features, ..self.clone_empty() }
    }

    /// The features of several views of the same rows, each under its group's name.
    pub fn beside(&self, groups: Vec<(Option<String>, View)>) -> View<'a> {
        let mut features = Vec::new();
        for (group, view) in groups {
            let name = |name: &str| {
                group.as_ref().map_or_else(|| name.into(), |group| format!("{group}__{name}").into())
            };
            features.extend(view.features.into_iter().map(|(own, seen)| (name(&own), seen)));
        }
        View { features, ..self.clone_empty() }
    }

    fn clone_empty(&self) -> View<'a> {
        View { features: Vec::new(), ..*self }
    }

    /// The features after a fitted step.
    pub fn through(&self, map: &Map) -> View<'a> {
        let features =
            map.columns.iter().map(|column| (Arc::clone(&column.name), self.mapped(column))).collect();
        View { features, ..self.clone_empty() }
    }

    /// The features after a fitted step that multiplies these.
    ///
    /// # Errors
    /// Why the products cannot be had from those of raw columns with digits to spare.
    pub fn multiplied(&self, columns: &[PowerColumn]) -> Result<View<'a>, String> {
        let scaled = |(name, seen): &(Arc<str>, Seen)| match seen {
            Seen::Number { holes: None, source: Some(source), .. } if source.fill.is_none() => {
                let scaled = self.layout.products.scaled(source.raw, source.scale, source.offset);
                scaled.ok_or_else(|| format!("products of `{name}` would lose digits"))
            }
            _ => Err(format!("`{name}` is not made of one column without missing values")),
        };
        let factors: Vec<Scaled> = self.features.iter().map(scaled).collect::<Result<_, _>>()?;
        let feature = |column: &PowerColumn| Ok((Arc::clone(&column.name), self.product(column, &factors)?));
        let features = columns.iter().map(feature).collect::<Result<_, String>>()?;
        Ok(View { features, ..self.clone_empty() })
    }

    fn product(&self, column: &PowerColumn, factors: &[Scaled]) -> Result<Seen, String> {
        match &column.powers[..] {
            [] => {
                let value = Affine::constant(1.0);
                Ok(Seen::Number { value, holes: None, extremes: Some((1.0, 1.0)), source: None })
            }
            [(feature, 1)] => Ok(self.features[*feature as usize].1.clone()),
            powers => {
                let lost = || format!("moments leave too few digits of `{}`", column.name);
                let value = self.layout.products.expanded(powers, factors).ok_or_else(lost)?;
                if !self.keeps_digits(&value) {
                    return Err(lost());
                }
                Ok(Seen::Number { value, holes: None, extremes: None, source: None })
            }
        }
    }

    /// Whether the spread of a sum is not much less than that of what is added: then it has most of the digits that they
    /// have, and it is no constant unless all of them are.
    fn keeps_digits(&self, value: &Affine) -> bool {
        let cells = [Some(&self.cell.plain), self.cell.weighted.as_ref()];
        cells.into_iter().flatten().all(|moments| {
            let own =
                |(at, factor): &(u32, f64)| factor * factor * moments.gram[(*at as usize, *at as usize)];
            let parts: f64 = value.terms.iter().map(own).sum();
            parts.is_finite() && squares(value, moments) >= LEFT * parts
        })
    }

    /// The positions that must be 0 in every row that the step is to accept.
    pub fn refused(&self, map: &Map) -> Vec<usize> {
        map.refused.iter().filter_map(|term| self.position(*term)).collect()
    }

    /// The position of an indicator term.
    fn position(&self, term: Term) -> Option<usize> {
        match term {
            Term::Value(_) => None,
            Term::Missing(j) => match &self.features[j as usize].1 {
                Seen::Number { holes, .. } => holes.map(|holes| holes.at),
                Seen::Category { missing, .. } => *missing,
            },
            Term::Level(j, level) => match &self.features[j as usize].1 {
                Seen::Category { at, levels, .. } if (level as usize) < levels.len() => {
                    Some(at + level as usize)
                }
                Seen::Category { missing, .. } => *missing,
                Seen::Number { .. } => None,
            },
        }
    }

    fn mapped(&self, column: &MapColumn) -> Seen {
        let mut offset = column.offset;
        let mut terms: Vec<(u32, f64)> = Vec::new();
        for (term, factor) in &column.terms {
            if let Term::Value(j) = term {
                let Seen::Number { value, holes, .. } = &self.features[*j as usize].1 else { continue };
                offset += factor * value.offset;
                terms.extend(value.terms.iter().map(|(at, own)| (*at, factor * own)));
                // Where the feature is missing it counts as 0, not as its offset.
                terms.extend(holes.map(|holes| (holes.at as u32, -factor * value.offset)));
            } else if let Some(at) = self.position(*term) {
                terms.push((at as u32, *factor));
            }
        }
        let holes = column.missing.and_then(|j| match &self.features[j as usize].1 {
            Seen::Number { holes, .. } => *holes,
            Seen::Category { raw, levels, missing, .. } => {
                missing.map(|at| Holes { at, count: self.cell.counts[*raw][levels.len()] })
            }
        });
        // The value where present: the indicator of the missing rows is 0 there.
        terms.retain(|(at, _)| holes.is_none_or(|holes| holes.at != *at as usize));
        let (extremes, source) = (self.extremes(column), self.source(column));
        Seen::Number { value: Affine { offset, terms: collected(terms) }, holes, extremes, source }
    }

    /// The one raw number column that an output feature is made of, if it is.
    fn source(&self, column: &MapColumn) -> Option<Source> {
        let (mut factor, mut hole, mut feature) = (None, 0.0, None);
        for (term, own) in &column.terms {
            let j = match term {
                Term::Value(j) => {
                    factor = Some(*own);
                    j
                }
                Term::Missing(j) => {
                    hole = *own;
                    j
                }
                Term::Level(..) => return None,
            };
            if *feature.get_or_insert(*j) != *j {
                return None;
            }
        }
        let Seen::Number { source: Some(source), holes, .. } = &self.features[feature? as usize].1 else {
            return None;
        };
        let factor = factor?;
        let fill = match (holes, column.missing) {
            (Some(_), Some(_)) => None,
            (Some(_), None) => Some(column.offset + hole),
            (None, _) => source.fill.map(|fill| factor * fill + column.offset),
        };
        let offset = factor * source.offset + column.offset;
        Some(Source { scale: factor * source.scale, offset, fill, ..*source })
    }

    /// The order of a feature's values, where they come from one raw number column.
    fn order(&self, source: &Source) -> Arc<dyn Order> {
        let [present, missing] = [0, 1].map(|place| self.cell.counts[source.raw][place] as usize);
        let raw = self.orders.of(source.raw, self.except, present);
        Arc::new(raw.mapped(source.scale, source.offset, source.fill.map(|fill| (fill, missing))))
    }

    /// The first feature whose values cannot be had in order, or its extremes at all, though a step needs them.
    pub fn without_values(&self, needs: Needs) -> Option<&str> {
        let order = needs.has(Needs::ORDER) || needs.has(Needs::COUNTS);
        let lacks = |seen: &Seen| match seen {
            Seen::Number { holes, extremes, source, .. } => {
                let present = self.cell.plain.rows > holes.map_or(0, |holes| holes.count);
                order && source.is_none() || needs.has(Needs::EXTREMES) && present && extremes.is_none()
            }
            Seen::Category { .. } => false,
        };
        self.features.iter().find(|(_, seen)| lacks(seen)).map(|(name, _)| &**name)
    }

    /// The first number feature whose values a step needs in order, or whose extremes it needs and nobody has.
    pub fn without_order(&self, needs: Needs) -> Option<&str> {
        let order = needs.has(Needs::ORDER) || needs.has(Needs::COUNTS);
        let number = |(_, seen): &&(Arc<str>, Seen)| matches!(seen, Seen::Number { .. });
        let first = self.features.iter().find(number).filter(|_| order);
        first
            .map(|(name, _)| &**name)
            .or_else(|| self.without_values(Needs::EXTREMES).filter(|_| needs.has(Needs::EXTREMES)))
    }

    /// Least and greatest value of an output feature, where its terms let them be known: one number
    /// feature with or without a fill, or levels of one category.
    fn extremes(&self, column: &MapColumn) -> Option<(f64, f64)> {
        let source = |term: &Term| match term {
            Term::Value(j) | Term::Missing(j) | Term::Level(j, _) => *j as usize,
        };
        let first = source(&column.terms.first()?.0);
        if column.terms.iter().any(|(term, _)| source(term) != first) {
            return None;
        }
        let sum = |wanted: &dyn Fn(&Term) -> bool| -> f64 {
            column.offset
                + column.terms.iter().filter(|(term, _)| wanted(term)).map(|(_, factor)| factor).sum::<f64>()
        };
        let mut values = Vec::new();
        match &self.features[first].1 {
            Seen::Number { holes, extremes, .. } => {
                let scale =
                    column.terms.iter().find(|(term, _)| matches!(term, Term::Value(_))).map(|(_, f)| *f);
                match (scale, extremes) {
                    (Some(scale), Some((low, high))) => {
                        values.extend([scale * low + column.offset, scale * high + column.offset]);
                    }
                    (Some(_), None) => {}
                    (None, _) if self.cell.plain.rows > holes.map_or(0, |holes| holes.count) => {
                        values.push(column.offset)
                    }
                    (None, _) => {}
                }
                if column.missing.is_none() && holes.is_some_and(|holes| holes.count > 0) {
                    values.push(sum(&|term| matches!(term, Term::Missing(_))));
                }
            }
            Seen::Category { raw, .. } => {
                let counts = self.cell.counts[*raw].iter().enumerate().filter(|(_, count)| **count > 0);
                values.extend(counts.map(|(level, _)| {
                    sum(&|term| matches!(term, Term::Level(_, l) if *l as usize == level))
                }));
            }
        }
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        Some((low, high))
    }

    /// The statistics that a step asks for.
    pub fn stats(&self, needs: Needs) -> Stats {
        let stats = |(name, seen): &(Arc<str>, Seen)| FeatureStats {
            name: Arc::clone(name),
            summary: self.summary(seen, needs),
        };
        let features = self.features.iter().map(stats).collect();
        let target = needs.has(Needs::TARGET).then(|| self.target_stats());
        let joint = if needs.has(Needs::JOINT) { self.joint_of_features() } else { None };
        Stats { rows: self.cell.plain.rows as usize, features, target, joint, inner: Vec::new() }
    }

    /// The joint moments of all features without weights, as steps take them, if none is a category or has a
    /// hole in a training row.
    fn joint_of_features(&self) -> Option<Joint> {
        let value = |(_, seen): &(Arc<str>, Seen)| match seen {
            Seen::Number { value, holes, .. } if holes.is_none_or(|holes| holes.count == 0) => {
                Some(value.clone())
            }
            _ => None,
        };
        let values: Vec<Affine> = self.features.iter().map(value).collect::<Option<_>>()?;
        Some(Joint { moments: self.cell.plain.map(&values), targets: 0, factor: None })
    }

    fn summary(&self, seen: &Seen, needs: Needs) -> Summary {
        match seen {
            Seen::Category { raw, levels, .. } => {
                let counts = &self.cell.counts[*raw];
                Summary::Category {
                    levels: Arc::clone(levels),
                    counts: counts[..levels.len()].to_vec(),
                    missing: counts[levels.len()],
                }
            }
            Seen::Number { value, holes, extremes, source } => {
                let rows = self.cell.plain.rows;
                let missing = holes.map_or(0, |holes| holes.count);
                let (mean, squares) = self.spread(value, rows, rows - missing);
                let with_target = if needs.has(Needs::TARGET) { self.with_target(value) } else { Vec::new() };
                Summary::Number(NumberStats {
                    present: rows - missing,
                    missing,
                    mean,
                    squares,
                    extremes: *extremes,
                    order: source
                        .as_ref()
                        .filter(|_| needs.has(Needs::ORDER) || needs.has(Needs::COUNTS))
                        .map(|source| self.order(source)),
                    with_target,
                })
            }
        }
    }

    /// Mean and sum of squared deviations of the present values. The terms are 0 in missing rows, so
    /// the sums over all rows are those over the present ones; only the mean must be taken anew.
    fn spread(&self, value: &Affine, rows: u64, present: u64) -> (f64, f64) {
        let moments = &self.cell.plain;
        let sum: f64 = value.terms.iter().map(|(at, factor)| factor * moments.mean[*at as usize]).sum();
        let squares = squares(value, moments);
        if present == rows {
            return (value.offset + sum, squares.max(0.0));
        }
        if present == 0 {
            return (0.0, 0.0);
        }
        let (all, here) = (rows as f64, present as f64);
        let mean = sum * all / here;
        (value.offset + mean, (squares + all * sum * sum - here * mean * mean).max(0.0))
    }

    fn with_target(&self, value: &Affine) -> Vec<f64> {
        let gram = &self.cell.plain.gram;
        let with = |t: usize| value.terms.iter().map(|(at, factor)| factor * gram[(*at as usize, t)]).sum();
        (self.layout.features..self.layout.width()).map(with).collect()
    }

    fn target_stats(&self) -> TargetStats {
        let moments = &self.cell.plain;
        let targets = self.layout.features..self.layout.width();
        match self.target {
            Target::Values(_) => TargetStats::Values {
                means: targets
                    .clone()
                    .zip(&self.layout.target_shifts)
                    .map(|(t, shift)| moments.mean[t] + shift)
                    .collect(),
                squares: targets.map(|t| moments.gram[(t, t)]).collect(),
            },
            Target::Classes { .. } => {
                let count = |t: usize| (moments.mean[t] * moments.rows as f64).round() as u64;
                TargetStats::Classes(targets.map(count).collect())
            }
        }
    }

    /// The joint moments of all features and targets, if every feature is a number without a hole.
    pub fn joint(&self) -> Option<Joint> {
        let moments: &Moments = self.cell.weighted.as_ref().unwrap_or(&self.cell.plain);
        let forms = self.forms()?;
        let factor = self.cell.factor.as_ref().map(|factor| factor.map(&forms));
        Some(Joint { moments: moments.map(&forms), targets: self.layout.target_shifts.len(), factor })
    }

    /// The same of other rows, from the moments of their positions.
    pub fn joint_of(&self, rows: &[Moments]) -> Option<Vec<Moments>> {
        let columns = self.forms()?;
        Some(rows.iter().map(|moments| moments.map(&columns)).collect())
    }

    /// Every feature, then every target, as a sum over positions, if every feature is a number without a hole.
    fn forms(&self) -> Option<Vec<Affine>> {
        let mut columns = self.values()?;
        for (t, shift) in self.layout.target_shifts.iter().enumerate() {
            columns.push(Affine { offset: *shift, terms: vec![((self.layout.features + t) as u32, 1.0)] });
        }
        Some(columns)
    }

    /// Every feature as a sum over positions, if every one is a number without a hole.
    pub fn values(&self) -> Option<Vec<Affine>> {
        let value = |(_, seen): &(Arc<str>, Seen)| match seen {
            // A hole anywhere in the table, be it in a test row: the rows path has the right error.
            Seen::Number { value, holes: None, .. } => Some(value.clone()),
            _ => None,
        };
        self.features.iter().map(value).collect()
    }
}

/// The sum of squared deviations of a sum over positions.
fn squares(value: &Affine, moments: &Moments) -> f64 {
    let square = |(at, factor): &(u32, f64)| -> f64 {
        let row = |(other, own): &(u32, f64)| own * moments.gram[(*at as usize, *other as usize)];
        factor * value.terms.iter().map(row).sum::<f64>()
    };
    value.terms.iter().map(square).sum()
}

/// Terms sorted by position, those of the same position added up.
fn collected(mut terms: Vec<(u32, f64)>) -> Vec<(u32, f64)> {
    terms.sort_by_key(|(at, _)| *at);
    terms.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 += later.1;
        }
        same
    });
    terms
}
