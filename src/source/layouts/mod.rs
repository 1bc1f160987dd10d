//! Tables whose rows lie by themselves: in many keys, or as the members or entries of one.

mod entity;
mod entries;
mod feast;
mod featureform;
mod hashes;
mod listed;
mod members;
mod range;
mod row_keys;
mod rows;
mod written;

pub use entries::{Entries, read_stream, table_of_entries};
pub use feast::{FeatureView, read_feast};
pub use featureform::{FEATUREFORM_PREFIX, Features, read_features};
pub use hashes::read_rows;
pub use listed::read_index;
pub use members::{one_row, read_members};
pub use row_keys::{RowKeys, refuse_equal};
pub use written::{append_rows, refuse_blank_rows, write_hashes, write_list, write_stream};
