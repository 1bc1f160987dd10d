//! `sklearn.preprocessing.OrdinalEncoder`.

use std::sync::Arc;

use super::categories::Categories;
use super::features;
use super::vocabulary::{self, UNKNOWN, Vocabulary};
use crate::contract::{
    Block, Checks, Fault, FittedStep, Frame, Loader, Map, MapColumn, Needs, ParamValue, Params, Saver, State,
    Stats, Step, Term, Types, Value, Width, choice, params,
};
use crate::diag::{Code, Result};
use crate::onnx::{Graph, Part, Wire};

choice! {
    /// What happens to a category that the training rows do not have.
    pub enum HandleUnknown {
        /// It is an error.
        Error = "error",
        /// It becomes `unknown_value`.
        UseEncodedValue = "use_encoded_value",
    }
}

/// The number that stands for unknown or missing categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodedValue {
    /// `.nan`: a missing value.
    Nan,
    /// A whole number.
    Whole(i32),
}

impl EncodedValue {
    fn number(self) -> f64 {
        match self {
            Self::Nan => f64::NAN,
            Self::Whole(value) => f64::from(value),
        }
    }

    /// Whether it is the code of one of `present` categories.
    fn is_taken(self, present: usize) -> bool {
        matches!(self, Self::Whole(value) if value >= 0 && (value as usize) < present)
    }
}

impl ParamValue for EncodedValue {
    fn kind() -> String {
        "a whole number or `.nan`".into()
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Float(value) if value.is_nan() => Some(Self::Nan),
            Value::Int(value) => i32::try_from(*value).ok().map(Self::Whole),
            _ => None,
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Nan => Value::Float(f64::NAN),
            Self::Whole(value) => Value::Int(i64::from(*value)),
        }
    }
}

params! {
    /// Numbers the categories of every feature from 0, in sorted order or as listed. Missing stays missing, if training rows
    /// have it. The distinct values of a number feature are its categories.
    pub struct OrdinalEncoder {
        /// The categories: those of the training rows, or one list a feature.
        categories: Categories = Categories::Auto, Bound::Any;
        /// What happens to a category that the training rows do not have.
        handle_unknown: HandleUnknown = HandleUnknown::Error, Bound::Any;
        /// The number of unknown categories, with `use_encoded_value` only.
        unknown_value: Option<EncodedValue> = None, Bound::Any;
        /// The number of missing categories.
        encoded_missing_value: EncodedValue = EncodedValue::Nan, Bound::Any;
        /// The least frequency of a category with a number of its own.
        min_frequency: Value = Value::Null, Bound::Only("null");
        /// The greatest number of categories of a feature.
        max_categories: Value = Value::Null, Bound::Only("null");
    }
    without_effect: ["dtype"];
}

impl Checks for OrdinalEncoder {
    fn check(&self) -> Vec<Fault> {
        let mut faults = self.categories.check();
        match (self.handle_unknown, self.unknown_value) {
            (HandleUnknown::UseEncodedValue, None) => {
                let message = "`handle_unknown: use_encoded_value` needs an `unknown_value`";
                faults.push(Fault::of("unknown_value", message).help("write `unknown_value: -1`"));
            }
            (HandleUnknown::Error, Some(_)) => {
                let message = "`unknown_value` has a meaning with `handle_unknown: use_encoded_value` only";
                faults
                    .push(Fault::of("unknown_value", message).help("leave it out, or set `handle_unknown`"));
            }
            _ => {}
        }
        faults
    }
}

/// `categories_`, and the numbers of unknown and missing ones.
#[derive(Debug)]
pub struct FittedOrdinalEncoder {
    vocabularies: Vec<Vocabulary>,
    /// The number of unknown categories; without one they are an error.
    unknown: Option<f64>,
    missing: f64,
}

impl Step for OrdinalEncoder {
    type Fitted = FittedOrdinalEncoder;

    fn accepts(&self) -> Types {
        Types::ANY
    }

    fn emits(&self, _input: Types) -> Types {
        let nan = EncodedValue::Nan;
        Types {
            missing: self.encoded_missing_value == nan || self.unknown_value == Some(nan),
            ..Types::NUMBERS
        }
    }

