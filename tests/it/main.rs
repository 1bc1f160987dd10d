//! Integration tests, by intent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod accuracy;
mod cli;
mod command;
mod conformance_models;
mod determinism;
mod faults;
mod kills;
mod models;
mod processes;
mod proxy;
mod redis;
mod server;
mod store_faults;
mod stores;

mod formats;
