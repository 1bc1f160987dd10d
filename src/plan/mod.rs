//! Binds a graph to a table, and decides how it will be run, and why.

mod bind;
mod choose;
mod inner;
mod judge;
mod memory;
mod needed;
mod parts;
mod products;

pub use bind::{Bound, bind, groups};
pub use choose::{Path, Plan, StepPlan, plan, plan_within};
pub use inner::{Inner, Merges, Walk, cuts_alike};
pub use memory::{KEPT_PREDICTIONS, Limits, Memory, mib};
pub use parts::{part_rows, parts};
pub use products::{Multiplied, Products};
