//! pipefit: a YAML file becomes a cross-validated, published model.
//!
//! Data flows one way through the rooms of this crate, and a room uses only rooms above it in
//! the list below (`tests/it/tidy.rs` reads the `use` lines and enforces it):
//!
//! ```text
//! text -> yaml -> spec -> graph -> plan -> run -> artifact, report -> store    (job leads it through)
//!                                   ^                                |
//!                       source (keys, files -> Scan)             registry -> predict, serve, learn
//! ```

pub mod artifact;
pub mod clean;
pub mod cli;
pub mod contract;
pub mod diag;
pub mod expect;
pub mod gate;
pub mod graph;
pub mod job;
pub mod learn;
pub mod linalg;
pub mod metrics;
pub mod models;
pub mod onnx;
pub mod plan;
pub mod predict;
pub mod registry;
pub mod report;
pub mod run;
pub mod score;
pub mod serve;
pub mod signing;
pub mod sklearn;
pub mod source;
pub mod spec;
pub mod splitters;
pub mod steps;
pub mod store;
pub mod table;
pub mod yaml;