    fn width(&self, input: Width) -> Width {
        Width { holey: input.features(), ..Width::of_numbers(input.features()) }
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

    fn fit_stats(&self, stats: &Stats) -> Result<FittedOrdinalEncoder> {
        let strict = self.handle_unknown == HandleUnknown::Error;
        let vocabularies = vocabulary::learn(&self.categories, stats, Self::NAME, strict)?;
        for vocabulary in &vocabularies {
            self.free(vocabulary)?;
        }
        let unknown = self.unknown_value.filter(|_| !strict).map(EncodedValue::number);
        Ok(FittedOrdinalEncoder { vocabularies, unknown, missing: self.encoded_missing_value.number() })
    }
}

impl OrdinalEncoder {
    /// Refuses numbers for unknown and missing categories that known ones have.
    fn free(&self, vocabulary: &Vocabulary) -> Result<()> {
        let unknown = self.unknown_value.map(|value| ("unknown_value", value));
        let missing = vocabulary.missing().map(|_| ("encoded_missing_value", self.encoded_missing_value));
        let mut taken = unknown.into_iter().chain(missing);
        let Some((parameter, value)) = taken.find(|(_, value)| value.is_taken(vocabulary.present())) else {
            return Ok(());
        };
        let (name, number) = (vocabulary.name(), value.number());
        let message =
            format!("`{parameter}` is {number}, the number of a known category of feature `{name}`");
        Err(Code::BadValue.error(message).help("use a negative number"))
    }
}

impl FittedOrdinalEncoder {
    /// The number of a place; `None` if it is refused.
    fn number(&self, vocabulary: &Vocabulary, place: u32) -> Option<f64> {
        match place {
            UNKNOWN => self.unknown,
            place if Some(place) == vocabulary.missing() => Some(self.missing),
            place => Some(f64::from(place)),
        }
    }
}

impl FittedStep for FittedOrdinalEncoder {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        let frame = features::expected(frame, self.vocabularies.len(), OrdinalEncoder::NAME)?;
        let mut blocks = Vec::with_capacity(self.vocabularies.len());
        for (vocabulary, block) in self.vocabularies.iter().zip(frame.blocks()) {
            let places = vocabulary.places(block, OrdinalEncoder::NAME)?;
            let numbers = places.iter().enumerate().map(|(row, place)| {
                self.number(vocabulary, *place).ok_or_else(|| {
                    let help = "set `handle_unknown: use_encoded_value` and an `unknown_value`";
                    vocabulary.unknown(block, row).help(help)
                })
            });
            let values = numbers.collect::<Result<Vec<f64>>>()?.into();
            blocks.push(Block::Number { name: Arc::clone(vocabulary.name()), values });
        }
        Ok(Frame::new(frame.rows(), blocks))
    }

    /// Rows with an unknown category that becomes missing are refused: a map has one set of missing
    /// rows only, and that is the input feature's.
    fn map(&self) -> Option<Map> {
        let mut map = Map { columns: Vec::new(), refused: Vec::new() };
        for (j, vocabulary) in (0..).zip(&self.vocabularies) {
            let mut column = MapColumn {
                name: Arc::clone(vocabulary.name()),
                offset: 0.0,
                terms: Vec::new(),
                missing: None,
            };
            for (level, place) in (0..).zip(vocabulary.of_levels()?) {
                match self.number(vocabulary, place) {
                    Some(number) if !number.is_nan() => column.terms.push((Term::Level(j, level), number)),
                    Some(_) if Some(place) == vocabulary.missing() => column.missing = Some(j),
                    _ => map.refused.push(Term::Level(j, level)),
                }
            }
            map.columns.push(column);
        }
        Some(map)
    }

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        vec![("categories", vocabulary::categories(&self.vocabularies))]
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        let mut wire = Wire::default();
        for (vocabulary, feature) in self.vocabularies.iter().zip(graph.each(features)) {
            let codes = vocabulary.onnx(graph, &feature)?;
            let number = |place: u32| self.number(vocabulary, place).unwrap_or(f64::NAN);
            let list: Vec<f64> = (0..vocabulary.len() as u32).chain([UNKNOWN]).map(number).collect();
            wire.parts.push(Part::Numbers(graph.look_up(&codes, &list)));
        }
        Ok(wire)
    }
}

impl State for FittedOrdinalEncoder {
    fn save(&self, saver: &mut Saver) {
        vocabulary::save(saver, &self.vocabularies);
        saver.json("strict", self.unknown.is_none());
        saver.numbers("encoded", &[self.unknown.unwrap_or(f64::NAN), self.missing]);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let vocabularies = vocabulary::load(loader)?;
        let strict: bool = loader.json("strict")?;
        let encoded = loader.numbers_of("encoded", 2)?;
        Ok(Self { vocabularies, unknown: (!strict).then_some(encoded[0]), missing: encoded[1] })
    }
}
