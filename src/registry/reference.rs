//! How a model, one of its aliases or one of its versions is written.

use crate::diag::{Code, Diagnostic, Result};
use std::str::FromStr;

/// `NAME`, `NAME@alias` or `NAME:version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The model's name.
    pub name: String,
    /// Which of its versions.
    pub pick: Pick,
}

/// One version of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Nothing was said: `latest`, or all where all can be meant.
    Unsaid,
    /// By alias.
    Alias(String),
    /// By number.
    Number(u64),
}

impl FromStr for Reference {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self> {
        let (name, pick) = match text.find(['@', ':']) {
            None => (text, Pick::Unsaid),
            Some(at) if text[at..].starts_with('@') => (&text[..at], Pick::Alias(text[at + 1..].to_owned())),
            Some(at) => {
                let number = &text[at + 1..];
                let not_a_number = || {
                    let message = format!("`{number}` is not a version number");
                    Code::UnknownModel.error(message).help("versions are 1, 2, 3 ...; an alias follows `@`")
                };
                (&text[..at], Pick::Number(number.parse().map_err(|_| not_a_number())?))
            }
        };
        Ok(Self { name: name.to_owned(), pick })
    }
}

/// Whether a text can name a pipeline, an artifact, an alias, a file of a version or a run:
/// `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`. Such a name is harmless as part of a path and of a key.
pub fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.len() <= 64 && text.chars().all(inner)
}

#[cfg(test)]
mod tests {
    use super::{Pick, Reference, is_name};

    #[test]
    fn the_three_forms_are_read() {
        for (text, name, pick) in [
            ("m", "m", Pick::Unsaid),
            ("m@a:b", "m", Pick::Alias("a:b".into())),
            ("m:12", "m", Pick::Number(12)),
        ] {
            assert_eq!(text.parse(), Ok(Reference { name: name.into(), pick }));
        }
        for text in ["m:", "m:-1", "m:1@x", "m:1.0"] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_harmless() {
        for good in ["a", "0", "A.b_c-9", &"x".repeat(64)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", "-a", "_a", "a/b", "a b", "a:b", "ä", "a\n", &"x".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
