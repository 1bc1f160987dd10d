//! Entries of a stream are predicted as they come, by many workers, and for each of them one prediction is written.
//!
//! The group of consumers in the server shares out the entries and keeps what is pending (`source::keys::Group`); `fate` makes
//! predictions or dead letters of a batch; `worker` asks for entries, first its own ones of an earlier life, then those of workers
//! that are gone, then new ones, and goes on when a server has come back.

mod fate;
mod tally;
mod worker;

pub use fate::{MODEL, Making, REASON, SOURCE};
pub use tally::Tally;
pub use worker::{Options, score};
