//! What is expected.

use serde::{Deserialize, Serialize};

use super::Pattern;
use crate::clean::Scalar;
use crate::diag::Span;
use crate::table::{Kind, datetime_text, label_of};

/// The section `expect`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// The least and the greatest number of rows.
    pub rows: (Option<usize>, Option<usize>),
    /// What is expected of columns, in the order of the file.
    pub columns: Vec<Rule>,
    /// Where it is written.
    pub span: Span,
}

/// What is expected of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The column.
    pub column: String,
    /// Whether it has to be there.
    pub required: bool,
    /// Its type.
    pub kind: Option<Kind>,
    /// The least number, or the first datetime.
    pub min: Option<f64>,
    /// The greatest number, or the last datetime.
    pub max: Option<f64>,
    /// Whether these are datetimes, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub times: bool,
    /// The only values there may be.
    pub levels: Option<Vec<Scalar>>,
    /// The greatest share of missing values, from 0 to 1.
    pub max_missing: Option<f64>,
    /// Whether no value may stand twice.
    pub unique: bool,
    /// What every value must match.
    pub regex: Option<Pattern>,
}

impl Rule {
    /// Whether `min` and `max` say something of columns of a type.
    pub fn bounds(&self, kind: Kind) -> bool {
        if self.times { kind == Kind::Datetime } else { matches!(kind, Kind::Number | Kind::Bool) }
    }

    /// A bound as text.
    pub fn bound_text(&self, bound: f64) -> String {
        if self.times { datetime_text(bound) } else { label_of(bound) }
    }
}
