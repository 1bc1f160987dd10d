//! Binds a graph to a table, and decides how it will be run, and why.

mod bind;
mod choose;
mod inner;
mod judge;
mod products;

pub use bind::{Bound, bind};
pub use choose::{Path, Plan, StepPlan, plan};
pub use inner::{Inner, Merges, Walk, cuts_alike};
pub use products::{Multiplied, Products};
