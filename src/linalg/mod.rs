//! Numbers only: matrices, moments, solvers, condition.

mod matrix;

pub use matrix::Matrix;
