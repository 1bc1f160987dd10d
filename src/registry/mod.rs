//! Runs, model versions and aliases, on top of the store.
