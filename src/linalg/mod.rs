//! Numbers only: matrices, moments, solvers, condition.
//!
//! Rows are summed in blocks of [`BLOCK`], blocks merge in their order, and nothing depends on
//! the number of threads: equal input gives equal bits.

mod accumulator;
mod active_set;
mod affine;
mod blocks;
mod centred;
mod cholesky;
mod constant_columns;
mod coordinate_descent;
mod elastic_net;
mod elementary;
mod faer_view;
mod fold_weights;
mod householder;
mod jacobi;
mod least_squares;
mod leave_one_out;
mod linear_forms;
mod logistic;
mod logistic_grid;
mod logistic_loss;
mod logistic_pass;
mod logistic_space;
mod logistic_start;
mod matrix;
mod minka;
mod mixed;
mod moments;
mod newton_factor;
mod newton_grid;
mod newton_model;
mod normal;
mod predict;
mod principal;
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
pub use coordinate_descent::{Descent, Penalty, Quadratic};
pub use elastic_net::{Penalized, elastic_net, elastic_net_rows};
pub use least_squares::{LeastSquares, inverse_gram_diagonal, least_squares};
pub use leave_one_out::LeaveOneOut;
pub use linear_forms::{LinearForms, linear_many};
pub use logistic::{Logistic, LogisticOptions, logistic};
pub use logistic_grid::{LogisticGrid, logistic_grid};
pub use matrix::Matrix;
pub use minka::minka_rank;
pub use mixed::{Block, MixedAccumulator, Sets};
pub use moments::{BLOCK, Moments, RUN};
pub use normal::normal_quantile;
pub use predict::{linear, linear_into};
pub use principal::Principal;
pub use ridge::{Solution, ridge};
pub use ridge_rows::ridge_rows;
pub(crate) use sums::vectorised;
pub use sums::{dot, extremes, multiply, product_sum, sum, two_prod, two_sum};
pub use univariate::Univariate;
