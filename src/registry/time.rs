//! Instants as text, in UTC.

use crate::store::unique;
use std::time::{SystemTime, UNIX_EPOCH};

/// An instant as RFC 3339 in UTC, to the second: `2026-07-24T10:11:12Z`. Before 1970 it is 1970.
pub fn rfc3339(time: SystemTime) -> String {
    let Fields { year, month, day, hour, minute, second, .. } = fields(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A new id for a run that starts now: the instant, so that ids sort by time, and 32 random bits, so that two runs
/// of the same millisecond differ. `20260724-101112.123-9f3a2c41`.
pub fn run_id(now: SystemTime) -> String {
    let Fields { year, month, day, hour, minute, second, millisecond } = fields(now);
    let random = unique() >> 32;
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}.{millisecond:03}-{random:08x}")
}

struct Fields {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    millisecond: u32,
}

fn fields(time: SystemTime) -> Fields {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = civil_from_days(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    Fields { year, month, day, hour, minute, second, millisecond: since.subsec_millis() }
}

/// Year, month and day of the day that many days after 1970-01-01, in the Gregorian calendar: `civil_from_days` of
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013), for days that are not negative. Its years
/// begin in March, so that the leap day is the last of a year.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{civil_from_days, rfc3339, run_id};
    use crate::spec::is_name;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn instants_are_those_of_date_u() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_784_887_872, "2026-07-24T10:11:12Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn every_day_of_400_years_follows_the_one_before() {
        let leap =
            |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..146_097 {
            assert_eq!(civil_from_days(days), (year, month, day));
            let length = match month {
                2 => 28 + u64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (2370, 1, 1));
    }

    #[test]
    fn run_ids_sort_by_time_and_are_names() {
        let at = |milliseconds| run_id(UNIX_EPOCH + Duration::from_millis(milliseconds));
        let ids = [at(0), at(999), at(1000), at(1_784_887_872_123)];
        assert!(ids.is_sorted() && ids.iter().all(|id| is_name(id)), "{ids:?}");
        assert!(ids[3].starts_with("20260724-101112.123-"), "{}", ids[3]);
        assert_ne!(at(0), at(0));
    }
}
