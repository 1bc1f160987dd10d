//! Rows that the fits of several folds share.

use super::Stats;
use crate::diag::Watch;
use crate::linalg::{Affine, Blocks};
use crate::table::Target;

/// What models with [`Needs::BLOCKS`](super::Needs::BLOCKS) are fitted from, in all folds at once.
#[derive(Clone, Copy)]
pub struct SharedRows<'a> {
    /// Raw columns of all rows.
    pub blocks: &'a dyn Blocks,
    /// The target of all rows.
    pub y: &'a Target,
    /// The weights of all rows.
    pub weight: Option<&'a [f64]>,
    /// The fold whose training rows a row is none of.
    pub fold_of: &'a [u16],
    /// What is to be fitted: each fold at most once, all rows at the end if they are.
    pub designs: &'a [Design],
    /// Asked now and then whether to go on.
    pub watch: &'a dyn Watch,
}

/// The features of one fold, or of all rows, as a model is to see them.
#[derive(Clone, Debug)]
pub struct Design {
    /// The fold, whose training rows are those of no other number in `fold_of`; `None` for all rows.
    pub fold: Option<u16>,
    /// The features as forms of the raw columns.
    pub features: Vec<Affine>,
    /// What a model with [`Needs::JOINT`](super::Needs::JOINT) too gets of the training rows.
    pub stats: Option<Stats>,
}
