//! Which texts stand for a missing value.

use serde::{Deserialize, Serialize};

/// `na_values` and `keep_default_na`, as `pandas.read_csv` has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NaValues {
    /// Texts that are missing; one that spells a number stands for all spellings of it.
    pub values: Vec<String>,
    /// Whether those of pandas' list are missing as well, an empty text among them.
    pub keep_default: bool,
}

impl Default for NaValues {
    fn default() -> Self {
        Self { values: Vec::new(), keep_default: true }
    }
}

impl NaValues {
    /// Whether nothing was said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
