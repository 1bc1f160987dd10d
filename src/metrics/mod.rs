//! Metrics, one file each.
use crate::contract::Metric;
use crate::diag::Diagnostic;
use crate::table::Levels;
/// stub
pub fn refuses(_metric: &Metric, _labels: &Levels) -> Option<Diagnostic> {
    None
}
