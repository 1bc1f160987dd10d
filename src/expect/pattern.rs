//! A regular expression.

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// The largest compiled pattern, in bytes: matching takes time in proportion.
const LARGEST: usize = 1 << 20;

/// A regular expression that has to match the whole of a value. Matching takes no longer than pattern times text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    whole: Regex,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let build = |text: &str| {
            RegexBuilder::new(text).size_limit(LARGEST).build().map_err(|error| error.to_string())
        };
        // Alone first, since its brackets must not close ours.
        build(text)?;
        Ok(Self { text: text.to_owned(), whole: build(&format!(r"\A(?:{text})\z"))? })
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches the whole of a text.
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_pattern_matches_the_whole_of_a_value() {
        let pattern = Pattern::new("[A-Z]{2}|x").expect("a pattern");
        assert_eq!(
            ["AB", "x", "ABC", "xx", "a\nAB", ""].map(|text| pattern.matches(text)),
            [true, true, false, false, false, false]
        );
        for text in ["(", "a)(b", "[", "(?x)a # b", "a{1000}{1000}{1000}"] {
            assert!(Pattern::new(text).is_err(), "{text}");
        }
    }
}
