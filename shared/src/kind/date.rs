//! The dates that published clients send: four forms, each with or without a fraction and a zone.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// The reason that a text is not a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateProblem {
    /// The text has none of the accepted forms.
    Form,
    /// The calendar or the clock has no such time.
    Nonexistent,
}

/// Checks that `text` is an existing date and time in one of [`super::DATE_FORMS`].
pub(super) fn check(text: &str) -> Result<(), DateProblem> {
    Moment::parse(text).map(drop)
}

/// Returns the microseconds from 1970 to the moment in `text`, which is one of UTC if it names no zone. Further digits of a
/// fraction are dropped.
pub(super) fn micros(text: &str) -> Result<i64, DateProblem> {
    let Moment { local, fraction, zone } = Moment::parse(text)?;
    let offset = zone.sign * i64::from(zone.hours * 60 + zone.minutes) * 60;
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = digits.fold(0, |micros, digit| 10 * micros + i64::from(digit - b'0'));
    Ok((local.and_utc().timestamp() - offset) * 1_000_000 + micros)
}

/// The parts of an existing date and time.
struct Moment<'a> {
    local: NaiveDateTime,
    /// The digits of a second's fraction.
    fraction: &'a str,
    zone: Zone,
}

/// A time zone's distance from UTC.
struct Zone {
    /// 1 east of Greenwich, otherwise −1.
    sign: i64,
    hours: u32,
    minutes: u32,
}

impl<'a> Moment<'a> {
    fn parse(text: &'a str) -> Result<Self, DateProblem> {
        let ([year, month, day], rest) = date(text).ok_or(DateProblem::Form)?;
        let ([hour, minute, second], rest) = time(rest).ok_or(DateProblem::Form)?;
        let (fraction, rest) = fraction(rest).ok_or(DateProblem::Form)?;
        let zone = zone(rest).ok_or(DateProblem::Form)?;
        let date = i32::try_from(year).ok().and_then(|year| NaiveDate::from_ymd_opt(year, month, day));
        let time = NaiveTime::from_hms_opt(hour, minute, second);
        let zone_exists = NaiveTime::from_hms_opt(zone.hours, zone.minutes, 0).is_some();
        match (date, time) {
            (Some(date), Some(time)) if zone_exists => Ok(Self { local: date.and_time(time), fraction, zone }),
            _ => Err(DateProblem::Nonexistent),
        }
    }
}

/// Parses `2020-08-28T`, `2020-08-28 `, `2020:08:28 ` or `08/28/2020, `. Returns year, month, day and the rest.
fn date(text: &str) -> Option<([u32; 3], &str)> {
    if let Some((month, rest)) = digits(text, 2)
        && let Some(rest) = rest.strip_prefix('/')
    {
        let (day, rest) = digits(rest, 2)?;
        let (year, rest) = digits(rest.strip_prefix('/')?, 4)?;
        return Some(([year, month, day], rest.strip_prefix(", ")?));
    }
    let (year, rest) = digits(text, 4)?;
    let separator = if rest.starts_with(':') { ':' } else { '-' };
    let (month, rest) = digits(rest.strip_prefix(separator)?, 2)?;
    let (day, rest) = digits(rest.strip_prefix(separator)?, 2)?;
    Some(([year, month, day], rest.strip_prefix([' ', 'T'])?))
}

/// Parses `03:52:47`. Returns its parts and the rest.
fn time(text: &str) -> Option<([u32; 3], &str)> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = digits(rest.strip_prefix(':')?, 2)?;
    Some(([hour, minute, second], rest))
}

/// Parses an optional fraction such as `.123`. Returns its digits and the rest.
fn fraction(text: &str) -> Option<(&str, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some(("", text)) };
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &rest[..rest.len() - after.len()];
    (!digits.is_empty()).then_some((digits, after))
}

/// Parses an optional time zone: `Z`, `+02`, `+0200` or `+02:00`, perhaps after a space.
fn zone(text: &str) -> Option<Zone> {
    if matches!(text, "" | "Z" | " Z") {
        return Some(Zone { sign: 1, hours: 0, minutes: 0 });
    }
    let text = text.strip_prefix(' ').unwrap_or(text);
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, rest) = digits(text.strip_prefix(['+', '-'])?, 2)?;
    if rest.is_empty() {
        return Some(Zone { sign, hours, minutes: 0 });
    }
    let (minutes, rest) = digits(rest.strip_prefix(':').unwrap_or(rest), 2)?;
    rest.is_empty().then_some(Zone { sign, hours, minutes })
}

/// Parses `count` digits. Returns their number and the rest.
fn digits(text: &str, count: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_a_published_client_sends_is_a_date() {
        for date in ["2020-08-28T03:52:47", "2020-08-28 03:52:47", "2020:08:28 03:52:47", "08/28/2020, 03:52:47"] {
            for tail in ["", ".1", ".123456789", "Z", ".5Z", "+02:00", "-0330", "+02", " +02:00", ".25 Z"] {
                assert_eq!(check(&format!("{date}{tail}")), Ok(()), "{date}{tail}");
            }
        }
        assert_eq!(check("2020-02-29 23:59:59"), Ok(()));
    }

    #[test]
    fn a_date_is_a_moment_of_utc_to_the_microsecond() {
        let second = 1_598_586_767_000_000;
        for (text, micros_expected) in [
            ("2020-08-28T03:52:47", second),
            ("2020:08:28 03:52:47Z", second),
            ("08/28/2020, 03:52:47.5", second + 500_000),
            ("2020-08-28 03:52:47.1234567 Z", second + 123_456),
            ("2020-08-28 05:52:47+02", second),
            ("2020-08-28 05:22:47+0130", second),
            ("2020-08-27 23:22:47 -04:30", second),
            ("1969-12-31 23:59:59.25", -750_000),
            ("0000-01-01 00:00:00", -62_167_219_200_000_000),
        ] {
            assert_eq!(micros(text), Ok(micros_expected), "{text}");
        }
    }

    #[test]
    fn a_moment_that_does_not_exist_is_none() {
        for text in [
            "2021-02-29 00:00:00",
            "2020-13-01 00:00:00",
            "2020-00-01 00:00:00",
            "2020-01-01 24:00:00",
            "2020-01-01 00:60:00",
            "2020-01-01 00:00:61",
            "28/08/2020, 03:52:47",
            "2020-01-01 00:00:00+99:00",
        ] {
            assert_eq!(check(text), Err(DateProblem::Nonexistent), "{text}");
        }
    }

    #[test]
    fn anything_else_has_no_form() {
        for text in [
            "",
            " ",
            "2020-08-28",
            "03:52:47",
            "2020-08-28 03:52",
            "2020-8-28 03:52:47",
            "2020-08:28 03:52:47",
            "2020-08-28 03:52:47.",
            "2020-08-28 03:52:47 ",
            "2020-08-28 03:52:47 PM",
            "08/28/2020 03:52:47",
            "2020-08-28  03:52:47",
            "+020-08-28 03:52:47",
            "２０２０-08-28 03:52:47",
            "1598586767",
            "User Info Error",
            "2020-08-28 03:52:47+",
            "2020-08-28 03:52:47+2",
            "2020-08-28 03:52:47+02:0",
        ] {
            assert_eq!(check(text), Err(DateProblem::Form), "{text}");
        }
    }
}
