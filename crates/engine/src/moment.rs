//! The time of day, for what requests say: read from the wall clock and written down. Nothing is measured by it.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::value::Fault;

/// Nanoseconds since 1970 by the clock of this machine; 0 if it stands before.
#[must_use]
pub fn system_wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Milliseconds since 1970 of the first and of the last moment that can be written with four digits of a year.
const FIRST_MS: i64 = -62_135_596_800_000;
const LAST_MS: i64 = 253_402_300_799_999;
/// Of milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// A moment in milliseconds since 1970, if it lies in the years 1 to 9999.
///
/// # Errors
/// [`Fault::Range`], if it does not.
pub fn checked(at_ms: i64) -> Result<i64, Fault> {
    if (FIRST_MS..=LAST_MS).contains(&at_ms) {
        Ok(at_ms)
    } else {
        Err(Fault::Range)
    }
}

/// ISO 8601 in UTC, of milliseconds since 1970: `2015-08-30T12:36:00.000Z`.
#[must_use]
pub fn iso(at_ms: i64) -> String {
    let (hour, minute, second) = time(at_ms.rem_euclid(DAY_MS) / 1_000);
    let (day, millisecond) = (iso_date(at_ms), at_ms.rem_euclid(1_000));
    format!("{day}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// The day of a moment in UTC: `2015-08-30`.
#[must_use]
pub fn iso_date(at_ms: i64) -> String {
    let (year, month, day) = date(at_ms.div_euclid(DAY_MS));
    format!("{year:04}-{month:02}-{day:02}")
}

/// Nanoseconds since 1970 without marks between, and to the second: `20150830T123600Z`.
#[must_use]
pub fn basic(wall_ns: u64) -> String {
    // Of nanoseconds that fit into 64 bits, seconds do.
    let at_s = (wall_ns / 1_000_000_000).cast_signed();
    let (year, month, day) = date(at_s / 86_400);
    let (hour, minute, second) = time(at_s % 86_400);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Milliseconds since 1970 of a moment in ISO 8601: a day, or a day and a time with `Z`, an offset, or neither, which is UTC.
///
/// # Errors
/// [`Fault::Kind`], for what is none.
pub fn parse(text: &str) -> Result<i64, Fault> {
    let (day, time) = text
        .split_once(['T', ' '])
        .map_or((text, None), |(day, time)| (day, Some(time)));
    let mut at_ms = parse_day(day).ok_or(Fault::Kind)? * DAY_MS;
    if let Some(time) = time {
        at_ms += parse_time(time).ok_or(Fault::Kind)?;
    }
    checked(at_ms)
}

/// Milliseconds of a span with its unit, that may go back in time: `90s`, `-1d`, `1h30m`.
///
/// # Errors
/// [`Fault::Kind`], for what is none; [`Fault::Range`], for one that is too long.
pub fn parse_offset(text: &str) -> Result<i64, Fault> {
    let (sign, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let mut total_ms = 0_i64;
    if rest.is_empty() {
        return Err(Fault::Kind);
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit_ms = match &rest[digits..digits + letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => DAY_MS,
            _ => return Err(Fault::Kind),
        };
        let count: i64 = rest[..digits].parse().map_err(|_| Fault::Kind)?;
        let part_ms = count.checked_mul(unit_ms).ok_or(Fault::Range)?;
        total_ms = total_ms.checked_add(part_ms).ok_or(Fault::Range)?;
        rest = &rest[digits + letters..];
    }
    Ok(sign * total_ms)
}

/// So many digits and nothing else.
fn number(text: &str, digits: usize) -> Option<i64> {
    let whole = text.len() == digits && text.bytes().all(|digit| digit.is_ascii_digit());
    if whole { text.parse().ok() } else { None }
}

/// The day of a date, since 1970.
fn parse_day(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (
        number(parts.next()?, 4)?,
        number(parts.next()?, 2)?,
        number(parts.next()?, 2)?,
    );
    let since = days_before(year, month)? + day - 1;
    (parts.next().is_none() && date(since) == (year, month, day)).then_some(since)
}

/// Milliseconds of a time of day, with its offset from UTC.
fn parse_time(text: &str) -> Option<i64> {
    let zone = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(zone);
    let offset_ms = match zone {
        "" | "Z" => 0,
        _ => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
            let offset_ms = (hours * 60 + minutes) * 60_000;
            let valid = hours < 24 && minutes < 60;
            valid.then_some(if zone.starts_with('-') { -offset_ms } else { offset_ms })?
        }
    };
    let (clock, fraction) = clock
        .split_once('.')
        .map_or((clock, None), |(clock, part)| (clock, Some(part)));
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let seconds = parts.next();
    let second = seconds.map_or(Some(0), |text| number(text, 2))?;
    let millisecond = match fraction {
        // To the millisecond: what is finer is cut off.
        Some(part) if seconds.is_some() && (1..=9).contains(&part.len()) => number(part, part.len())
            .map(|_| format!("{part:0<3}"))?
            .get(..3)?
            .parse()
            .ok()?,
        Some(_) => return None,
        None => 0,
    };
    let valid = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    valid.then_some(((hour * 60 + minute) * 60 + second) * 1_000 + millisecond - offset_ms)
}

/// Days in 400 years of the Gregorian calendar, which then begins anew.
const ERA_DAYS: i64 = 146_097;
/// From 1 March of the year 0 to 1970.
const EPOCH_DAY: i64 = 719_468;

fn time(second_of_day: i64) -> (i64, i64, i64) {
    (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60)
}

/// Year, month and day of a day since 1970. Years are counted from March here, so that the day that some have more is
/// their last.
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + EPOCH_DAY;
    let (era, in_era) = (day.div_euclid(ERA_DAYS), day.rem_euclid(ERA_DAYS));
    let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * in_year + 2) / 153;
    let day_of_month = in_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_month)
}

