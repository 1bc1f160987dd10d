//! Plain decimals, such as `-12.3456789`, as the nearest number: what tables as texts are made of.

/// Decimals of more digits than this may not fit in a `u64`.
const MOST_DIGITS: usize = 19;

/// The nearest number to a plain decimal of up to 19 digits, ties to even, as `str::parse` gives it.
///
/// `None` is no verdict: see [`leading`].
pub fn nearest(text: &str) -> Option<f64> {
    leading(text.as_bytes()).filter(|(_, length)| *length == text.len()).map(|(value, _)| value)
}

/// The nearest number to the plain decimal that a text begins with, and how long that is: to the first byte that is neither
/// sign, digit nor point.
///
/// `None` is no verdict: there is none, or it has more than 19 digits, or is too near to the middle between two numbers.
pub fn leading(text: &[u8]) -> Option<(f64, usize)> {
    let is_negative = *text.first()? == b'-';
    let sign = usize::from(is_negative);
    // Few digits are before the point, mostly, and many behind it.
    let (mut digits, mut at) = (0_u64, sign);
    while let Some(digit @ b'0'..=b'9') = text.get(at) {
        digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    let whole = at - sign;
    let mut places = 0;
    if text.get(at) == Some(&b'.') {
        at += 1;
        loop {
            let (count, number) = up_to_eight_digits(&text[at..]);
            digits = digits.wrapping_mul(POWERS[count]).wrapping_add(number);
            at += count;
            places += count;
            if count < 8 {
                break;
            }
        }
    }
    // Only so many were held.
    if !(1..=MOST_DIGITS).contains(&(whole + places)) {
        return None;
    }
    let value = scaled(digits, places)?;
    Some((if is_negative { -value } else { value }, at))
}

/// How many digits a text begins with, up to eight, and the number that they are.
fn up_to_eight_digits(text: &[u8]) -> (usize, u64) {
    let eight = text.first_chunk().copied().unwrap_or_else(|| {
        let mut padded = [0; 8];
        padded[..text.len()].copy_from_slice(text);
        padded
    });
    // Digits become 0 to 9 and all else more, which 0x76 more brings over the highest bit, but for what has that anyway. What is
    // carried goes to bytes behind the first that is no digit.
    let values = u64::from_le_bytes(eight) ^ u64::from_le_bytes([b'0'; 8]);
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let count = others.trailing_zeros() / 8;
    // Zeros in front, then pairs, fours, and all at once: the first digit is in the lowest byte.
    let digits = values.checked_shl(u64::BITS - 8 * count).unwrap_or(0);
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    (count as usize, (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xFFFF_FFFF)
}

const POWERS: [u64; MOST_DIGITS + 1] = {
    let mut powers = [1; MOST_DIGITS + 1];
    let mut i = 1;
    while i <= MOST_DIGITS {
        powers[i] = 10 * powers[i - 1];
        i += 1;
    }
    powers
};

/// For each number of places 2^s / 5^places, rounded down, and s, such that it has 64 bits.
const INVERSES: [(u64, u32); MOST_DIGITS + 1] = {
    let mut inverses = [(0, 0); MOST_DIGITS + 1];
    let (mut places, mut five) = (1, 5_u128);
    while places <= MOST_DIGITS {
        let s = 63 + (128 - five.leading_zeros());
        inverses[places] = (((1 << s) / five) as u64, s);
        five *= 5;
        places += 1;
    }
    inverses
};

/// digits / 10^places, to the nearest number.
///
/// Lemire, *Number parsing at a gigabyte per second* (2021), with one multiplication: what it leaves open is left to the caller.
fn scaled(digits: u64, places: usize) -> Option<f64> {
    if places == 0 || digits == 0 {
        return Some(digits as f64);
    }
    // With digits * 2^zeros * (inverse + e) = x * 2^64 and 0 <= e < 1, x is in [top, top + 2).
    let zeros = digits.leading_zeros();
    let (inverse, s) = INVERSES[places];
    let top = ((u128::from(digits << zeros) * u128::from(inverse)) >> 64) as u64;
    // The first 53 bits of `top`, which has 63 or 64, and the rest of it.
    let spare = u64::BITS - top.leading_zeros() - f64::MANTISSA_DIGITS;
    let (rest, middle) = (top & ((1 << spare) - 1), 1_u64 << (spare - 1));
    if rest == middle || rest + 1 == middle {
        return None;
    }
    let mantissa = (top >> spare) + u64::from(rest > middle);
    let power = 64 + i64::from(spare) - i64::from(zeros) - i64::from(s) - places as i64;
    // Between 2^-127 and 2^64: a normal number, and so is the product.
    let power = f64::from_bits(((power + 1023) as u64) << (f64::MANTISSA_DIGITS - 1));
    Some(mantissa as f64 * power)
}

#[cfg(test)]
mod tests {
    use super::{nearest, scaled};
    use rand_mt::Mt64;

    #[test]
    fn plain_decimals_are_what_the_standard_library_makes_of_them() {
        let mut dice = Mt64::new(1);
        let (mut found, mut open) = (0, 0);
        for i in 0..300_000_u32 {
            let unit = (dice.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            let text = match i % 3 {
                0 => (6.0 * unit - 3.0).to_string(),
                1 => format!(
                    "{:.*}",
                    (dice.next_u64() % 18) as usize,
                    unit * 10_f64.powi((dice.next_u64() % 18) as i32)
                ),
                _ => (-unit * 10_f64.powi((dice.next_u64() % 30) as i32 - 15)).to_string(),
            };
            match nearest(&text) {
                Some(value) => {
                    assert_eq!(value.to_bits(), text.parse::<f64>().expect("a number").to_bits(), "{text}");
                    found += 1;
                }
                None => open += 1,
            }
        }
        assert!(found > 200_000, "{found} found, {open} open");
    }

    #[test]
    fn digits_of_all_lengths_are_scaled_to_the_nearest() {
        let mut dice = Mt64::new(2);
        for _ in 0..300_000 {
            let digits = (dice.next_u64() >> (dice.next_u64() % 64)) % 10_000_000_000_000_000_000;
            let places = (dice.next_u64() % 20) as usize;
            if let Some(value) = scaled(digits, places) {
                let text = format!("{digits}e-{places}");
                assert_eq!(value.to_bits(), text.parse::<f64>().expect("a number").to_bits(), "{text}");
            }
        }
    }

    /// Between two numbers, and as near to that as decimals of 19 digits come.
    #[test]
    fn middles_are_even_or_left_open() {
        let mut dice = Mt64::new(3);
        for _ in 0..100_000 {
            // Odd multiples of half of what two numbers are apart at 2^53 .. 2^54, in tenths.
            let odd = (1 << 53) + 2 * (dice.next_u64() % (1 << 52)) + 1;
            for digits in [10 * odd - 1, 10 * odd, 10 * odd + 1] {
                let text = format!("{}.{}", digits / 10, digits % 10);
                let expected = text.parse::<f64>().expect("a number");
                assert!(nearest(&text).is_none_or(|value| value.to_bits() == expected.to_bits()), "{text}");
            }
        }
    }

    #[test]
    fn edges() {
        for text in [
            "0",
            "-0",
            "0.0",
            "-0.0",
            "5.",
            ".5",
            "-.5",
            "00012",
            "9999999999999999999",
            "0.123456789012345678",
        ] {
            let expected: f64 = text.parse().expect("a number");
            assert_eq!(nearest(text).map(f64::to_bits), Some(expected.to_bits()), "{text}");
        }
        let none = [
            "",
            "-",
            ".",
            "-.",
            "--1",
            "1.2.3",
            "1e5",
            "+1",
            "1,5",
            "1.5x",
            "1.12345678x",
            "1.1234567:",
            "1.1234567/",
            "inf",
            " 1",
            "99999999999999999999",
            "1.99999999999999999999",
            "1.123456789\u{fa}",
            "\u{660}",
            "1_0",
        ];
        for text in none {
            assert_eq!(nearest(text), None, "{text}");
        }
    }
}
