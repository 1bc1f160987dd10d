//! A number as a label.

/// A number as it would stand in the data: whole numbers without a fraction, else the shortest text
/// that reads back as the same number.
pub fn label_of(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{}", value as i64) } else { format!("{value}") }
}

/// The number that a label spells: decimal digits with sign, point and exponent, or infinity, with blanks around it; never
/// NaN.
pub fn number_of(label: &str) -> Option<f64> {
    let text = label.trim_ascii();
    // `parse` takes exactly this grammar, and NaN, which no number starts with.
    let starts = matches!(text.as_bytes().first()?, b'0'..=b'9' | b'+' | b'-' | b'.' | b'i' | b'I');
    text.parse().ok().filter(|value: &f64| starts && !value.is_nan())
}

#[cfg(test)]
mod tests {
    use super::{label_of, number_of};

    #[test]
    fn labels_that_are_numbers_spell_them() {
        assert_eq!([" 1", "-.5", "1e3", "inf"].map(number_of), [1.0, -0.5, 1e3, f64::INFINITY].map(Some));
        assert_eq!(["", "nan", "1x", "1_000", "-nan"].map(number_of), [None; 5]);
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        assert_eq!([0.0, -0.0, 3.0, 0.1, -2.5].map(label_of), ["0", "0", "3", "0.1", "-2.5"]);
    }
}
