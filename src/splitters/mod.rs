//! Splitters, one file each.
