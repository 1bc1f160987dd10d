//! Integration tests, one file for each intent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]
#![expect(clippy::print_stdout, reason = "a test says how much it has checked")]

mod accuracy;
mod conformance_models;
mod conformance_steps;
mod easy;
mod folds;
mod formats;
mod layouts;
mod metrics;
mod models;
mod parity;
mod processes;
mod redis;
mod server;
mod shifts;
mod step_tables;
mod steps;
mod stores;
mod tidy;
