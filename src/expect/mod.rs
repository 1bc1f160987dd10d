//! `expect`: the data contract, what must hold of a table before anything is learned from it, and of the features of new rows.
//!
//! Rules are checked after `clean`. What is missing is neither too small nor no level; `max_missing` alone is about it. Everything
//! that does not hold is told at once, each with a count and the first rows.

mod check;
mod pattern;
mod rule;
mod tally;

pub use check::{check, holds};
pub use pattern::Pattern;
pub use rule::{Expect, Rule};
