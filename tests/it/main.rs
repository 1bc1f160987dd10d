//! Integration tests, by intent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod accuracy;
mod conformance_models;
mod conformance_steps;
mod folds;
mod metrics;
mod models;
mod parity;
mod processes;
mod redis;
mod server;
mod step_tables;
mod steps;
mod stores;

mod formats;
