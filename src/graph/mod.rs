//! The checked file: names become components; no data.
