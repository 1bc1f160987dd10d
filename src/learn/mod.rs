//! A published pipeline goes on learning from a stream, every row once.
//!
//! Rows enter what is learned in blocks of exactly `online.batch` rows in the order of the stream, and the rows of an
//! unfinished block are kept as they are: how they came, and who was killed when, changes no bit. State and place in the
//! stream are one record, and a commit is its compare-and-swap.

mod adwin;
mod begin;
mod column;
mod dead;
mod distance;
mod drift;
mod entry;
mod error_drift;
mod guard;
mod labels;
mod learner;
mod lease;
mod meter;
mod publish;
mod saved;
mod score;
mod session;
mod state;
mod updated;
mod updating;

pub use adwin::Adwin;
pub use begin::of_table;
pub use distance::{Distance, kolmogorov_smirnov, stability_index};
pub use learner::Learner;
pub use lease::Owner;
pub use meter::{Meter, Reading};
pub use saved::{FORMAT, Place, Saved};
pub use score::Score;
pub use session::{Finished, Options, learn};
pub use state::{Cell, Settings, State};
