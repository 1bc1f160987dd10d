//! `sklearn.impute.SimpleImputer`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::features;
use crate::contract::{
    Block, Checks, Fault, FittedStep, Frame, Loader, Map, MapColumn, Needs, NumberStats, ParamValue, Params,
    Saver, State, Stats, Step, Summary, Term, Types, Value, Width, choice, params,
};
use crate::diag::{Code, Diagnostic, Result};
use crate::onnx::{Graph, Part, Wire, no_form};
use crate::table::{Levels, MISSING};

choice! {
    /// What a missing value is replaced by.
    pub enum Strategy {
        /// The mean of the training rows' values.
        Mean = "mean",
        /// Their median.
        Median = "median",
        /// The most frequent of them, the least where several are.
        MostFrequent = "most_frequent",
        /// `fill_value`.
        Constant = "constant",
    }
}

/// `.nan`: the one mark of a missing value here. Null tokens of every format are read as it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nan;

impl ParamValue for Nan {
    fn kind() -> String {
        "`.nan`".into()
    }

    fn read(value: &Value) -> Option<Self> {
        matches!(value, Value::Float(value) if value.is_nan()).then_some(Nan)
    }

    fn value(&self) -> Value {
        Value::Float(f64::NAN)
    }
}

params! {
    /// Replaces missing values, feature by feature. A feature without any value in the training rows is dropped, with a
    /// warning, unless `keep_empty_features`.
    pub struct SimpleImputer {
        /// What counts as missing.
        missing_values: Nan = Nan, Bound::Any;
        /// What missing values are replaced by; categories take `most_frequent` and `constant` only.
        strategy: Strategy = Strategy::Mean, Bound::Any;
        /// What `constant` fills in: null is 0 for numbers and `missing_value` for categories.
        fill_value: Value = Value::Null, Bound::Any;
        /// Add a feature of 0 and 1, `missingindicator_x`, for every feature that has missing values in the training rows. They
        /// follow all others.
        add_indicator: bool = false, Bound::Any;
        /// Keep features without any value in the training rows, filled with 0, or with `fill_value` if the strategy is `constant`.
        keep_empty_features: bool = false, Bound::Any;
    }
    without_effect: ["copy"];
}

impl Checks for SimpleImputer {
    fn check(&self) -> Vec<Fault> {
        let usable = match &self.fill_value {
            Value::Null | Value::Text(_) | Value::Bool(_) | Value::Int(_) => true,
            Value::Float(value) => value.is_finite(),
            Value::List(_) | Value::Map(_) => false,
        };
        if usable {
            return Vec::new();
        }
        let message = format!("`fill_value` is a finite number or text; this is {}", self.fill_value.kind());
        vec![Fault::of("fill_value", message)]
    }
}

/// What a feature's missing values are replaced by.
#[derive(Clone, Debug, PartialEq)]
enum Fill {
    /// Nothing: the feature is dropped.
    Dropped,
    Number(f64),
    Label(String),
}

/// `statistics_`, one a feature, and the features with an indicator.
#[derive(Debug)]
pub struct FittedSimpleImputer {
    names: Vec<Arc<str>>,
    fills: Vec<Fill>,
    /// Places of the features with an indicator, ascending.
    indicators: Vec<u32>,
    notes: Vec<Diagnostic>,
}

impl Step for SimpleImputer {
    type Fitted = FittedSimpleImputer;

    fn accepts(&self) -> Types {
        match self.strategy {
            Strategy::Mean | Strategy::Median => Types::HOLEY_NUMBERS,
            Strategy::Constant if matches!(self.fill_value, Value::Text(_)) => Types::CATEGORIES,
            Strategy::MostFrequent | Strategy::Constant => Types::ANY,
        }
    }

    fn emits(&self, input: Types) -> Types {
        Types { numbers: input.numbers || self.add_indicator, missing: false, ..input }
    }

    fn width(&self, input: Width) -> Width {
        let indicators = if self.add_indicator { input.holey } else { 0 };
        let input = input.unpacked();
        Width { numbers: input.numbers + indicators, holey: 0, ..input }
    }

    fn needs(&self) -> Needs {
        match self.strategy {
            Strategy::Mean => Needs::SPREAD,
            Strategy::Median => Needs::ORDER,
            Strategy::MostFrequent => Needs::COUNTS,
            Strategy::Constant => Needs::NOTHING,
        }
    }

    fn maps(&self, input: Types) -> bool {
        !input.categories
    }

