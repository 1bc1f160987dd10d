//! Metrics, one file each.
