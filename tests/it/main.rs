//! Integration tests, by intent.

mod redis;
mod server;
mod stores;
mod accuracy;
