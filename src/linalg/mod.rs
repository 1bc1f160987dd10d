//! Numbers only: matrices, moments, solvers, condition.
//!
//! Rows are summed in blocks of [`BLOCK`], blocks merge in their order, and nothing depends on
//! the number of threads: equal input gives equal bits.

mod accumulator;
mod active_set;
mod affine;
mod cholesky;
mod coordinate_descent;
mod elastic_net;
mod faer_view;
mod householder;
mod least_squares;
mod leave_one_out;
mod logistic;
mod logistic_pass;
mod matrix;
mod mixed;
mod moments;
mod newton;
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
pub use coordinate_descent::{Descent, Penalty, Quadratic};
pub use elastic_net::{Penalized, elastic_net, elastic_net_rows};
pub use least_squares::{LeastSquares, inverse_gram_diagonal, least_squares};
pub use leave_one_out::LeaveOneOut;
pub use logistic::{Logistic, LogisticOptions, logistic};
pub use matrix::Matrix;
pub use mixed::{MixedAccumulator, Part, Shape};
pub use moments::{BLOCK, Moments, RUN};
pub use predict::{linear, linear_into, linear_many};
pub use ridge::{Solution, ridge};
pub use ridge_rows::ridge_rows;
pub use sums::{dot, product_sum, sum, two_prod, two_sum};
pub use univariate::Univariate;
