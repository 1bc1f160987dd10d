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

#[cfg(test)]
mod tests {
    use super::{Pick, Reference};

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
}
