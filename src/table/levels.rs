//! The levels of a category column.

use serde::{Deserialize, Serialize};

/// The code of a missing category.
pub const MISSING: u32 = u32::MAX;

/// The distinct values of a category column, sorted: numerically where all are numbers, else by
/// code point. A code is a place in this list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct Levels {
    labels: Vec<String>,
    /// Whether the values were numbers in the data, so that they are printed and exported as such.
    numeric: bool,
}

/// Levels as they are saved; whether they are sorted is yet to be seen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    labels: Vec<String>,
    numeric: bool,
}

impl TryFrom<Saved> for Levels {
    type Error = &'static str;

    fn try_from(Saved { labels, numeric }: Saved) -> Result<Self, Self::Error> {
        let sorted = Self::new(labels.clone(), numeric);
        if sorted.labels == labels { Ok(sorted) } else { Err("levels that are not sorted, or stand twice") }
    }
}

impl Levels {
    /// Sorts distinct labels; `numeric` says that every label is a number in the data.
    pub fn new(mut labels: Vec<String>, numeric: bool) -> Self {
        if numeric {
            let mut valued: Vec<(f64, String)> =
                labels.into_iter().map(|label| (value_of(&label), label)).collect();
            valued.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
            labels = valued.into_iter().map(|(_, label)| label).collect();
        } else {
            labels.sort();
        }
        labels.dedup();
        Self { labels, numeric }
    }

    /// The number of levels; missing is not one of them.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no level.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether the values are numbers in the data.
    pub fn numeric(&self) -> bool {
        self.numeric
    }

    /// The labels in order.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The label of a code; `None` for [`MISSING`].
    pub fn label(&self, code: u32) -> Option<&str> {
        self.labels.get(code as usize).map(String::as_str)
    }

    /// The code of a label. Numeric levels match by value, so that `1` finds `1.0`.
    pub fn code(&self, label: &str) -> Option<u32> {
        if !self.numeric {
            return self.labels.binary_search_by(|known| known.as_str().cmp(label)).ok().map(|i| i as u32);
        }
        let wanted = value_of(label);
        let first = self.labels.partition_point(|known| value_of(known) < wanted);
        let equal = self.labels[first..].iter().take_while(|known| value_of(known) == wanted);
        // One spelling of a number is nearer than another: `1` and `1.0` may both be levels.
        let places: Vec<&String> = equal.collect();
        let place = places.iter().position(|known| *known == label).or((!places.is_empty()).then_some(0));
        place.map(|i| (first + i) as u32)
    }
}

/// The number that a label spells; NaN if it spells none.
fn value_of(label: &str) -> f64 {
    label.parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::Levels;

    #[test]
    fn numbers_sort_by_value_and_text_by_code_point() {
        let labels = || ["10", "9", "-1"].map(Into::into).to_vec();
        let text = |levels: &Levels| levels.labels().iter().map(|l| l.to_string()).collect::<Vec<_>>();
        assert_eq!(text(&Levels::new(labels(), true)), ["-1", "9", "10"]);
        assert_eq!(text(&Levels::new(labels(), false)), ["-1", "10", "9"]);
        assert_eq!(Levels::new(labels(), true).code("9.0"), Some(1));
        assert_eq!(Levels::new(labels(), false).code("9.0"), None);
    }

    #[test]
    fn every_label_finds_itself_and_a_number_its_nearest_spelling() {
        let labels = ["-1", "-0", "0", "1", "1.0", "1e3"].map(String::from);
        let levels = Levels::new(labels.to_vec(), true);
        for (code, label) in labels.iter().enumerate() {
            assert_eq!(levels.code(label), Some(code as u32), "{label}");
        }
        assert_eq!(
            ["1.00", "1000", "0.0", "2", "x"].map(|label| levels.code(label)),
            [Some(3), Some(5), Some(1), None, None]
        );
    }

    /// Lookup is by bisection, so levels out of order, from an artifact that somebody edited, would
    /// quietly give other codes.
    #[test]
    fn levels_out_of_order_are_refused() {
        let read = |text: &str| serde_json::from_str::<Levels>(text);
        assert!(read(r#"{"labels": ["a", "b"], "numeric": false}"#).is_ok());
        for wrong in [r#"["b", "a"]"#, r#"["a", "a"]"#] {
            assert!(read(&format!(r#"{{"labels": {wrong}, "numeric": false}}"#)).is_err(), "{wrong}");
        }
    }
}
