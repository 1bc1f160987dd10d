//! A problem with a place: what went wrong, where, and what to do next.
//!
//! Every room reports through [`Diagnostic`]; [`Code`] is the one table of what can go wrong, and
//! each code knows the exit code of the process. Nothing here prints: `cli` does, with [`render`].

mod code;
mod diagnostic;
mod json;
mod password;
mod render;
mod span;
mod suggest;
mod veil;
mod watch;

pub use code::Code;
pub use diagnostic::{Diagnostic, Place, Severity};
pub use json::to_json;
pub use password::{url_without_password, without_passwords};
pub use render::{printable, render};
pub use span::{Source, Span};
pub use suggest::suggest;
pub use veil::Veil;
pub use watch::{Silent, Watch};

/// The result of anything that can fail, mostly with one diagnostic.
pub type Result<T, E = Diagnostic> = std::result::Result<T, E>;
