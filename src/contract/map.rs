//! A fitted step as a map of its input features: a linear one, or products of their powers.

use std::sync::Arc;

/// What a term of a [`MapColumn`] multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// The value of input feature `j` where present, 0 where missing.
    Value(u32),
    /// 1 where input feature `j` is missing, else 0.
    Missing(u32),
    /// 1 where input feature `j` has this level, else 0; the level after the last is "missing".
    Level(u32, u32),
}

/// An output feature: `offset` plus a sum of multiples of input features.
#[derive(Clone, Debug, PartialEq)]
pub struct MapColumn {
    /// The output feature's name.
    pub name: Arc<str>,
    /// What is added to every row.
    pub offset: f64,
    /// What is multiplied, with its coefficient; sorted, no term twice.
    pub terms: Vec<(Term, f64)>,
    /// The input feature whose missing rows are missing here too (the sum is 0 there).
    pub missing: Option<u32>,
}

impl MapColumn {
    /// `scale * x + offset` of input feature `j`, missing where it is missing if `keeps_missing`.
    pub fn affine(name: Arc<str>, j: u32, scale: f64, offset: f64, keeps_missing: bool) -> Self {
        let mut terms = vec![(Term::Value(j), scale)];
        if keeps_missing {
            terms.push((Term::Missing(j), -offset));
        }
        Self { name, offset, terms, missing: keeps_missing.then_some(j) }
    }
}

/// A whole fitted step as a map, one column an output feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// The output features, in order.
    pub columns: Vec<MapColumn>,
    /// Terms that must be 0 in every row, else the step refuses the row: levels that training did
    /// not have, for an encoder with `handle_unknown: error`.
    pub refused: Vec<Term>,
}

/// An input feature and its exponent, 1 at least.
pub type Power = (u32, u32);

/// An output feature that is a product of powers of input features.
#[derive(Clone, Debug, PartialEq)]
pub struct PowerColumn {
    /// The output feature's name.
    pub name: Arc<str>,
    /// What is multiplied, features ascending; the output feature is 1 where this is empty.
    pub powers: Vec<Power>,
}
