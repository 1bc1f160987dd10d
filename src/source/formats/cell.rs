//! One cell of a text format: missing, number, true or false, or a word.

use std::collections::HashSet;

use super::decimal;
use crate::table::NaValues;

/// From here on an `f64` no longer holds every integer.
const LAST_INTEGER: f64 = 9_007_199_254_740_992.0;

/// The text of a cell.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'t> {
    /// The text.
    pub text: &'t str,
    /// The number that it spells, where whoever cut it out knows that already.
    pub number: Option<f64>,
}

impl<'t> From<&'t str> for Cell<'t> {
    fn from(text: &'t str) -> Self {
        Self { text, number: None }
    }
}

impl Cell<'_> {
    /// The number that the text spells, as [`number`] reads it.
    pub fn number(self) -> Option<f64> {
        self.number.or_else(|| number(self.text))
    }
}

/// What stands for a missing value.
#[derive(Debug)]
pub struct Missing {
    defaults: bool,
    words: HashSet<String>,
    /// The numbers that are missing, however they are spelled.
    numbers: Vec<f64>,
}

impl Missing {
    /// What the file says.
    pub fn of(na_values: &NaValues) -> Self {
        Self {
            defaults: na_values.keep_default,
            words: na_values.values.iter().cloned().collect(),
            numbers: na_values.values.iter().filter_map(|text| number(text)).collect(),
        }
    }

    /// Whether a text that spells no number is missing.
    pub fn word(&self, text: &str) -> bool {
        self.defaults && is_missing(text) || !self.words.is_empty() && self.words.contains(text)
    }

    /// Whether a number is missing.
    pub fn number(&self, value: f64) -> bool {
        !self.numbers.is_empty() && self.numbers.contains(&value)
    }

    /// Whether any text is missing.
    pub fn text(&self, text: &str) -> bool {
        self.word(text) || !self.numbers.is_empty() && number(text).is_some_and(|value| self.number(value))
    }
}

/// Whether a text stands for a missing value: the list of pandas' `read_csv` (`STR_NA_VALUES` of
/// pandas 3), compared as it stands, without trimming.
fn is_missing(text: &str) -> bool {
    matches!(
        text,
        "" | "#N/A"
            | "#N/A N/A"
            | "#NA"
            | "-1.#IND"
            | "-1.#QNAN"
            | "-NaN"
            | "-nan"
            | "1.#IND"
            | "1.#QNAN"
            | "<NA>"
            | "N/A"
            | "NA"
            | "NULL"
            | "NaN"
            | "None"
            | "n/a"
            | "nan"
            | "null"
    )
}

/// The number that a text spells, as `read_csv` reads it: decimal digits with sign, point and
/// exponent, or infinity, with blanks around it; never NaN.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim_ascii();
    // `parse` takes exactly this grammar, and NaN, which no number starts with.
    match text.as_bytes().first()? {
        b'0'..=b'9' | b'+' | b'-' | b'.' | b'i' | b'I' => {
            let parsed = || text.parse::<f64>().ok().filter(|value| !value.is_nan());
            decimal::nearest(text).or_else(parsed)
        }
        _ => None,
    }
}

/// The number that a text stands for in a column of numbers, or of bools where `truths`; NaN where it is missing.
///
/// # Errors
/// What it is instead, after "the value is".
pub fn number_cell(text: &str, truths: bool, missing: &Missing) -> Result<f64, &'static str> {
    match number(text) {
        Some(value) if missing.number(value) => Ok(f64::NAN),
        Some(value) if !value.is_finite() => Err("infinite"),
        Some(value) if truths && value != 0.0 && value != 1.0 => Err("neither true nor false"),
        Some(value) if is_beyond_integers(text, value) => {
            Err("an integer beyond 2^53, which a float cannot hold")
        }
        Some(value) => Ok(value),
        None if missing.word(text) => Ok(f64::NAN),
        None => match truth(text) {
            Some(truth) => Ok(f64::from(u8::from(truth))),
            None if truths => Err("neither true nor false"),
            None => Err("not a number"),
        },
    }
}

