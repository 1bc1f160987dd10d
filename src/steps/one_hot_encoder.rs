//! `sklearn.preprocessing.OneHotEncoder`.

use super::categories::{Categories, scalars};
use super::features;
use super::vocabulary::{self, UNKNOWN, Vocabulary};
use crate::contract::{
    Block, Checks, Fault, FittedStep, Frame, Loader, Map, MapColumn, Needs, ParamValue, Params, Saver, State,
    Stats, Step, Term, Types, Value, Width, choice, params,
};
use crate::diag::{Code, Result};
use crate::onnx::{Graph, Part, Wire};
use crate::table::MISSING;

choice! {
    /// What happens to a category that the training rows do not have.
    pub enum HandleUnknown {
        /// It is an error.
        Error = "error",
        /// All indicators of the feature are 0.
        Ignore = "ignore",
        /// As scikit-learn spells `ignore` where infrequent categories are grouped; not in this version.
        InfrequentIfExist = "infrequent_if_exist",
        /// The same with a warning; not in this version.
        Warn = "warn",
    }
}

/// The category of each feature that gets no indicator.
#[derive(Clone, Debug, PartialEq)]
pub enum Dropped {
    /// None.
    Nothing,
    /// The first.
    First,
    /// The first of features with two categories.
    IfBinary,
    /// These, one a feature.
    Listed(Vec<Value>),
}

impl ParamValue for Dropped {
    fn kind() -> String {
        "`first` | `if_binary`, a list of one category a feature, or null".into()
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Nothing),
            Value::Text(text) if text == "first" => Some(Self::First),
            Value::Text(text) if text == "if_binary" => Some(Self::IfBinary),
            list => scalars(list).map(Self::Listed),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::First => Value::Text("first".into()),
            Self::IfBinary => Value::Text("if_binary".into()),
            Self::Listed(values) => Value::List(values.clone()),
        }
    }
}

params! {
    /// Makes an indicator feature, 0 or 1, of every category. Missing is a category of its own, the last, if training rows
    /// have it; so `drop: if_binary` keeps all of f, m and missing. The distinct values of a number feature are its categories.
    pub struct OneHotEncoder {
        /// The categories: those of the training rows, or one list a feature.
        categories: Categories = Categories::Auto, Bound::Any;
        /// The category of each feature that gets no indicator.
        drop: Dropped = Dropped::Nothing, Bound::Any;
        /// What happens to a category that the training rows do not have: an error, or all indicators are 0.
        handle_unknown: HandleUnknown = HandleUnknown::Error, Bound::Any;
        /// The least frequency of a category with an indicator of its own.
        min_frequency: Value = Value::Null, Bound::Only("null");
        /// The greatest number of indicators of a feature.
        max_categories: Value = Value::Null, Bound::Only("null");
        /// How an indicator's name is made: `feature_category`.
        feature_name_combiner: String = "concat".into(), Bound::Only("concat");
    }
    without_effect: ["sparse_output", "dtype"];
}

impl Checks for OneHotEncoder {
    fn check(&self) -> Vec<Fault> {
        let mut faults = self.categories.check();
        if matches!(self.handle_unknown, HandleUnknown::InfrequentIfExist | HandleUnknown::Warn) {
            let word = self.handle_unknown.value();
            let message = format!(
                "`handle_unknown: {word}` groups infrequent categories, which is not in this version"
            );
            let help = "`ignore` does the same where `min_frequency` and `max_categories` are null";
            faults.push(Fault::of("handle_unknown", message).help(help));
        }
        faults
    }
}

/// `categories_` and `drop_idx_`, one a feature.
#[derive(Debug)]
pub struct FittedOneHotEncoder {
    vocabularies: Vec<Vocabulary>,
    dropped: Vec<Option<u32>>,
    /// Whether an unknown category is an error.
    strict: bool,
}

impl Step for OneHotEncoder {
    type Fitted = FittedOneHotEncoder;

    fn accepts(&self) -> Types {
        Types::ANY
    }

    fn emits(&self, _input: Types) -> Types {
        Types::NUMBERS
    }

    /// Of a number only the data know how many values it has.
    fn width(&self, input: Width) -> Width {
        const VALUES: usize = 16;
        let input = input.unpacked();
        Width {
            indicators: input.levels + VALUES * input.numbers,
            groups: input.categories + input.numbers,
            ..Width::default()
        }
    }

    fn needs(&self) -> Needs {
        Needs::COUNTS
    }

    fn maps(&self, input: Types) -> bool {
        !input.numbers
    }

    fn unmapped(&self, _input: Types) -> &'static str {
        "makes categories of numbers, which is no linear map of them"
    }

    fn fit_stats(&self, stats: &Stats) -> Result<FittedOneHotEncoder> {
        let strict = self.handle_unknown == HandleUnknown::Error;
        let vocabularies = vocabulary::learn(&self.categories, stats, Self::NAME, strict)?;
        let dropped = self.dropped(&vocabularies)?;
        Ok(FittedOneHotEncoder { vocabularies, dropped, strict })
    }
}

