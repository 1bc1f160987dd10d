//! A number as a label.

/// A number as it would stand in the data: whole numbers without a fraction, else the shortest text
/// that reads back as the same number.
pub fn label_of(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{}", value as i64) } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use super::label_of;

    #[test]
    fn whole_numbers_have_no_fraction() {
        assert_eq!([0.0, -0.0, 3.0, 0.1, -2.5].map(label_of), ["0", "0", "3", "0.1", "-2.5"]);
    }
}
