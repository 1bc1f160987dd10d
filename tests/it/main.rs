//! Integration tests, by intent.

mod conformance_steps;
mod server;
mod steps;
mod stores;
