//! Integration tests, one file for each intent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod accuracy;
mod conformance_models;
mod conformance_steps;
mod easy;
mod folds;
mod formats;
mod metrics;
mod models;
mod parity;
mod processes;
mod redis;
mod report;
mod server;
mod step_tables;
mod steps;
mod stores;
mod tidy;
