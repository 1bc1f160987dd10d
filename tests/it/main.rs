//! Integration tests, by intent.

mod server;
mod stores;
