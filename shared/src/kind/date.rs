//! The dates that published clients send: four forms, each with or without a fraction and a zone.

use chrono::{NaiveDate, NaiveTime};

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
    let (date, rest) = date(text).ok_or(DateProblem::Form)?;
    let (time, rest) = time(rest).ok_or(DateProblem::Form)?;
    let zone = zone(fraction(rest).ok_or(DateProblem::Form)?).ok_or(DateProblem::Form)?;
    let [year, month, day] = date;
    let exists = i32::try_from(year).ok().and_then(|year| NaiveDate::from_ymd_opt(year, month, day)).is_some()
        && NaiveTime::from_hms_opt(time[0], time[1], time[2]).is_some()
        && NaiveTime::from_hms_opt(zone[0], zone[1], 0).is_some();
    if exists { Ok(()) } else { Err(DateProblem::Nonexistent) }
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

/// Skips a fraction such as `.123`.
fn fraction(text: &str) -> Option<&str> {
    let Some(rest) = text.strip_prefix('.') else { return Some(text) };
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    (after.len() < rest.len()).then_some(after)
}

/// Parses an optional time zone to hours and minutes: `Z`, `+02`, `+0200` or `+02:00`, perhaps after a space.
fn zone(text: &str) -> Option<[u32; 2]> {
    if matches!(text, "" | "Z" | " Z") {
        return Some([0, 0]);
    }
    let text = text.strip_prefix(' ').unwrap_or(text);
    let (hours, rest) = digits(text.strip_prefix(['+', '-'])?, 2)?;
    if rest.is_empty() {
        return Some([hours, 0]);
    }
    let (minutes, rest) = digits(rest.strip_prefix(':').unwrap_or(rest), 2)?;
    rest.is_empty().then_some([hours, minutes])
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
