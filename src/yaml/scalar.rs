//! What a scalar is: YAML 1.2's core schema (<https://yaml.org/spec/1.2.2/#103-core-schema>).

use super::Value;

/// The value of a plain (unquoted) scalar without a tag. `Err` is a message: a number that no
/// 64-bit float can hold.
pub fn plain(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(text)? {
            Some(number) => number,
            None => Value::Text(text.to_owned()),
        },
    })
}

/// The tags of the core schema that a scalar can have.
pub(super) const TAGS: &[&str] = &["str", "null", "bool", "int", "float"];

/// The value of a scalar with one of [`TAGS`] (`!!int 5`), quoted or not.
pub(super) fn tagged(suffix: &str, text: &str) -> Result<Value, String> {
    if suffix == "str" {
        return Ok(Value::Text(text.to_owned()));
    }
    match (suffix, plain(text)?) {
        ("float", Value::Int(value)) => Ok(Value::Float(value as f64)),
        ("null", Value::Null) => Ok(Value::Null),
        ("bool", Value::Bool(value)) => Ok(Value::Bool(value)),
        ("int", Value::Int(value)) => Ok(Value::Int(value)),
        ("float", Value::Float(value)) => Ok(Value::Float(value)),
        _ => Err(format!("`{}` is not what its tag `!!{suffix}` says", super::shorten(text))),
    }
}

fn number(text: &str) -> Result<Option<Value>, String> {
    let digits = |rest: &str, radix| i64::from_str_radix(rest, radix).ok();
    let all = |rest: &str, radix| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix));
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(rest) = text.strip_prefix(prefix).filter(|rest| all(rest, radix)) {
            let too_large = || format!("`{}` does not fit 64 bits", super::shorten(text));
            return digits(rest, radix).map(Value::Int).ok_or_else(too_large).map(Some);
        }
    }
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if all(unsigned, 10)
        && let Some(value) = digits(text, 10)
    {
        return Ok(Some(Value::Int(value)));
    }
    Ok(match unsigned {
        ".inf" | ".Inf" | ".INF" if negative => Some(Value::Float(f64::NEG_INFINITY)),
        ".inf" | ".Inf" | ".INF" => Some(Value::Float(f64::INFINITY)),
        // The core schema gives .nan no sign.
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => Some(Value::Float(f64::NAN)),
        _ if is_decimal(unsigned) => {
            let value: f64 = text.parse().expect("the core schema's decimals are a subset of Rust's");
            if value.is_infinite() {
                return Err(format!("`{}` is beyond what a 64-bit float can hold", super::shorten(text)));
            }
            Some(Value::Float(value))
        }
        _ => None,
    })
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::{Value, plain, tagged};

    fn text(word: &str) -> Value {
        Value::Text(word.to_owned())
    }

    #[test]
    fn the_core_schema_and_nothing_of_yaml_1_1() {
        for (word, value) in [
            ("1e-3", Value::Float(1e-3)),
            ("1E+3", Value::Float(1e3)),
            (".5", Value::Float(0.5)),
            ("5.", Value::Float(5.0)),
            ("-.inf", Value::Float(f64::NEG_INFINITY)),
            ("+12", Value::Int(12)),
            ("-007", Value::Int(-7)),
            ("0x1f", Value::Int(31)),
            ("0o7", Value::Int(7)),
            ("9223372036854775807", Value::Int(i64::MAX)),
            ("9223372036854775808", Value::Float(9_223_372_036_854_775_808.0)),
            ("~", Value::Null),
            ("", Value::Null),
            ("True", Value::Bool(true)),
        ] {
            assert_eq!(plain(word), Ok(value), "{word}");
        }
        assert!(matches!(plain(".nan"), Ok(Value::Float(x)) if x.is_nan()));
        for word in [
            "no", "yes", "on", "off", "1_000", "0b1", "1e", "e5", ".", "-", "+", "0x", "0xg", "inf", "nan",
            "-.nan",
        ] {
            assert_eq!(plain(word), Ok(text(word)), "{word}");
        }
        for word in ["12:30", "1.2.3", "2024-01-01", "0o8", "-0x1f", "tRue", "nUll"] {
            assert_eq!(plain(word), Ok(text(word)), "{word}");
        }
        assert!(plain("1e999").is_err());
        assert!(plain("0xffffffffffffffff").is_err());
    }

    #[test]
    fn a_tag_decides_and_must_fit() {
        assert_eq!(tagged("str", "5"), Ok(text("5")));
        assert_eq!(tagged("float", "5"), Ok(Value::Float(5.0)));
        assert_eq!(tagged("int", "5"), Ok(Value::Int(5)));
        assert!(tagged("int", "5.5").is_err());
        assert!(tagged("binary", "aGk=").is_err());
    }
}
