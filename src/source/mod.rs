//! The user's data: keys, formats and layouts.

mod files;
pub mod formats;
pub mod keys;
pub mod layouts;
mod place;

pub use files::{read_file, write_file};
pub use place::Place;
