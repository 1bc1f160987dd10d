//! Binds a graph to a schema and a row count, and decides how it will be run, and why.
