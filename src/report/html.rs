//! The report as one self-contained html file.

use super::Report;

/// The report as html: no script, no request.
pub fn html(report: &Report) -> String {
    super::markdown(report)
}
