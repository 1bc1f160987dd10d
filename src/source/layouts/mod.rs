//! Tables whose rows lie by themselves: in many keys, or as the members or entries of one.

mod entries;
mod hashes;
mod listed;
mod members;
mod range;
mod rows;

pub use entries::{Entries, read_stream};
pub use hashes::read_rows;
pub use listed::read_index;
pub use members::{one_row, read_members};
