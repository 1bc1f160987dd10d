//! Tables that lie in many keys.

mod entries;
mod hashes;
mod listed;
mod range;
mod rows;

pub use entries::read_stream;
pub use hashes::read_rows;
pub use listed::read_index;
