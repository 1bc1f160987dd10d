//! Text with a place, and text that names a file.

use std::path::PathBuf;
use std::sync::Arc;

use crate::diag::Span;

/// A text and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The text, with all references replaced: for use, not for show.
    pub value: String,
    /// Where it was written.
    pub span: Span,
    /// Set where the text came in part or whole from the environment: what to show in its place.
    pub unexpanded: Option<Arc<str>>,
}

impl Text {
    /// The text as messages, reports, locks and artifacts may show it: with `${env:NAME}` left as
    /// it is.
    pub fn shown(&self) -> &str {
        self.unexpanded.as_deref().unwrap_or(&self.value)
    }
}

/// A file or folder that the pipeline names.
#[derive(Clone, Debug, PartialEq)]
pub struct FilePath {
    /// The path as written.
    pub text: Text,
    /// The path to open: relative to the pipeline file, or to the working directory where it came
    /// from `-S`.
    pub path: PathBuf,
}

/// Whether a pipeline, an artifact, an alias, a file of a version or a run can have this name:
/// `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`. Such a name is harmless as part of a path and of a key.
pub fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    text.len() <= 64 && text.bytes().all(inner) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_never_become_paths() {
        for name in ["a", "9", "churn-2.v1_x", &"a".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "-a", "_a", "a/b", "a b", "a:b", "ä", "a\n", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
