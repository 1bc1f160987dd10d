//! Tables that lie in many keys.

mod hashes;
mod rows;

pub use hashes::{read_keys, read_rows};
