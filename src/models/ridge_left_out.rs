//! `RidgeCV` that leaves out each row in turn, in all folds at once.

use super::ordinary;
use super::ridge_cv::{FittedRidgeCV, LEAST_ERROR, MomentScore, RidgeCV};
use crate::contract::{Design, Joint, SharedRows, Stats, Unfit};
use crate::diag::{Code, Result};
use crate::linalg::{LeftOut, LeftOutRows, Matrix};
use crate::table::Target;

type Outcome = Result<FittedRidgeCV, Unfit>;

impl RidgeCV {
    /// The fit of each design.
    pub(super) fn fit_left_out(&self, shared: &SharedRows) -> Vec<Outcome> {
        let refused = |unfit: Unfit| shared.designs.iter().map(|_| Err(unfit.clone())).collect();
        let Target::Values(y) = shared.y else {
            return refused(Unfit::Rows("the target is of classes".into()));
        };
        let Some(score) = self.of_moments() else {
            return refused(Unfit::Rows("its scores read the rows".into()));
        };
        let rows = LeftOutRows {
            blocks: shared.blocks,
            y,
            weight: shared.weight,
            fold_of: shared.fold_of,
            alphas: self.alphas(),
            fit_intercept: self.fit_intercept,
            watch: shared.watch,
        };
        let mut ready = Vec::new();
        let mut outcomes: Vec<Option<Unfit>> = Vec::new();
        for design in shared.designs {
            let prepared = prepared(&rows, design);
            outcomes.push(prepared.as_ref().err().cloned());
            ready.extend(prepared);
        }
        let mut squares = rows.squares(&ready).into_iter();
        let outcome = |(design, refused): (&Design, Option<Unfit>)| {
            if let Some(unfit) = refused {
                return Err(unfit);
            }
            let squares = squares.next().unwrap_or_else(|| Err("there are no rows".into()));
            let (stats, joint) = told(design)?;
            let scores = self.scores_of_squares(score, &squares.map_err(Unfit::Rows)?, joint)?;
            self.fit_best(&scores, stats)
        };
        shared.designs.iter().zip(outcomes).map(outcome).collect()
    }

    /// For each alpha the score, or one a target, from the weighted sums of squared errors, t x alphas.
    fn scores_of_squares(
        &self,
        score: MomentScore,
        squares: &Matrix,
        joint: &Joint,
    ) -> Result<Vec<Vec<f64>>, Unfit> {
        let moments = &joint.moments;
        let p = moments.columns() - joint.targets;
        // Without a metric the weights are a part of what is squared.
        let of = if self.scoring_is_loss() { moments.rows as f64 } else { moments.weight };
        let one = |t: usize, a: usize| {
            let (error, square) = (squares[(t, a)], moments.gram[(p + t, p + t)]);
            let noise = moments.weight * (moments.rows as f64 * f64::EPSILON * moments.mean[p + t]).powi(2);
            if square <= noise || error.is_nan() || error < LEAST_ERROR * square {
                return Err(Unfit::Rows(format!(
                    "the errors are below {LEAST_ERROR:.0e} of the target's square, or that is 0: from the rows"
                )));
            }
            Ok(score.score(error / of, square / of))
        };
        let all = |a: usize| {
            let scores = (0..joint.targets).map(|t| one(t, a)).collect::<Result<Vec<f64>, Unfit>>()?;
            let mean = scores.iter().sum::<f64>() / joint.targets as f64;
            Ok(if self.by_target(joint.targets) { scores } else { vec![mean] })
        };
        (0..squares.columns()).map(all).collect()
    }
}

fn prepared(rows: &LeftOutRows, design: &Design) -> Result<LeftOut, Unfit> {
    let (_, joint) = told(design)?;
    LeftOut::new(rows, design.fold, &design.features, &joint.moments)?.map_err(Unfit::Rows)
}

/// What is known of the rows of a design.
fn told(design: &Design) -> Result<(&Stats, &Joint), Unfit> {
    let none = || Code::Bug.error("RidgeCV got no statistics");
    let stats = design.stats.as_ref().ok_or_else(none)?;
    Ok((stats, ordinary::joint(stats, "RidgeCV")?))
}
