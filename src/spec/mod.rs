//! What was written: the typed pipeline file, with spans; knows no component.
//!
//! The way of a file: [`crate::yaml`] makes a tree of its text, `extends` lays it over the files that it
//! extends, `overrides` sets what the command line asks for, `references` replaces `${params.x}` and `${env:NAME}`, and the sections read
//! their part of the tree. Every problem is collected; a part that cannot be read gets its default,
//! so that the rooms below can go on and report theirs.

mod clean;
mod columns;
mod component;
mod data;
mod evaluation;
mod expect;
mod extends;
mod feast;
mod featureform;
mod files;
mod online;
mod output;
mod overrides;
mod parsed;
mod pipeline;
mod preprocess;
mod promote;
mod reader;
mod references;
mod resolved;
mod settings;
mod stream;
mod text;
mod variant;
mod watched;

pub use component::Written;
pub use data::{Roles, SourceSection};
pub use evaluation::Cv;
pub use feast::FeastSection;
pub use featureform::FeatureformSection;
pub use files::Files;
pub use online::{HalfLife, Online, milliseconds};
pub use output::Output;
pub use parsed::{Parsed, parse, read};
pub use pipeline::Spec;
pub use preprocess::{Group, Preprocess, Remainder, Selector};
pub use promote::{Promote, Required};
pub use settings::Setting;
pub use stream::{Moment, StreamSection};
pub use text::{FilePath, Text, is_name};
pub use variant::Variant;
pub use watched::{Drift, DriftTerms, Guarded, Labels};
