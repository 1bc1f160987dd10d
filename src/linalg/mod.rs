//! Numbers only: matrices, moments, solvers, condition.

mod matrix;
mod moments;

pub use matrix::Matrix;
pub use moments::Moments;

/// The rows of a block: the unit of summation, cut on the global row index.
pub const BLOCK: usize = 2048;

/// The blocks of a run: the unit of reading and of threads.
pub const RUN: usize = 32;
