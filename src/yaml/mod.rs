//! Text to a tree of nodes with spans.
//!
//! YAML 1.2 with the core schema, and stricter than that: duplicate keys, keys that are not
//! scalars, merge keys, custom tags, several documents, and anything beyond the limits below are
//! refused with a place. The limits hold before memory is used, so that a small text cannot become
//! a large tree: aliases are weighed before they are expanded.

mod builder;
mod node;
mod offsets;
mod parse;
mod scalar;
mod syntax;

pub use node::{Entry, Node, Value, shorten};
pub use parse::{parse, parse_from};
pub use scalar::plain;

/// The longest text, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// How deep lists and maps may lie in each other.
pub const MAX_DEPTH: usize = 64;
/// How many nodes there may be after aliases are expanded; keys are nodes too.
pub const MAX_NODES: usize = 100_000;
/// How many bytes all scalars may have together after aliases are expanded.
pub const MAX_TEXT: usize = 4 << 20;
/// How many nodes may carry an anchor.
const MAX_ANCHORS: usize = 1_000;
/// How many tokens a flow collection may have, as its characters let fear.
const MAX_TOKENS: usize = 1 << 18;
/// Sum over the characters that YAML gives a meaning of the brackets that are open there.
const MAX_LOOKS: usize = 5_000_000;
/// After so many problems the rest of a text is not worth reporting.
const MAX_PROBLEMS: usize = 100;
