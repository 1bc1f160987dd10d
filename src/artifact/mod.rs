//! A fitted pipeline to bytes and back: one safetensors file with a manifest. Data only: reading one
//! runs nothing, and whatever is not exactly as expected is refused.

mod manifest;
mod onnx;
mod read;
mod snapshot;
pub mod tensors;
mod write;

pub use manifest::{Category, Labels, Manifest, NodeStructure, Search, Structure};
pub use read::{Artifact, manifest, read};
pub use snapshot::{Noted, Snapshot};
pub use write::{write, write_learned};

/// The form of the artifact. A change of it brings a new number, and old ones are still read.
pub const FORMAT: &str = "pipefit.artifact/2";

/// The form of version 0.1.0, whose manifest says nothing of a search, of cleaning and of what is expected.
const FIRST_FORMAT: &str = "pipefit.artifact/1";
