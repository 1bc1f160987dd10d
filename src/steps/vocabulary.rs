//! The categories of one feature, as an encoder learned them.
//!
//! Missing is a category of its own, the last; a missing value at transform that training did not
//! have is unknown. Number features have categories too: their distinct values.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::categories::{Categories, is_missing};
use super::features;
use crate::contract::{Block, FeatureStats, Loader, NumberStats, Saver, Stats, Summary, Value};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;
use crate::onnx::{Codes, Graph, Part, no_form};
use crate::table::{Levels, MISSING, label_of};

/// The place of a value that is no category.
pub const UNKNOWN: u32 = u32::MAX;

/// The categories of one feature; a category's place is its index, missing comes last.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    name: Arc<str>,
    known: Known,
    /// Whether missing is a category.
    missing: bool,
}

/// The categories that are not missing.
#[derive(Clone, Debug, PartialEq)]
enum Known {
    Labels {
        labels: Vec<String>,
        /// The levels that training rows could have had: what a map speaks of.
        levels: Arc<Levels>,
    },
    /// Ascending and finite.
    Numbers(Vec<f64>),
}

/// The part of a vocabulary that is saved as JSON; numbers are a tensor.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    missing: bool,
    labels: Option<(Vec<String>, Levels)>,
}

/// Learns the categories of every feature. With `strict`, listed categories must be all that the
/// training rows have.
///
/// # Errors
/// `BadValue` for a list that does not fit its feature, `UnknownCategory` for a category of the
/// training rows that is not listed.
pub fn learn(categories: &Categories, stats: &Stats, step: &str, strict: bool) -> Result<Vec<Vocabulary>> {
    features::some_rows(stats, step)?;
    match categories {
        Categories::Auto => stats.features.iter().map(|feature| found(feature, step)).collect(),
        Categories::Listed(lists) if lists.len() != stats.features.len() => {
            let (lists, features) = (lists.len(), stats.features.len());
            let message = format!("`categories` has {lists} lists, and {step} gets {features} features");
            Err(Code::BadValue.error(message).help("write one list a feature, in the features' order"))
        }
        Categories::Listed(lists) => stats
            .features
            .iter()
            .zip(lists)
            .map(|(feature, list)| listed(feature, list, step, strict))
            .collect(),
    }
}

/// The categories that the training rows have.
fn found(feature: &FeatureStats, step: &str) -> Result<Vocabulary> {
    let name = Arc::clone(&feature.name);
    Ok(match &feature.summary {
        Summary::Category { levels, counts, missing } => {
            let present = levels.labels().iter().zip(counts).filter(|(_, count)| **count > 0);
            let labels = present.map(|(label, _)| label.clone()).collect();
            let known = Known::Labels { labels, levels: Arc::clone(levels) };
            Vocabulary { name, known, missing: *missing > 0 }
        }
        Summary::Number(number) => {
            let numbers = distinct(&feature.name, number, step)?;
            Vocabulary { name, known: Known::Numbers(numbers), missing: number.missing > 0 }
        }
    })
}

fn distinct(name: &str, number: &NumberStats, step: &str) -> Result<Vec<f64>> {
    let Some(order) = &number.order else {
        return Err(Code::Bug.error(format!("{step} got no values of feature `{name}`")));
    };
    // By value, so that 0 and -0 are one category.
    Ok(order.counts()?.into_iter().map(|(value, _)| value).collect())
}

/// The categories that the file lists.
fn listed(feature: &FeatureStats, list: &[Value], step: &str, strict: bool) -> Result<Vocabulary> {
    let name = Arc::clone(&feature.name);
    let missing = list.last().is_some_and(is_missing);
    let present = &list[..list.len() - usize::from(missing)];
    let vocabulary = match &feature.summary {
        Summary::Category { levels, .. } => {
            let label = |value: &Value| as_the_data_spells(levels, value.to_string());
            let known =
                Known::Labels { labels: present.iter().map(label).collect(), levels: Arc::clone(levels) };
            Vocabulary { name, known, missing }
        }
        Summary::Number(_) => {
            let known = Known::Numbers(listed_numbers(&feature.name, present)?);
            Vocabulary { name, known, missing }
        }
    };
    if strict {
        vocabulary.covers(&feature.summary, step)?;
    }
    Ok(vocabulary)
}

