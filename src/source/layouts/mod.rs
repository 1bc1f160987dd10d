//! Tables that lie in many keys.

mod hashes;

pub use hashes::read_rows;
