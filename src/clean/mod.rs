//! `clean`: stateless row operations before any split, with pandas' names, parameters and meaning.
//!
//! There are two kinds. Operations on columns (`fillna`, `replace`, `astype`, `rename`, `clip`) change each value by itself: what
//! they do to one column is a [`Lane`], which travels with the published model and is done to new rows as well. Operations on rows
//! (`drop_duplicates`, `dropna`, `query`) decide which rows are learned from, and nothing else.
//!
//! Where pandas would change a column's type along the way, this does not: a value that does not fit the type is an error, and
//! `astype` changes types. A missing value is NaN, as pandas has it; `astype` keeps it missing.

mod apply;
mod astype;
mod bound;
mod clip;
mod drop_duplicates;
mod dropna;
mod edit;
mod fillna;
mod lane;
mod names;
mod operation;
mod query;
mod rename;
mod replace;
mod scalar;
mod shape;
mod streamed;

pub use apply::{Cleaned, clean};
pub use astype::AsType;
pub use bound::{Act, Bound, Filter, Stage, bind};
pub use clip::Clip;
pub use drop_duplicates::{DropDuplicates, Keep};
pub use dropna::{DropNa, Least};
pub use edit::{Edit, Refused};
pub use fillna::FillNa;
pub use lane::Lane;
pub use names::{kinds_after, name_after, name_before};
pub use operation::{Operation, Work};
pub use query::Query;
pub use rename::Rename;
pub use replace::{Pair, Replace};
pub use scalar::Scalar;
pub use shape::{Name, Shape};
