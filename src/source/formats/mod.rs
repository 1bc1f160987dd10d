//! One value of a key, or one file, as a table; and a table as bytes.
//!
//! The rules are the same in every text format, so that a table does not depend on how it was
//! stored:
//!
//! - A cell is a text. A JSON string is the same cell as the CSV field with that text, as
//!   `pandas.read_json` has it, so `["1", "2"]` are numbers; JSON numbers, `true` and `false` are
//!   the cells that they spell; `null` and every word of pandas' `read_csv` list is missing.
//! - A column is numbers if all its cells are (few levels or not), bool if all are true or false in
//!   any case, else category, its labels as the data spells them. Numbers and text together are a
//!   category, as in pandas. A column without any cell is numbers.
//! - `schema` overrides this: categories of numbers sort by value and spellings of one number are
//!   one level; `number` takes true and false as 1 and 0, `bool` takes 1 and 0; any other cell that
//!   is not of the type asked for is an error with its row and line.
//! - Infinity and integers beyond 2^53 do not fail the reading: they are [`Suspect`]s, for the
//!   caller to raise where the column is used.

mod bare;
mod build;
mod cell;
mod column;
mod decimal;
mod delimited;
mod describe;
mod detect;
mod format;
mod json;
mod packing;
mod read;
mod resolve;
mod spelled;
mod write;

pub(super) use bare::quote_bare_words;
pub use build::{Builder, Slot, gather};
pub(super) use cell::numeral;
pub use cell::{Missing, label_of, number_cell};
pub use column::{Built, Growing, Place, Suspect};
pub use describe::{Described, describe};
pub use detect::detect;
pub use format::{Format, format_of_path};
pub(super) use json::feed_object;
pub use packing::{Packing, unpack};
pub use read::{Part, Read, ReadOptions, read, read_parts};
pub use resolve::resolve;
pub use spelled::Spelled;
pub use write::{write, write_more, write_to, written};
