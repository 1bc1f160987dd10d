//! What a step or model can be fitted from, instead of from rows.

use std::sync::Arc;

use super::Order;
use crate::linalg::{Centred, Moments};
use crate::table::Levels;

/// Which statistics a component needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs(u16);

impl Needs {
    /// Nothing but the features' names and types, and how many rows have a value.
    pub const NOTHING: Needs = Needs(0);
    /// The rows themselves: no statistics will do.
    pub const ROWS: Needs = Needs(1);
    /// Count, mean and squared deviations of every number feature, and where they are known its extremes, which tell a
    /// constant.
    pub const SPREAD: Needs = Needs(2);
    /// Least and greatest value of every number feature, without fail.
    pub const EXTREMES: Needs = Needs(4);
    /// How often every level occurs, and for number features every value.
    pub const COUNTS: Needs = Needs(8);
    /// The present values of every number feature in order, of which a step asks for few: [`Stats::ranked`].
    pub const ORDER: Needs = Needs(16);
    /// The co-moment of every feature with every target, and the target's own statistics.
    pub const TARGET: Needs = Needs(32);
    /// The joint moments of all features and targets, weighted: what linear models need. A step gets
    /// them without weights, and need not get the targets.
    pub const JOINT: Needs = Needs(64);
    /// The rows again and again, block by block, which the fits of all folds share: for models that are
    /// fitted in iterations, [`Model::fit_folds`](super::Model::fit_folds).
    pub const BLOCKS: Needs = Needs(128);

    /// Both.
    pub const fn and(self, other: Needs) -> Needs {
        Needs(self.0 | other.0)
    }

    /// Whether all of `other` is needed.
    pub const fn has(self, other: Needs) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Statistics of some rows, as far as they were needed. Made from rows ([`Stats::of`]), from merged
/// moments of folds, or from a learner's state; always without weights, [`Joint`] aside.
#[derive(Clone, Debug)]
pub struct Stats {
    /// The number of rows.
    pub rows: usize,
    /// The features, in the frame's order, every indicator one of its own.
    pub features: Vec<FeatureStats>,
    /// The target, with [`Needs::TARGET`].
    pub target: Option<TargetStats>,
    /// With [`Needs::JOINT`].
    pub joint: Option<Joint>,
    /// The joint moments of the rows of each of the model's inner folds
    /// ([`Model::inner_folds`](super::Model::inner_folds)), in their order; empty where none were cut.
    pub inner: Vec<Moments>,
}

/// Statistics of one feature.
#[derive(Clone, Debug)]
pub struct FeatureStats {
    /// The feature's name.
    pub name: Arc<str>,
    /// What is known of its values.
    pub summary: Summary,
}

/// Statistics by type.
#[derive(Clone, Debug)]
pub enum Summary {
    /// A number feature.
    Number(NumberStats),
    /// A category feature.
    Category {
        /// The levels of the whole table, also those that these rows lack.
        levels: Arc<Levels>,
        /// How many rows have each level, with [`Needs::COUNTS`].
        counts: Vec<u64>,
        /// How many rows have none.
        missing: u64,
    },
}

/// Statistics of a number feature. What was not needed is empty, NaN or `None`.
#[derive(Clone, Debug)]
pub struct NumberStats {
    /// How many rows have a value.
    pub present: u64,
    /// How many have none.
    pub missing: u64,
    /// The mean of the present values.
    pub mean: f64,
    /// The sum of their squared deviations from the mean.
    pub squares: f64,
    /// The least and greatest of them.
    pub extremes: Option<(f64, f64)>,
    /// All of them, ascending, as far as they are asked for; with [`Needs::ORDER`] and [`Needs::COUNTS`].
    pub order: Option<Arc<dyn Order>>,
    /// The sum of products of deviations with each target: one number a target of a regression, one
    /// a class (its indicator) of a classification. Only for features without missing values.
    pub with_target: Vec<f64>,
}

impl NumberStats {
    /// The variance over the number of present values (ddof 0).
    pub fn variance(&self) -> f64 {
        self.squares / self.present as f64
    }
}

/// Statistics of the target.
#[derive(Clone, Debug)]
pub enum TargetStats {
    /// Numbers: mean and sum of squared deviations of each target.
    Values {
        /// The means.
        means: Vec<f64>,
        /// The sums of squared deviations.
        squares: Vec<f64>,
    },
    /// How many rows each class of the whole table has.
    Classes(Vec<u64>),
}

/// Weighted joint moments of all features, then all targets (indicators for classes).
#[derive(Clone, Debug)]
pub struct Joint {
    /// Means and centred products; features first.
    pub moments: Moments,
    /// How many of the columns are targets.
    pub targets: usize,
    /// The same with all the digits of the rows, where a learner has kept them: models are fitted from this then.
    pub factor: Option<Centred>,
}
