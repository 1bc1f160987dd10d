//! Tables: typed columns, rows, targets, and the scan that produces them.
