//! The user's data: keys, formats and layouts.

pub mod formats;