/// Numeric levels match by value: `1.0` in the file is `1` in the data.
fn as_the_data_spells(levels: &Levels, label: String) -> String {
    levels.code(&label).and_then(|code| levels.label(code)).map_or(label, Into::into)
}

fn listed_numbers(name: &str, list: &[Value]) -> Result<Vec<f64>> {
    let number = |value: &Value| {
        let number = number_of(value).filter(|number| number.is_finite());
        number.ok_or_else(|| {
            let message = format!("feature `{name}` is a number, and `categories` lists {}", value.kind());
            Code::BadValue.error(message).help("`schema: {column: category}` makes a column a category")
        })
    };
    let numbers = list.iter().map(number).collect::<Result<Vec<f64>>>()?;
    if numbers.is_sorted_by(|a, b| a < b) {
        return Ok(numbers);
    }
    let message = format!("the `categories` of feature `{name}` do not ascend");
    Err(Code::BadValue.error(message).help("list the categories of a number feature in ascending order"))
}

fn number_of(value: &Value) -> Option<f64> {
    if let Value::Bool(value) = value { Some(f64::from(u8::from(*value))) } else { value.number() }
}

/// Every feature's categories, as a fact.
pub fn categories(vocabularies: &[Vocabulary]) -> Json {
    let one = |vocabulary: &Vocabulary| (vocabulary.name.to_string(), Json::from(vocabulary.categories()));
    vocabularies.iter().map(one).collect()
}

impl Vocabulary {
    /// The categories in the order of their places; missing is null.
    pub fn categories(&self) -> Vec<Json> {
        let mut all: Vec<Json> = match &self.known {
            Known::Labels { labels, .. } => labels.iter().map(|label| label.as_str().into()).collect(),
            Known::Numbers(numbers) => numbers.iter().map(|number| (*number).into()).collect(),
        };
        all.extend(self.missing.then_some(Json::Null));
        all
    }

    /// The feature's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The number of categories, missing among them.
    pub fn len(&self) -> usize {
        self.present() + usize::from(self.missing)
    }

    /// The number of categories but missing.
    pub fn present(&self) -> usize {
        match &self.known {
            Known::Labels { labels, .. } => labels.len(),
            Known::Numbers(numbers) => numbers.len(),
        }
    }

    /// The place of missing, if it is a category.
    pub fn missing(&self) -> Option<u32> {
        self.missing.then_some(self.present() as u32)
    }

    /// The output feature's name for each category, as scikit-learn's `concat` makes it: `x_label`,
    /// `x_nan` for missing. A number is spelled as a label of the data is: `x_1`, as scikit-learn does
    /// for whole-number columns (it prints `x_1.0` for those of floats, which no table here tells apart).
    pub fn names(&self) -> Vec<Arc<str>> {
        let name = |label: &str| Arc::from(format!("{}_{label}", self.name));
        let mut names: Vec<Arc<str>> = match &self.known {
            Known::Labels { labels, .. } => labels.iter().map(|label| name(label)).collect(),
            Known::Numbers(numbers) => numbers.iter().map(|number| name(&label_of(*number))).collect(),
        };
        names.extend(self.missing.then(|| name("nan")));
        names
    }

    /// The place of a value from the file.
    pub fn place(&self, value: &Value) -> Option<u32> {
        if is_missing(value) {
            return self.missing();
        }
        let place = match &self.known {
            Known::Labels { .. } => self.of_labels(&[value.to_string()])[0],
            Known::Numbers(numbers) => number_of(value).map_or(UNKNOWN, |value| of_number(numbers, value)),
        };
        (place != UNKNOWN).then_some(place)
    }

    /// The category's place in every row, [`UNKNOWN`] where there is none.
    ///
    /// # Errors
    /// `TypeMismatch` when the feature has another type than in training, `NotFinite` for infinity.
    pub fn places(&self, block: &Block, step: &str) -> Result<Vec<u32>> {
        let missing = self.missing().unwrap_or(UNKNOWN);
        match (&self.known, block) {
            (Known::Labels { .. }, Block::Codes { codes, levels, .. }) => {
                let of_level = self.of_labels(levels.labels());
                let place = |code: &u32| match *code {
                    MISSING => missing,
                    code => of_level.get(code as usize).copied().unwrap_or(UNKNOWN),
                };
                Ok(codes.iter().map(place).collect())
            }
            (Known::Numbers(numbers), Block::Number { name, values }) => {
                features::finite(name, values)?;
                let place = |value: &f64| if value.is_nan() { missing } else { of_number(numbers, *value) };
                Ok(values.iter().map(place).collect())
            }
            (Known::Labels { .. }, _) => Err(features::other_type(&self.name, step, "category")),
            (Known::Numbers(_), _) => Err(features::other_type(&self.name, step, "number")),
        }
    }

