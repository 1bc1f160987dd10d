//! The levels of a category column.

use serde::{Deserialize, Serialize};

/// The code of a missing category.
pub const MISSING: u32 = u32::MAX;

/// The distinct values of a category column, sorted: numerically where all are numbers, else by
/// code point. A code is a place in this list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    labels: Vec<String>,
    /// Whether the values were numbers in the data, so that they are printed and exported as such.
    numeric: bool,
}

impl Levels {
    /// Sorts distinct labels; `numeric` says that every label is a number in the data.
    pub fn new(mut labels: Vec<String>, numeric: bool) -> Self {
        let number = |label: &String| label.parse::<f64>().unwrap_or(f64::NAN);
        if numeric {
            labels.sort_by(|a, b| number(a).total_cmp(&number(b)).then_with(|| a.cmp(b)));
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
        let found = self.labels.iter().position(|known| known == label);
        let by_value = || {
            let wanted: f64 = label.parse().ok()?;
            self.labels.iter().position(|known| known.parse::<f64>() == Ok(wanted))
        };
        let place = if self.numeric { found.or_else(by_value) } else { found };
        place.map(|i| i as u32)
    }
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
}
