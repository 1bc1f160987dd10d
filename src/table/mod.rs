//! Tables: typed columns, rows, targets, and the scan that produces them.

mod column;
mod data;
mod datetime;
mod digest;
mod facts;
mod fingerprint;
mod labels;
mod levels;
mod na_values;
mod rows;
mod scan;
mod schema;
mod tabular;
mod target;

pub use column::Column;
pub use data::{Data, Origin};
pub use datetime::{Civil, datetime_text, is_datetime, parse_datetime, push_datetime};
pub use digest::Digest;
pub use facts::Facts;
pub use fingerprint::{digest_of_pieces, fingerprint, piece_digest};
pub use labels::{label_of, number_of};
pub use levels::{Levels, MISSING};
pub use na_values::NaValues;
pub use rows::Rows;
pub use scan::{RUN_ROWS, Scan, gather};
pub use schema::{Field, Kind, Schema};
pub use tabular::Table;
pub use target::Target;