    /// The category's place in a graph, -1 where there is none. Text has to be spelled as in training: `1.0` is not `1` there.
    ///
    /// # Errors
    /// `NotSupported` for a feature of another type.
    pub fn onnx(&self, graph: &mut Graph, feature: &Part) -> Result<Codes> {
        match (&self.known, feature) {
            (Known::Labels { labels, .. }, Part::Labels(text)) => {
                let missing = self.missing.then_some("");
                let keys: Vec<&str> = labels.iter().map(String::as_str).chain(missing).collect();
                Ok(graph.codes(text, &keys))
            }
            (Known::Numbers(known), Part::Numbers(numbers)) => {
                let flags = graph.missing(numbers);
                let place = if known.is_empty() {
                    graph.multiply(numbers, &[0.0])
                } else {
                    let equal = graph.equal(numbers, known);
                    let equal = graph.indicators(&equal);
                    let places =
                        Matrix::from_columns(known.len(), 1, (1..=known.len()).map(|k| k as f64).collect());
                    graph.product(&equal, &places)
                };
                let place = graph.subtract(&place, &[1.0]);
                let place = graph.replace(&flags, &[-1.0], &place);
                let place = graph.places(&place);
                Ok(self.missing().map_or(place.clone(), |missing| graph.place(&flags, missing, &place)))
            }
            _ => Err(no_form("a feature has another type than in training")),
        }
    }

    /// The category's place of each level of the training table, that of missing last; `None` for a
    /// number feature, whose categories are no terms of a map.
    pub fn of_levels(&self) -> Option<Vec<u32>> {
        let Known::Labels { levels, .. } = &self.known else { return None };
        let mut places = self.of_labels(levels.labels());
        places.push(self.missing().unwrap_or(UNKNOWN));
        Some(places)
    }

    /// Labels that are numbers in the data match by value too: new data may spell 1 as 1.0.
    fn of_labels(&self, wanted: &[String]) -> Vec<u32> {
        let Known::Labels { labels, levels } = &self.known else { return vec![UNKNOWN; wanted.len()] };
        let exact: BTreeMap<&str, u32> = labels.iter().map(String::as_str).zip(0..).collect();
        let mut by_value: Vec<(f64, u32)> = Vec::new();
        if levels.numeric() {
            let valued = labels.iter().zip(0..).filter_map(|(label, place)| Some((value_of(label)?, place)));
            by_value.extend(valued);
            by_value.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        }
        let near = |label: &str| {
            let value = value_of(label)?;
            let at = by_value.partition_point(|(known, _)| *known < value);
            by_value.get(at).filter(|(known, _)| *known == value).map(|(_, place)| *place)
        };
        let place = |label: &String| exact.get(label.as_str()).copied().or_else(|| near(label));
        wanted.iter().map(|label| place(label).unwrap_or(UNKNOWN)).collect()
    }

    /// Refuses training rows with a category that is not listed.
    fn covers(&self, summary: &Summary, step: &str) -> Result<()> {
        let (absent, missing) = match summary {
            Summary::Category { levels, counts, missing } => {
                let places = self.of_labels(levels.labels());
                let absent =
                    |j: &usize| counts.get(*j).is_some_and(|count| *count > 0) && places[*j] == UNKNOWN;
                ((0..places.len()).find(absent).map(|j| levels.labels()[j].clone()), *missing)
            }
            Summary::Number(number) => {
                let values = distinct(&self.name, number, step)?;
                let Known::Numbers(numbers) = &self.known else { return Ok(()) };
                let absent = values.into_iter().find(|value| of_number(numbers, *value) == UNKNOWN);
                (absent.map(label_of), number.missing)
            }
        };
        let what = match absent {
            Some(label) => format!("the category `{label}`"),
            None if missing > 0 && !self.missing => "missing values".into(),
            None => return Ok(()),
        };
        let message = format!("feature `{}` has {what}, which `categories` does not list", self.name);
        Err(Code::UnknownCategory.error(message).help("list all categories, missing as null at the end"))
    }

