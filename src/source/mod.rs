//! The user's data: keys, formats and layouts.

mod arrow;
mod chunks;
mod files;
pub mod formats;
pub mod keys;
pub mod layouts;
mod npy;
mod parquet;
mod parts;
mod place;
mod text_parts;
mod typed;

pub use chunks::value;
pub use files::{files_matching, read_file, write_file, write_file_by};
pub use parquet::{ParquetScan, Survey, is_parquet, open as open_parquet};
pub use parts::{Part, Parts};
pub use place::Place;
pub use text_parts::TextParts;
