//! Numbers only: matrices, moments, solvers, condition.
//!
//! Rows are summed in blocks of [`BLOCK`], blocks merge in their order, and nothing depends on
//! the number of threads: equal input gives equal bits.

mod accumulator;
mod affine;
mod blocks;
mod cholesky;
mod constant_columns;
mod elementary;
mod faer_view;
mod householder;
mod least_squares;
mod logistic;
mod logistic_grid;
mod logistic_loss;
mod logistic_pass;
mod logistic_space;
mod matrix;
mod mixed;
mod moments;
mod newton_factor;
mod newton_grid;
mod predict;
mod rank;
mod refined;
mod ridge;
mod ridge_rows;
mod scaling;
mod spectrum;
mod sums;
mod univariate;

pub use accumulator::Accumulator;
pub use affine::Affine;
pub use blocks::Blocks;
pub use least_squares::{LeastSquares, inverse_gram_diagonal, least_squares};
pub use logistic::{Logistic, LogisticOptions, logistic};
pub use logistic_grid::{LogisticGrid, logistic_grid};
pub use matrix::Matrix;
pub use mixed::{MixedAccumulator, Part, Shape};
pub use moments::{BLOCK, Moments, RUN};
pub use predict::{linear, linear_into, linear_many};
pub use ridge::{Solution, ridge};
pub use ridge_rows::ridge_rows;
pub use sums::{dot, product_sum, sum, two_prod, two_sum};
pub use univariate::Univariate;
