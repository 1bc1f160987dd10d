//! Answers over HTTP with published models: the Open Inference Protocol, MLflow's and TensorFlow Serving's, and plain rows.
//!
//! [`answer`] is the whole of a request whose bytes are there: rows go straight into columns (`sheet`), the pipeline predicts
//! them, and the protocol's form is written. Around it: who may ask (`admission`), what a connection may take (`connection`,
//! `guard`, `request`), the models, whose aliases are watched (`model`, `state`), and [`serve`], which holds it together.

mod admission;
mod answer;
mod connection;
mod guard;
mod journal;
mod json;
mod metrics;
mod model;
mod open_inference;
mod refusal;
mod request;
mod route;
mod rows;
mod server;
mod settings;
mod sheet;
mod state;

pub use answer::{Call, Reply, answer};
pub use journal::Journal;
pub use model::{Answer, Classes, Loaded, Look, Models, Served};
pub use refusal::Refusal;
pub use route::{Route, Work, route};
pub use server::{serve, show};
pub use settings::{Limits, Settings, Token};
