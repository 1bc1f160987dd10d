//! Numbers as people read them.

/// How numbers that stand together are written: all with the same decimals, so that they compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digits {
    /// As many decimals.
    Decimals(usize),
    /// As a power of ten, with as many decimals.
    Power(usize),
}

impl Digits {
    /// Enough decimals for `digits` digits of the largest of these; a zero before the point counts
    /// as one, so that 0.4823 and 1.0000 both have five.
    pub fn of(values: impl IntoIterator<Item = f64>, digits: usize) -> Self {
        let largest = values.into_iter().filter(|v| v.is_finite()).fold(0.0, |a: f64, v| a.max(v.abs()));
        let rest = digits.saturating_sub(1);
        if largest == 0.0 {
            return Digits::Decimals(rest);
        }
        // 0.1 and more: the zero before the point is the first digit.
        let exponent = largest.log10().floor();
        match if exponent == -1.0 { 0 } else { exponent as i32 } {
            exponent @ -4..0 => Digits::Decimals(rest + exponent.unsigned_abs() as usize),
            exponent @ 0..7 => Digits::Decimals(rest.saturating_sub(exponent as usize)),
            _ => Digits::Power(rest),
        }
    }

    /// The number.
    pub fn show(self, value: f64) -> String {
        let text = match self {
            Digits::Decimals(decimals) => format!("{value:.decimals$}"),
            Digits::Power(decimals) => format!("{value:.decimals$e}"),
        };
        // -0.00001 rounds to a zero, which has no sign.
        match text.strip_prefix('-') {
            Some(rest) if rest.chars().all(|c| matches!(c, '0' | '.')) => rest.to_owned(),
            _ => text,
        }
    }
}

/// One number with this many digits.
pub fn significant(value: f64, digits: usize) -> String {
    Digits::of([value], digits).show(value)
}

/// A whole number with its thousands apart: 20,640.
pub fn count(number: usize) -> String {
    let plain = number.to_string();
    let mut text = String::with_capacity(plain.len() + plain.len() / 3);
    for (i, digit) in plain.chars().enumerate() {
        if i > 0 && (plain.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun, in the plural where there are several or none.
pub fn counted(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::{Digits, count, counted, significant};

    #[test]
    fn the_largest_decides_for_all() {
        let scores = [0.48231, 1.0, -0.00001];
        let digits = Digits::of(scores, 5);
        assert_eq!(scores.map(|score| digits.show(score)), ["0.4823", "1.0000", "0.0000"]);
        assert_eq!(Digits::of([-2993.07285, 3.1], 5).show(-2993.07285), "-2993.1");
        assert_eq!(Digits::of([], 5).show(0.0), "0.0000");
    }

    #[test]
    fn small_and_large_numbers_keep_their_digits() {
        let shown = [24.726549, 0.476121, 0.0123456, 0.00012345678, 1e-9, 1234567.8, 1.5e12, -37.68];
        let expected =
            ["24.727", "0.4761", "0.012346", "0.00012346", "1.0000e-9", "1234568", "1.5000e12", "-37.680"];
        assert_eq!(shown.map(|value| significant(value, 5)), expected);
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 999, 1000, 20640, 1234567].map(count), ["0", "999", "1,000", "20,640", "1,234,567"]);
        assert_eq!([0, 1, 2].map(|n| counted(n, "row")), ["0 rows", "1 row", "2 rows"]);
    }
}