/// A text as a number where one is asked for: missing is NaN, true and false are 1 and 0.
pub(in crate::source) fn numeral(text: &str) -> Option<f64> {
    let truth = || truth(text).map(|truth| f64::from(u8::from(truth)));
    number(text).or_else(|| is_missing(text).then_some(f64::NAN)).or_else(truth)
}

/// `true` or `false` in any case.
pub(super) fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Whether a text that spells `value` is an integer beyond 2^53. The digits decide: as a float,
/// 2^53 + 1 is 2^53.
#[inline]
pub(super) fn is_beyond_integers(text: &str, value: f64) -> bool {
    value.abs() >= LAST_INTEGER && value.is_finite() && has_too_many_digits(text)
}

fn has_too_many_digits(text: &str) -> bool {
    let digits = text.trim_ascii().trim_start_matches(['+', '-']);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let digits = digits.trim_start_matches('0');
    digits.len() > 16 || digits > "9007199254740992"
}

/// A key that two spellings of one number share, and two numbers never do: up to 15 significant
/// digits a float tells decimals apart, beyond that the spelling itself is the key.
pub(super) fn number_key(text: &str) -> String {
    let mantissa = text.trim_ascii().split(['e', 'E']).next().unwrap_or("");
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if digits.trim_matches('0').len() > 15 {
        return text.trim_ascii().to_owned();
    }
    number(text).map_or_else(|| text.to_owned(), label_of)
}

/// How a number is printed as a class label: `0`, not `0.0`; else the shortest text that reads back
/// as the same number.
pub fn label_of(value: f64) -> String {
    // Zero has one label.
    let mut text = String::new();
    push_number(&mut text, value + 0.0, true);
    text
}

/// Appends the shortest text that reads back as the same bits; an integral value without a point
/// where `whole` says so.
pub(super) fn push_number(text: &mut String, value: f64, whole: bool) {
    use std::fmt::Write as _;

    write!(text, "{value:?}").expect("writing to a string does not fail");
    if whole && text.ends_with(".0") {
        text.truncate(text.len() - 2);
    }
}

#[cfg(test)]
mod tests {
    use super::{is_beyond_integers, label_of, number, number_key};

    #[test]
    fn numbers_are_those_of_read_csv() {
        for (text, value) in [
            ("1", 1.0),
            ("+1", 1.0),
            ("-0.5", -0.5),
            (".5", 0.5),
            ("1.", 1.0),
            ("1e5", 1e5),
            ("1E-5", 1e-5),
            (" 1\t", 1.0),
            ("007", 7.0),
            ("1e999", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("iNf", f64::INFINITY),
            ("1e-400", 0.0),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in [
            "", ".", "1e", "1_000", "1,000", "0x10", "--1", "+-1", "- 1", "nan", "+nan", "NAN", "1d5", "٣",
            "i", "infra",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn digits_decide_what_is_beyond_the_integers() {
        let beyond = |text: &str| is_beyond_integers(text, number(text).expect("a number"));
        assert!(!beyond("9007199254740992") && !beyond("-009007199254740992"));
        assert!(beyond("9007199254740993") && beyond("-9007199254740993") && beyond("18446744073709551616"));
        assert!(!beyond("1e20") && !beyond("9007199254740993.0"));
    }

    #[test]
    fn labels_are_as_people_write_them() {
        let texts = [0.0, -0.0, 1.0, 2.5, 1e-7, 1e300, -3.0].map(label_of);
        assert_eq!(texts, ["0", "0", "1", "2.5", "1e-7", "1e300", "-3"]);
    }

    #[test]
    fn spellings_of_one_number_share_a_key() {
        assert_eq!(number_key("1"), number_key(" 1.00"));
        assert_eq!(number_key("1e1"), number_key("10"));
        assert_ne!(number_key("9007199254740993"), number_key("9007199254740992"));
    }
}
