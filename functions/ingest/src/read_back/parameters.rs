//! The query of a read.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use shared::{read_back::Start, redact::excerpt};

use crate::{error::Error, request::Query};

/// The most records per request.
pub(crate) const MAX_READ_RECORDS: usize = 1000;

/// The number of records if the request names none.
pub(crate) const DEFAULT_COUNT: usize = 10;

/// The longest wait for a first record, in milliseconds.
pub(crate) const MAX_WAIT_MS: u64 = 10_000;

/// The wait if the request names none, in milliseconds.
pub(crate) const DEFAULT_WAIT_MS: u64 = 1000;

/// The parameters of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    /// `None` if the request names none.
    pub(super) start: Option<Start>,
    pub(super) count: usize,
    pub(super) wait: Duration,
}

impl Parameters {
    /// Reads the query, which may have only the parameters in `known`.
    pub(super) fn read(query: &Query, known: &[&str]) -> Result<Self, Error> {
        if let Some((unknown, _)) = query.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            let (unknown, known) = (excerpt(unknown), known.join(", "));
            return Err(Error::BadQuery(format!("unknown parameter `{unknown}`: this path has {known}")));
        }
        let start = query.get("offset").map(offset).transpose()?;
        let count = number(query, "count", 1..=MAX_READ_RECORDS, DEFAULT_COUNT)?;
        let wait_ms = number(query, "timeout", 0..=MAX_WAIT_MS, DEFAULT_WAIT_MS)?;
        Ok(Self { start, count, wait: Duration::from_millis(wait_ms) })
    }
}

fn offset(text: &str) -> Result<Start, Error> {
    match text {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        number => match number.parse::<i64>() {
            Ok(offset) if offset >= 0 => Ok(Start::Offset(offset)),
            Ok(from_end) => Ok(Start::FromEnd(from_end.saturating_neg())),
            Err(_) => Err(Error::BadQuery(format!(
                "`offset` must be `earliest`, `latest`, a whole number, or a negative one to count from the end; it is `{}`",
                excerpt(text)
            ))),
        },
    }
}

fn number<N: FromStr + PartialOrd + Display>(
    query: &Query,
    name: &str,
    range: RangeInclusive<N>,
    default: N,
) -> Result<N, Error> {
    let Some(text) = query.get(name) else { return Ok(default) };
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        Error::BadQuery(format!("`{name}` must be a whole number from {least} to {most}; it is `{}`", excerpt(text)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<Parameters, Error> {
        let query = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Parameters::read(&Query(query), &["offset", "count", "timeout"])
    }

    #[test]
    fn parameters_have_defaults_and_bounds() {
        let default = Parameters { start: None, count: DEFAULT_COUNT, wait: Duration::from_secs(1) };
        assert_eq!(read(&[]).unwrap(), default);
        for (offset, start) in [
            ("earliest", Start::Earliest),
            ("latest", Start::Latest),
            ("7", Start::Offset(7)),
            ("-7", Start::FromEnd(7)),
            ("-9223372036854775808", Start::FromEnd(i64::MAX)),
        ] {
            assert_eq!(read(&[("offset", offset)]).unwrap().start, Some(start));
        }
        for (name, value) in [
            ("offset", "soon"),
            ("offset", ""),
            ("offset", "1.5"),
            ("count", "0"),
            ("count", "1001"),
            ("timeout", "-1"),
            ("timeout", "10001"),
            ("counts", "1"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.code() == 400 && error.to_string().contains(name), "{name}={value}: {error}");
        }
    }
}
