//! Diagnostics as text for people.

use super::Diagnostic;

/// All diagnostics as text: code, message, place, the line with a caret, help.
pub fn render(diagnostics: &[Diagnostic], _color: bool) -> String {
    diagnostics.iter().map(|d| format!("{}: {d}\n", d.code().id())).collect()
}
