//! Integration tests, one file for each intent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]
#![expect(clippy::print_stdout, reason = "a test says how much it has checked")]

mod accuracy;
mod artifacts;
mod bounds;
mod cli;
mod command;
mod conformance_models;
mod conformance_steps;
mod determinism;
mod direct;
mod disks;
mod easy;
mod faults;
mod folds;
mod formats;
mod fuzz;
mod inner_folds;
mod invalid;
mod kills;
mod layouts;
mod memory;
mod metrics;
mod models;
mod nist;
mod parity;
mod parquet;
mod pca;
mod places;
mod processes;
mod products;
mod proxy;
mod redis;
mod redis_rows;
mod report;
mod row_faults;
mod row_indexes;
mod scale_gate;
mod searches;
mod secrets;
mod server;
mod shared_rows;
mod shifts;
mod step_tables;
mod steps;
mod store_faults;
mod stores;
mod streams;
mod tidy;
mod trickle;
mod univariate;