impl OneHotEncoder {
    fn dropped(&self, vocabularies: &[Vocabulary]) -> Result<Vec<Option<u32>>> {
        let first = |wanted: bool| wanted.then_some(0);
        match &self.drop {
            Dropped::Nothing => Ok(vec![None; vocabularies.len()]),
            Dropped::First => Ok(vec![Some(0); vocabularies.len()]),
            Dropped::IfBinary => Ok(vocabularies.iter().map(|v| first(v.len() == 2)).collect()),
            Dropped::Listed(values) if values.len() != vocabularies.len() => {
                let (values, features) = (values.len(), vocabularies.len());
                let message = format!("`drop` lists {values} categories, and there are {features} features");
                Err(Code::BadValue.error(message).help("list one category a feature, in the features' order"))
            }
            Dropped::Listed(values) => {
                let place = |(vocabulary, value): (&Vocabulary, &Value)| {
                    let missing = || {
                        let name = vocabulary.name();
                        let message =
                            format!("`drop` lists `{value}` for feature `{name}`, which no training row has");
                        Code::UnknownCategory.error(message).help("list categories that the data has")
                    };
                    vocabulary.place(value).ok_or_else(missing).map(Some)
                };
                vocabularies.iter().zip(values).map(place).collect()
            }
        }
    }
}

impl FittedOneHotEncoder {
    /// The indicator of a category, counted within its feature.
    fn indicator(&self, j: usize, place: u32) -> Option<u32> {
        match self.dropped[j] {
            _ if place == UNKNOWN => None,
            Some(dropped) if place == dropped => None,
            Some(dropped) if place > dropped => Some(place - 1),
            _ => Some(place),
        }
    }

    /// The indicators' names of one feature.
    fn names(&self, j: usize) -> Vec<std::sync::Arc<str>> {
        let mut names = self.vocabularies[j].names();
        if let Some(dropped) = self.dropped[j].filter(|dropped| (*dropped as usize) < names.len()) {
            names.remove(dropped as usize);
        }
        names
    }
}

impl FittedStep for FittedOneHotEncoder {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        let frame = features::expected(frame, self.vocabularies.len(), OneHotEncoder::NAME)?;
        let mut blocks = Vec::with_capacity(self.vocabularies.len());
        for (j, (vocabulary, block)) in self.vocabularies.iter().zip(frame.blocks()).enumerate() {
            let places = vocabulary.places(block, OneHotEncoder::NAME)?;
            if let Some(row) = places.iter().position(|place| *place == UNKNOWN).filter(|_| self.strict) {
                let error = vocabulary.unknown(block, row);
                return Err(error.help("set `handle_unknown: ignore`, or list the `categories`"));
            }
            let names = self.names(j);
            if !names.is_empty() {
                let codes = places.into_iter().map(|place| self.indicator(j, place).unwrap_or(MISSING));
                blocks.push(Block::OneHot { names: names.into(), codes: codes.collect() });
            }
        }
        Ok(Frame::new(frame.rows(), blocks))
    }

    fn map(&self) -> Option<Map> {
        let mut map = Map { columns: Vec::new(), refused: Vec::new() };
        for (j, vocabulary) in self.vocabularies.iter().enumerate() {
            let start = map.columns.len();
            let column = |name| MapColumn { name, offset: 0.0, terms: Vec::new(), missing: None };
            map.columns.extend(self.names(j).into_iter().map(column));
            for (level, place) in (0..).zip(vocabulary.of_levels()?) {
                let term = Term::Level(j as u32, level);
                if place == UNKNOWN && self.strict {
                    map.refused.push(term);
                } else if let Some(indicator) = self.indicator(j, place) {
                    map.columns[start + indicator as usize].terms.push((term, 1.0));
                }
            }
        }
        Some(map)
    }

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        let dropped = |(vocabulary, place): (&Vocabulary, &Option<u32>)| {
            let category = vocabulary.categories().into_iter().nth((*place)? as usize)?;
            Some((vocabulary.name().to_string(), category))
        };
        let mut facts = vec![("categories", vocabulary::categories(&self.vocabularies))];
        if self.dropped.iter().any(Option::is_some) {
            facts
                .push(("dropped", self.vocabularies.iter().zip(&self.dropped).filter_map(dropped).collect()));
        }
        facts
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        let mut wire = Wire::default();
        for (j, (vocabulary, feature)) in self.vocabularies.iter().zip(graph.each(features)).enumerate() {
            let codes = vocabulary.onnx(graph, &feature)?;
            let dropped = self.dropped[j].map(i64::from);
            let places: Vec<i64> =
                (0..vocabulary.len() as i64).filter(|place| Some(*place) != dropped).collect();
            if places.is_empty() {
                continue;
            }
            let set = graph.at_place(&codes, &places);
            let mut indicators = graph.indicators(&set);
            if self.strict {
                let unknown = graph.at_place(&codes, &[-1]);
                indicators = graph.replace(&unknown, &[f64::NAN], &indicators);
            }
            wire.parts.push(Part::Numbers(indicators));
        }
        Ok(wire)
    }
}

impl State for FittedOneHotEncoder {
    fn save(&self, saver: &mut Saver) {
        vocabulary::save(saver, &self.vocabularies);
        saver.json("dropped", &self.dropped);
        saver.json("strict", self.strict);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let vocabularies = vocabulary::load(loader)?;
        let dropped: Vec<Option<u32>> = loader.json("dropped")?;
        if dropped.len() != vocabularies.len() {
            return Err(loader.damaged("dropped", "is not one a feature"));
        }
        let beyond = |(vocabulary, place): (&Vocabulary, &Option<u32>)| {
            place.is_some_and(|place| place as usize >= vocabulary.len())
        };
        if vocabularies.iter().zip(&dropped).any(beyond) {
            return Err(loader.damaged("dropped", "names a category that is not there"));
        }
        Ok(Self { vocabularies, dropped, strict: loader.json("strict")? })
    }
}
