//! A regular expression.

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// The largest compiled pattern, in bytes: matching takes time in proportion.
const LARGEST: usize = 1 << 18;

/// A regular expression that has to match the whole of a value. It is compiled where it is used, so that reading a thousand of them
/// takes no more memory than their texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern {
    text: String,
}

impl Pattern {
    /// A pattern that can be compiled.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let pattern = Self { text: text.to_owned() };
        pattern.compiled().map(|_| pattern)
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What matches the whole of a text, in a time of no more than pattern times text.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn compiled(&self) -> Result<Regex, String> {
        let build = |text: &str| {
            RegexBuilder::new(text).size_limit(LARGEST).build().map_err(|error| error.to_string())
        };
        // Alone first, since its brackets must not close ours.
        build(&self.text)?;
        build(&format!(r"\A(?:{})\z", self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_pattern_matches_the_whole_of_a_value() {
        let pattern = Pattern::new("[A-Z]{2}|x").and_then(|pattern| pattern.compiled()).expect("a pattern");
        assert_eq!(
            ["AB", "x", "ABC", "xx", "a\nAB", ""].map(|text| pattern.is_match(text)),
            [true, true, false, false, false, false]
        );
        for text in ["(", "a)(b", "[", "(?x)a # b", "a{1000}{1000}{1000}"] {
            assert!(Pattern::new(text).is_err(), "{text}");
        }
    }
}
