//! Numbers only: matrices, moments, solvers, condition.
//!
//! Rows are summed in blocks of [`BLOCK`], blocks merge in their order, and nothing depends on
//! the number of threads: equal input gives equal bits.

mod affine;
mod matrix;
mod moments;
mod sums;
mod univariate;

pub use affine::Affine;
pub use matrix::Matrix;
pub use moments::{Accumulator, BLOCK, Moments, RUN};
pub use sums::{dot, product_sum, sum, two_prod, two_sum};
pub use univariate::Univariate;
