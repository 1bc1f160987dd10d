//! Integration tests, one file for each intent.

mod formats;
