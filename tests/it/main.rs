//! Integration tests, by intent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod conformance_steps;
mod server;
mod step_tables;
mod steps;
mod stores;
