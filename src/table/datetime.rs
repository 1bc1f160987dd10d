//! Date and time as a number: microseconds since 1970-01-01T00:00:00 UTC.
//!
//! A float holds each microsecond from 1684 to 2255, and each second of the years 1 to 9999, which are all there are. Leap
//! seconds do not exist here, nor in pandas.

use std::fmt::Write as _;

/// Microseconds of a second and of a day.
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 0001-01-01T00:00:00, and the microsecond after 9999.
const FIRST: f64 = -62_135_596_800e6;
const END: f64 = 253_402_300_800e6;

/// A datetime in the Gregorian calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// 1 to 9999.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59.
    pub second: i64,
    /// 0 to 999,999.
    pub microsecond: i64,
    /// 1 is Monday.
    pub weekday: i64,
    /// 1 to 366.
    pub day_of_year: i64,
}

impl Civil {
    /// The parts of a datetime that is not missing.
    pub fn of(micros: f64) -> Self {
        let micros = micros.clamp(FIRST, END - 1e6) as i64;
        let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
        // Howard Hinnant, "chrono-compatible low-level date algorithms": years from March, in eras of 400 years.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let quarter = (5 * from_march + 2) / 153;
        let month = if quarter < 10 { quarter + 3 } else { quarter - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self {
            year,
            month,
            day: from_march - (153 * quarter + 2) / 5 + 1,
            hour: rest / (3600 * SECOND),
            minute: rest / (60 * SECOND) % 60,
            second: rest / SECOND % 60,
            microsecond: rest % SECOND,
            weekday: (days + 3).rem_euclid(7) + 1,
            day_of_year: days - days_of(year, 1, 1) + 1,
        }
    }
}

/// Days from 1970-01-01 to a date.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + from_march - 719_468
}

/// Whether a number is a datetime that is not missing: of the years 1 to 9999.
pub fn is_datetime(micros: f64) -> bool {
    (FIRST..END).contains(&micros)
}

