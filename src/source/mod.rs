//! The user's data: keys, formats and layouts.

mod files;
pub mod formats;
pub mod keys;
pub mod layouts;
mod parquet;
mod place;

pub use files::{files_matching, read_file, write_file};
pub use parquet::{ParquetScan, Survey, is_parquet, open as open_parquet};
pub use place::Place;
