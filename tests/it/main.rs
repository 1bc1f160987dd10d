//! Integration tests, one file for each intent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod accuracy;
mod conformance_models;
mod easy;
mod formats;
mod models;
mod folds;
mod metrics;
mod models;
mod parity;
mod processes;
mod redis;
mod server;
mod stores;

mod formats;