/// The first day of a month, since 1970: the way back.
fn days_before(year: i64, month: i64) -> Option<i64> {
    if !(1..=12).contains(&month) {
        return None;
    }
    let (year, month_from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let in_year = (153 * month_from_march + 2) / 5;
    let in_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + in_year;
    Some(era * ERA_DAYS + in_era - EPOCH_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_calendar_has_them() {
        for (second, expected) in [
            (-62_135_596_800, "0001-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.000Z"),
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_440_938_160, "2015-08-30T12:36:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(iso(second * 1_000), expected);
            assert_eq!(parse(expected), Ok(second * 1_000));
        }
        assert_eq!(
            (iso(-1), iso_date(-1)),
            ("1969-12-31T23:59:59.999Z".to_owned(), "1969-12-31".to_owned())
        );
        assert_eq!(basic(1_440_938_160_999_999_999), "20150830T123600Z");
    }

    #[test]
    fn the_days_follow_each_other_without_a_gap() {
        let mut before = date(-400 * 366);
        for day in 1 - 400 * 366..400 * 366 {
            let now = date(day);
            let next = match before {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, day_of_month) if day_of_month == days_of(year, month) => (year, month + 1, 1),
                (year, month, day_of_month) => (year, month, day_of_month + 1),
            };
            assert_eq!(now, next);
            assert_eq!(parse_day(&iso_date(day * DAY_MS)), Some(day));
            before = now;
        }
    }

    fn days_of(year: i64, month: i64) -> i64 {
        match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    #[test]
    fn moments_are_read_in_the_forms_that_people_write() {
        let noon = 1_440_936_000_000;
        for (text, expected) in [
            ("2015-08-30", Ok(noon - DAY_MS / 2)),
            ("2015-08-30T12:00:00Z", Ok(noon)),
            ("2015-08-30 12:00", Ok(noon)),
            ("2015-08-30T12:00:00.5", Ok(noon + 500)),
            ("2015-08-30T12:00:00.123456Z", Ok(noon + 123)),
            ("2015-08-30T14:00:00+02:00", Ok(noon)),
            ("2015-08-30T06:30:00-05:30", Ok(noon)),
            ("1969-12-31T23:59:59.999Z", Ok(-1)),
            ("0001-01-01T00:00:00+00:01", Err(Fault::Range)),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in [
            "",
            "2015",
            "2015-8-30",
            "2015-02-29",
            "2015-00-01",
            "2015-13-01",
            "2015-01-32",
            "2015-01-00",
            "+015-01-01",
            "2015-01-01T",
            "2015-01-01T24:00",
            "2015-01-01T12:60",
            "2015-01-01T12:00:60",
            "2015-01-01T1:00",
            "2015-01-01T12",
            "2015-01-01T12:00.5",
            "2015-01-01T12:00:00.",
            "2015-01-01T12:00:00z",
            "2015-01-01T12:00:00+2",
            "2015-01-01T12:00:00ZZ",
            "2015-01-01T12:00:00+24:00",
            "2015-01-01T12:00:00:00",
            "2015-01-01-01",
            "é015-01-01",
            "2015-01-01Té2:00",
        ] {
            assert_eq!(parse(text), Err(Fault::Kind), "{text}");
        }
    }

    #[test]
    fn offsets_have_units_and_go_both_ways() {
        for (text, expected) in [
            ("90s", Ok(90_000)),
            ("+1h30m", Ok(5_400_000)),
            ("-1d", Ok(-DAY_MS)),
            ("250ms", Ok(250)),
            ("0s", Ok(0)),
            ("9223372036854775807d", Err(Fault::Range)),
        ] {
            assert_eq!(parse_offset(text), expected, "{text}");
        }
        for text in ["", "-", "1", "s", "1x", "1.5h", "--1s", "1h 30m", "1é"] {
            assert_eq!(parse_offset(text), Err(Fault::Kind), "{text}");
        }
    }
}