    /// The error for the first row whose category is unknown.
    pub fn unknown(&self, block: &Block, row: usize) -> Diagnostic {
        let label = match block {
            Block::Codes { codes, levels, .. } => levels.label(codes[row]).map(Into::into),
            Block::Number { values, .. } => Some(values[row]).filter(|value| !value.is_nan()).map(label_of),
            Block::OneHot { .. } => None,
        };
        let (name, row) = (&self.name, row + 1);
        Code::UnknownCategory.error(match label {
            Some(label) => format!("feature `{name}` is `{label}` in row {row}, which no training row has"),
            None => format!("feature `{name}` is missing in row {row}, and in no training row"),
        })
    }
}

fn value_of(label: &str) -> Option<f64> {
    // Adding 0 makes -0 equal to 0 in a total order too.
    label.parse::<f64>().ok().filter(|value| !value.is_nan()).map(|value| value + 0.0)
}

fn of_number(numbers: &[f64], value: f64) -> u32 {
    let at = numbers.partition_point(|known| *known < value);
    if numbers.get(at) == Some(&value) { at as u32 } else { UNKNOWN }
}

/// Saves the vocabularies of all features.
pub fn save(saver: &mut Saver, vocabularies: &[Vocabulary]) {
    let names: Vec<Arc<str>> = vocabularies.iter().map(|vocabulary| Arc::clone(&vocabulary.name)).collect();
    features::save_names(saver, &names);
    for (j, vocabulary) in vocabularies.iter().enumerate() {
        saver.child(&j.to_string(), |saver| {
            let labels = match &vocabulary.known {
                Known::Labels { labels, levels } => Some((labels.clone(), (**levels).clone())),
                Known::Numbers(numbers) => {
                    saver.numbers("numbers", numbers);
                    None
                }
            };
            saver.json("categories", Saved { missing: vocabulary.missing, labels });
        });
    }
}

/// Loads the vocabularies of all features.
///
/// # Errors
/// `Damaged`.
pub fn load(loader: &Loader) -> Result<Vec<Vocabulary>> {
    let one = |(j, name): (usize, Arc<str>)| {
        loader.child(&j.to_string(), |loader| {
            let Saved { missing, labels } = loader.json("categories")?;
            let known = match labels {
                Some((labels, levels)) => Known::Labels { labels, levels: Arc::new(levels) },
                None => Known::Numbers(loader.numbers("numbers")?),
            };
            if let Known::Numbers(numbers) = &known
                && !(numbers.is_sorted_by(|a, b| a < b) && numbers.iter().all(|number| number.is_finite()))
            {
                return Err(loader.damaged("numbers", "do not ascend"));
            }
            Ok(Vocabulary { name, known, missing })
        })
    };
    features::load_names(loader)?.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_labels_match_by_value() {
        let levels = Arc::new(Levels::new(["1", "0", "20"].map(Into::into).to_vec(), true));
        let known = Known::Labels { labels: levels.labels().to_vec(), levels };
        let vocabulary = Vocabulary { name: "x".into(), known, missing: false };
        let wanted = ["20.0", "1", "-0", "2", "nan"].map(String::from);
        assert_eq!(vocabulary.of_labels(&wanted), [2, 1, 0, UNKNOWN, UNKNOWN]);
    }

    #[test]
    fn numbers_that_do_not_ascend_are_damaged() {
        let of = |numbers| Vocabulary { name: "x".into(), known: Known::Numbers(numbers), missing: true };
        let reloaded = |vocabulary: &Vocabulary| {
            let mut saver = Saver::default();
            save(&mut saver, std::slice::from_ref(vocabulary));
            let (tensors, facts) = saver.finish();
            load(&Loader::new(tensors, facts))
        };
        let good = of(vec![-1.0, 2.0]);
        assert_eq!(reloaded(&good).unwrap(), [good]);
        assert_eq!(reloaded(&of(vec![2.0, -1.0])).unwrap_err().code(), Code::Damaged);
        assert_eq!(reloaded(&of(vec![f64::INFINITY])).unwrap_err().code(), Code::Damaged);
    }

    #[test]
    fn numbers_have_places() {
        assert_eq!(of_number(&[-1.0, 0.0, 2.5], -0.0), 1);
        assert_eq!(of_number(&[-1.0, 0.0, 2.5], 2.0), UNKNOWN);
        assert_eq!(of_number(&[], 2.0), UNKNOWN);
    }
}