    fn unmapped(&self, _input: Types) -> &'static str {
        "fills categories, which stay categories: no linear map"
    }

    /// Where nothing is missing, features stay as they are.
    fn rescales(&self) -> bool {
        true
    }

    fn rescaled(&self, _number: &NumberStats) -> Option<(f64, f64)> {
        Some((1.0, 0.0))
    }

    fn fit_stats(&self, stats: &Stats) -> Result<FittedSimpleImputer> {
        features::some_rows(stats, Self::NAME)?;
        let mut fitted = FittedSimpleImputer {
            names: stats.features.iter().map(|feature| Arc::clone(&feature.name)).collect(),
            fills: Vec::with_capacity(stats.features.len()),
            indicators: Vec::new(),
            notes: Vec::new(),
        };
        let middles = match self.strategy {
            Strategy::Median => stats.ranked(middle)?,
            _ => vec![Vec::new(); stats.features.len()],
        };
        for ((j, feature), middle) in (0..).zip(&stats.features).zip(&middles) {
            let (fill, missing, empty) = match &feature.summary {
                Summary::Number(number) => {
                    (self.number(&feature.name, number, middle)?, number.missing, number.present == 0)
                }
                Summary::Category { levels, counts, missing } => {
                    (self.label(&feature.name, levels, counts)?, *missing, *missing == stats.rows as u64)
                }
            };
            let drops = empty && !self.keep_empty_features;
            if drops {
                fitted.notes.push(dropped(&feature.name));
            }
            fitted.fills.push(if drops { Fill::Dropped } else { fill });
            if self.add_indicator && missing > 0 {
                fitted.indicators.push(j);
            }
        }
        Ok(fitted)
    }
}

impl SimpleImputer {
    /// `middle` holds the values of the ranks of [`middle`] for a median.
    fn number(&self, name: &str, number: &NumberStats, middle: &[f64]) -> Result<Fill> {
        let none = || Code::Bug.error(format!("SimpleImputer got no values of feature `{name}`"));
        let fill = match self.strategy {
            Strategy::Constant => self.constant_number(name)?,
            _ if number.present == 0 => 0.0,
            Strategy::Mean => number.mean,
            Strategy::Median => median(middle).ok_or_else(none)?,
            Strategy::MostFrequent => most_frequent(&number.order.as_ref().ok_or_else(none)?.counts()?),
        };
        if fill.is_finite() { Ok(Fill::Number(fill)) } else { Err(features::too_large(name, "mean")) }
    }

    fn constant_number(&self, name: &str) -> Result<f64> {
        match &self.fill_value {
            Value::Null => Ok(0.0),
            Value::Bool(value) => Ok(f64::from(u8::from(*value))),
            value => value.number().ok_or_else(|| {
                let message = format!("`fill_value` is {}, and feature `{name}` is a number", value.kind());
                Code::TypeMismatch.error(message).help("put numbers and categories into groups of their own")
            }),
        }
    }

    fn label(&self, name: &str, levels: &Levels, counts: &[u64]) -> Result<Fill> {
        match self.strategy {
            Strategy::Mean | Strategy::Median => {
                let error = features::not_a_number(name, "SimpleImputer with this strategy");
                Err(error.help("use `strategy: most_frequent` or `constant` for categories"))
            }
            Strategy::MostFrequent => {
                // The first of the greatest: levels are sorted, and the least wins a tie.
                let best = counts.iter().max().copied().unwrap_or(0);
                let place = counts.iter().position(|count| *count == best && best > 0);
                let label = place.and_then(|place| levels.labels().get(place));
                Ok(Fill::Label(label.map_or_else(|| "0".into(), Clone::clone)))
            }
            Strategy::Constant => Ok(Fill::Label(match &self.fill_value {
                Value::Null => "missing_value".into(),
                value => value.to_string(),
            })),
        }
    }
}

/// The ranks of the two values in the middle, the same where their number is odd.
fn middle(present: usize) -> Vec<usize> {
    vec![(present - 1) / 2, present / 2]
}

/// The mean of the two values in the middle.
fn median(middle: &[f64]) -> Option<f64> {
    let (low, high) = (middle.first()?, middle.last()?);
    let mean = (low + high) / 2.0;
    Some(if mean.is_finite() { mean } else { low / 2.0 + high / 2.0 })
}

/// The value that most rows have, the first of several.
fn most_frequent(counts: &[(f64, u64)]) -> f64 {
    let best = counts.iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map_or(0.0, |(value, _)| *value)
}

