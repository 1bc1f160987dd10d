//! Integration tests, by intent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod accuracy;
mod conformance_models;
mod models;
mod processes;
mod redis;
mod server;
mod stores;

mod formats;
