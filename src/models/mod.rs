//! Models, one file each.
