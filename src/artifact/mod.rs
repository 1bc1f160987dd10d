//! A fitted pipeline to bytes and back.