fn dropped(name: &str) -> Diagnostic {
    let message = format!("feature `{name}` has no value in any training row and is dropped");
    Code::WarnColumn
        .warning(message)
        .help("leave it out with `source.columns`, or set `keep_empty_features: true`")
}

impl FittedStep for FittedSimpleImputer {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        let frame = features::expected(frame, self.names.len(), SimpleImputer::NAME)?;
        let mut blocks = Vec::with_capacity(self.names.len() + self.indicators.len());
        for (fill, block) in self.fills.iter().zip(frame.blocks()) {
            blocks.extend(filled(fill, block)?);
        }
        for j in &self.indicators {
            // Places were checked when the state was made or loaded.
            let j = *j as usize;
            blocks.push(indicator(indicator_name(&self.names[j]), &frame.blocks()[j]));
        }
        Ok(Frame::new(frame.rows(), blocks))
    }

    /// A category that is filled stays a category, which is no sum of anything.
    fn map(&self) -> Option<Map> {
        let mut columns = Vec::with_capacity(self.names.len() + self.indicators.len());
        for ((j, name), fill) in (0..).zip(&self.names).zip(&self.fills) {
            match fill {
                Fill::Dropped => {}
                Fill::Label(_) => return None,
                Fill::Number(fill) => columns.push(MapColumn {
                    name: Arc::clone(name),
                    offset: 0.0,
                    terms: vec![(Term::Value(j), 1.0), (Term::Missing(j), *fill)],
                    missing: None,
                }),
            }
        }
        columns.extend(self.indicators.iter().map(|j| MapColumn {
            name: indicator_name(&self.names[*j as usize]),
            offset: 0.0,
            terms: vec![(Term::Missing(*j), 1.0)],
            missing: None,
        }));
        Some(Map { columns, refused: Vec::new() })
    }

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        let fill = |fill: &Fill| match fill {
            Fill::Dropped => serde_json::Value::Null,
            Fill::Number(fill) => (*fill).into(),
            Fill::Label(fill) => fill.as_str().into(),
        };
        let mut facts = vec![("statistics", features::by_feature(&self.names, self.fills.iter().map(fill)))];
        if !self.indicators.is_empty() {
            let indicated = self.indicators.iter().map(|j| self.names[*j as usize].to_string());
            facts.push(("indicators", indicated.collect()));
        }
        facts
    }

    fn notes(&self) -> Vec<Diagnostic> {
        self.notes.clone()
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        let mut wire = Wire::default();
        let mut indicated = Vec::new();
        for (j, (fill, feature)) in (0..).zip(self.fills.iter().zip(graph.each(features))) {
            match (fill, &feature) {
                (Fill::Dropped, _) => {}
                (Fill::Number(fill), Part::Numbers(numbers)) => {
                    let missing = graph.missing(numbers);
                    wire.parts.push(Part::Numbers(graph.replace(&missing, &[*fill], numbers)));
                }
                (Fill::Label(fill), Part::Labels(labels)) => {
                    wire.parts.push(Part::Labels(graph.fill(labels, fill)));
                }
                _ => return Err(no_form("a feature has another type than in training")),
            }
            if self.indicators.contains(&j) {
                let missing = match &feature {
                    Part::Numbers(numbers) => graph.missing(numbers),
                    Part::Labels(labels) => graph.missing_labels(labels),
                };
                indicated.push(Part::Numbers(graph.indicators(&missing)));
            }
        }
        wire.parts.extend(indicated);
        Ok(wire)
    }
}

fn indicator_name(feature: &str) -> Arc<str> {
    format!("missingindicator_{feature}").into()
}

/// A feature with its missing values replaced; none if it is dropped.
fn filled(fill: &Fill, block: &Block) -> Result<Option<Block>> {
    Ok(Some(match (fill, block) {
        (Fill::Dropped, _) => return Ok(None),
        (Fill::Number(fill), Block::Number { name, values }) => {
            features::finite(name, values)?;
            if !values.iter().any(|value| value.is_nan()) {
                return Ok(Some(block.clone()));
            }
            let values = values.iter().map(|value| if value.is_nan() { *fill } else { *value });
            Block::Number { name: Arc::clone(name), values: values.collect() }
        }
        (Fill::Label(fill), Block::Codes { name, codes, levels }) => {
            let (levels, places) = with_level(levels, fill);
            // The last place is that of the fill, which every missing code finds.
            let place = |code: &u32| places[(*code as usize).min(places.len() - 1)];
            Block::Codes { name: Arc::clone(name), codes: codes.iter().map(place).collect(), levels }
        }
        (Fill::Number(_), other) => {
            return Err(features::other_type(&other.names()[0], SimpleImputer::NAME, "number"));
        }
        (Fill::Label(_), other) => {
            return Err(features::other_type(&other.names()[0], SimpleImputer::NAME, "category"));
        }
    }))
}

