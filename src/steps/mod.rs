//! Preprocessing steps and selectors, one file each.