/// The datetime that a text spells in ISO 8601, with blanks around it: a date, `2024-01-31`, or with a time behind `T` or a
/// blank, `2024-01-31T12:30`, `12:30:15.25`, and an offset, `Z`, `+02:00`, `+0200` or `+02`. Without an offset it is UTC;
/// digits beyond microseconds are cut off.
pub fn parse_datetime(text: &str) -> Option<f64> {
    let mut rest = Digits(text.trim_ascii().as_bytes());
    let year = rest.number(4)?;
    let month = rest.after(b"-")?.number(2)?;
    let day = rest.after(b"-")?.number(2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year == 0 || !(1..=length).contains(&day) {
        return None;
    }
    let time = if rest.0.is_empty() { 0 } else { rest.after(b"Tt ")?.time()? };
    let micros = (days_of(year, month, day) * DAY + time) as f64;
    is_datetime(micros).then_some(micros)
}

/// What is left of a text.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    /// Exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        let digit =
            |value: i64, byte: &u8| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'));
        head.iter().try_fold(0, digit)
    }

    /// What follows one of these bytes.
    fn after(&mut self, bytes: &[u8]) -> Option<&mut Self> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        bytes.contains(first).then_some(self)
    }

    /// A time to the end, in microseconds, less its offset.
    fn time(&mut self) -> Option<i64> {
        let hour = self.number(2)?;
        let minute = self.after(b":")?.number(2)?;
        let (mut second, mut fraction) = (0, 0);
        if self.0.first() == Some(&b':') {
            second = self.after(b":")?.number(2)?;
            if matches!(self.0.first(), Some(b'.' | b',')) {
                let digits = self.0[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                let kept = digits.min(6);
                fraction = self.after(b".,")?.number(kept)? * 10i64.pow(6 - kept as u32);
                self.0 = &self.0[digits - kept..];
                if digits == 0 {
                    return None;
                }
            }
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let time = (hour * 3600 + minute * 60 + second) * SECOND + fraction;
        Some(time - self.offset()? * SECOND)
    }

    /// An offset to the end, in seconds.
    fn offset(&mut self) -> Option<i64> {
        let (first, rest) = match self.0.split_first() {
            None => return Some(0),
            Some((b'Z' | b'z', [])) => return Some(0),
            Some(parts) => parts,
        };
        let sign = match first {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.0 = rest;
        let hours = self.number(2)?;
        let minutes = match self.0.first() {
            None => 0,
            Some(b':') => self.after(b":")?.number(2)?,
            Some(_) => self.number(2)?,
        };
        (self.0.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

/// A datetime in ISO 8601, UTC, without an offset; its fraction of a second only where there is one.
pub fn datetime_text(micros: f64) -> String {
    let mut text = String::new();
    push_datetime(&mut text, micros);
    text
}

/// Appends [`datetime_text`].
pub fn push_datetime(text: &mut String, micros: f64) {
    let Civil { year, month, day, hour, minute, second, microsecond, .. } = Civil::of(micros);
    let written = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    written.expect("writing to a string does not fail");
    if microsecond > 0 {
        write!(text, ".{microsecond:06}").expect("writing to a string does not fail");
    }
}

#[cfg(test)]
mod tests {
    use super::{Civil, datetime_text, is_datetime, parse_datetime};

    #[test]
    fn iso_8601_is_read() {
        let second = |text: &str| parse_datetime(text).map(|micros| micros / 1e6);
        assert_eq!(second("1970-01-01"), Some(0.0));
        assert_eq!(second(" 2024-02-29 12:30 "), Some(1_709_209_800.0));
        assert_eq!(second("2024-02-29T12:30:15.25Z"), Some(1_709_209_815.25));
        for same in ["2024-02-29T14:30:00+02:00", "2024-02-29T14:30+0200", "2024-02-29 10:30:00,000-02"] {
            assert_eq!(second(same), Some(1_709_209_800.0), "{same}");
        }
        assert_eq!(parse_datetime("1969-12-31T23:59:59.9999999"), Some(-1.0));
        assert_eq!(second("0001-01-01"), Some(-62_135_596_800.0));
        assert_eq!(second("9999-12-31T23:59:59"), Some(253_402_300_799.0));
    }

    #[test]
    fn what_is_no_datetime_is_not_read() {
        for text in [
            "",
            "2024",
            "2024-1-1",
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-01-00",
            "0000-01-01",
            "2024-01-01T",
            "2024-01-01T1",
            "2024-01-01T12",
            "2024-01-01T24:00",
            "2024-01-01T12:60",
            "2024-01-01T12:00:60",
            "2024-01-01T12:00:00.",
            "2024-01-01T12:00:00+2",
            "2024-01-01T12:00:00+02:0",
            "2024-01-01T12:00:00ZZ",
            "2024-01-01x",
            "31.01.2024",
            "1700000000",
            "20240101",
            "2024-01-01T12:00:00 UTC",
            "2024-01-01\u{e9}",
            "0001-01-01T00:00+01:00",
            "9999-12-31T23:59:59-00:01",
        ] {
            assert_eq!(parse_datetime(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_goes_to_its_parts_and_back() {
        let mut before: Option<Civil> = None;
        for days in (-719_162..2_932_897).step_by(7) {
            let micros = f64::from(days) * 86_400e6;
            let civil = Civil::of(micros);
            assert_eq!(parse_datetime(&datetime_text(micros)), Some(micros));
            let same = |before: Civil| {
                before.weekday == civil.weekday
                    && (before.year, before.month, before.day) < (civil.year, civil.month, civil.day)
            };
            assert!(before.is_none_or(same), "{civil:?}");
            before = Some(civil);
        }
        let civil = Civil::of(parse_datetime("2024-12-31T23:59:58.000001").expect("a datetime"));
        assert_eq!((civil.weekday, civil.day_of_year, civil.second, civil.microsecond), (2, 366, 58, 1));
        assert_eq!(datetime_text(-1.0), "1969-12-31T23:59:59.999999");
        assert!(!is_datetime(f64::NAN) && !is_datetime(f64::INFINITY) && !is_datetime(253_402_300_800e6));
        assert_eq!(Civil::of(f64::NAN).year, 1970);
    }
}
