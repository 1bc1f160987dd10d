//! The user's data: keys, formats and layouts.

mod files;
pub mod formats;
pub mod keys;
pub mod layouts;
mod parquet;
mod place;

pub use files::{read_file, write_file};
pub use parquet::{ParquetScan, Survey, open as open_parquet};
pub use place::Place;
