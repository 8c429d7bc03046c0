//! The time of day, for what requests say: read from the wall clock and written down. Nothing is measured by it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970 by the clock of this machine; 0 if it stands before.
#[must_use]
pub fn system_wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// ISO 8601 in UTC: `2015-08-30T12:36:00.000Z`.
#[must_use]
pub fn iso(wall_ns: u64) -> String {
    let (year, month, day) = date(wall_ns / DAY_NS);
    let (hour, minute, second) = time(wall_ns);
    let millisecond = wall_ns / 1_000_000 % 1_000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// The same without marks between, and to the second: `20150830T123600Z`.
#[must_use]
pub fn basic(wall_ns: u64) -> String {
    let (year, month, day) = date(wall_ns / DAY_NS);
    let (hour, minute, second) = time(wall_ns);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

const DAY_NS: u64 = 86_400 * 1_000_000_000;
/// Days in 400 years of the Gregorian calendar, which then begins anew.
const ERA_DAYS: u64 = 146_097;

fn time(wall_ns: u64) -> (u64, u64, u64) {
    let second = wall_ns / 1_000_000_000 % 86_400;
    (second / 3_600, second / 60 % 60, second % 60)
}

/// Year, month and day of a day since 1970. Years are counted from March here, so that the day that some have more is
/// their last.
fn date(day: u64) -> (u64, u64, u64) {
    // From 1 March of the year 0.
    let day = day + 719_468;
    let (era, in_era) = (day / ERA_DAYS, day % ERA_DAYS);
    let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * in_year + 2) / 153;
    let day_of_month = in_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_calendar_has_them() {
        for (second, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_440_938_160, "2015-08-30T12:36:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(iso(second * 1_000_000_000), expected);
        }
        assert_eq!(basic(1_440_938_160_999_999_999), "20150830T123600Z");
    }

    #[test]
    fn the_days_follow_each_other_without_a_gap() {
        let mut before = date(0);
        for day in 1..400 * 366 {
            let now = date(day);
            let next = match before {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, day_of_month) if day_of_month == days_of(year, month) => (year, month + 1, 1),
                (year, month, day_of_month) => (year, month, day_of_month + 1),
            };
            assert_eq!(now, next);
            before = now;
        }
    }

    fn days_of(year: u64, month: u64) -> u64 {
        match month {
            2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }
}