/// The levels with one more, unless it is there, and where each old one now is; the added level's
/// own place comes last. Whether rows are missing changes nothing, so any batch gets the same levels.
fn with_level(levels: &Arc<Levels>, label: &str) -> (Arc<Levels>, Vec<u32>) {
    if let Some(code) = levels.code(label) {
        return (Arc::clone(levels), (0..levels.len() as u32).chain([code]).collect());
    }
    let mut labels = levels.labels().to_vec();
    labels.push(label.to_owned());
    let numeric = levels.numeric() && label.parse::<f64>().is_ok();
    let grown = Levels::new(labels, numeric);
    let places: BTreeMap<&str, u32> = grown.labels().iter().map(String::as_str).zip(0..).collect();
    let old = levels.labels().iter().map(String::as_str).chain([label]);
    // Every label is in the list that it was put into.
    let places = old.map(|label| places.get(label).copied().unwrap_or(MISSING)).collect();
    (Arc::new(grown), places)
}

/// 1 where a feature is missing, else 0.
fn indicator(name: Arc<str>, block: &Block) -> Block {
    let flag = |missing: bool| f64::from(u8::from(missing));
    let values = match block {
        Block::Number { values, .. } => values.iter().map(|value| flag(value.is_nan())).collect(),
        Block::Codes { codes, .. } => codes.iter().map(|code| flag(*code == MISSING)).collect(),
        // No frame that was unpacked has one; an indicator is never missing.
        Block::OneHot { codes, .. } => codes.iter().map(|_| 0.0).collect(),
    };
    Block::Number { name, values }
}

impl State for FittedSimpleImputer {
    fn save(&self, saver: &mut Saver) {
        features::save_names(saver, &self.names);
        let number = |fill: &Fill| if let Fill::Number(value) = fill { *value } else { f64::NAN };
        let label = |fill: &Fill| if let Fill::Label(label) = fill { Some(label.clone()) } else { None };
        saver.numbers("numbers", &self.fills.iter().map(number).collect::<Vec<_>>());
        saver.json("labels", self.fills.iter().map(label).collect::<Vec<_>>());
        saver.codes("indicators", &self.indicators);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let names = features::load_names(loader)?;
        let numbers = loader.numbers_of("numbers", names.len())?;
        let labels: Vec<Option<String>> = loader.json("labels")?;
        if labels.len() != names.len() {
            return Err(loader.damaged("labels", "are not one a feature"));
        }
        let indicators = loader.codes("indicators")?;
        if indicators.iter().any(|j| *j as usize >= names.len()) {
            return Err(loader.damaged("indicators", "name features that are not there"));
        }
        let fill = |(number, label): (f64, Option<String>)| match label {
            Some(label) => Fill::Label(label),
            None if number.is_nan() => Fill::Dropped,
            None => Fill::Number(number),
        };
        let fills = numbers.into_iter().zip(labels).map(fill).collect();
        Ok(Self { names, fills, indicators, notes: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_most_frequent_of_sorted_values() {
        assert_eq!([middle(1), middle(2), middle(3)], [[0, 0], [0, 1], [1, 1]]);
        assert_eq!([median(&[1.0, 1.0]), median(&[1.0, 2.0]), median(&[])], [Some(1.0), Some(1.5), None]);
        assert_eq!(median(&[1.7e308, 1.7e308]), Some(1.7e308));
        assert_eq!(most_frequent(&[(1.0, 1), (2.0, 2), (3.0, 2)]), 2.0);
    }

    #[test]
    fn a_new_level_is_sorted_in() {
        let levels = Arc::new(Levels::new(vec!["a".into(), "z".into()], false));
        let (grown, places) = with_level(&levels, "m");
        assert_eq!((grown.labels().join(","), places), ("a,m,z".into(), vec![0, 2, 1]));
        let (same, places) = with_level(&levels, "z");
        assert_eq!((same.len(), places), (2, vec![0, 1, 1]));
        let numeric = Arc::new(Levels::new(vec!["10".into(), "9".into()], true));
        let (grown, places) = with_level(&numeric, "missing_value");
        assert_eq!((grown.labels().join(","), places), ("10,9,missing_value".into(), vec![1, 0, 2]));
    }
}
