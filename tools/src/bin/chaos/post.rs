//! The clients' records: geo rows, each with a number that identifies it in the topic.

use serde_json::Value;

/// The media type of requests to topics.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.kafka.json.v2+json";

/// The part of the API that takes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// `POST /topics/{topic}`
    Topics,
    /// `PUT /streams/{stream}/records`
    Streams,
}

/// A request's body.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) api: Api,
    pub(crate) text: String,
}

/// A record's number, in its field `ind`. Different records have different numbers.
pub(crate) type Number = u64;

/// The number of earlier attempts to send a record.
pub(crate) type Repeat = u32;

/// One attempt to send a record. The row itself contains the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Posted {
    pub(crate) number: Number,
    pub(crate) repeat: Repeat,
}

/// The size of a client's range of numbers.
pub(crate) const NUMBERS_PER_CLIENT: Number = 10_000_000;

/// Builds a request with these records.
pub(crate) fn body(api: Api, numbers: &[Number], repeat: Repeat) -> Body {
    envelope(api, numbers.iter().map(|number| row(Posted { number: *number, repeat }, LATITUDE, COUNTRY)))
}

/// Builds a request whose last record is invalid, so that none may be written.
pub(crate) fn invalid_body(api: Api, numbers: &[Number]) -> Body {
    let last = numbers.last();
    let latitude = |number| if Some(number) == last { "91.5" } else { LATITUDE };
    envelope(api, numbers.iter().map(|number| row(Posted { number: *number, repeat: 0 }, latitude(number), COUNTRY)))
}

/// Builds a request with records of slightly more than `size` bytes.
pub(crate) fn body_of_large(numbers: &[Number], size: usize) -> Body {
    let country = "A".repeat(size);
    envelope(Api::Topics, numbers.iter().map(|number| row(Posted { number: *number, repeat: 0 }, LATITUDE, &country)))
}

const LATITUDE: &str = "-89.9787";
const COUNTRY: &str = "Albania";

// As text, because a tree of tens of thousands of records would take seconds.
fn envelope(api: Api, rows: impl Iterator<Item = String>) -> Body {
    let (list, value) = match api {
        Api::Topics => ("records", "value"),
        Api::Streams => ("Records", "Data"),
    };
    let records: Vec<_> = rows.map(|row| format!(r#"{{"{value}":{row}}}"#)).collect();
    Body { api, text: format!(r#"{{"{list}":[{}]}}"#, records.join(",")) }
}

fn row(Posted { number, repeat }: Posted, latitude: &str, country: &str) -> String {
    format!(
        r#"{{"ind":{number},"timestamp":"2020-08-28 03:52:47","latitude":{latitude},"longitude":-173.293,"country":"{repeat} {country}"}}"#
    )
}

/// Parses a record's value. Rows of others have numbers outside the clients' ranges.
pub(crate) fn posted(value: &[u8]) -> Option<Posted> {
    let row: Value = serde_json::from_slice(value).ok()?;
    let repeat = row["country"].as_str().and_then(|country| country.split_once(' ')?.0.parse().ok());
    Some(Posted { number: row["ind"].as_u64()?, repeat: repeat.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_identified_by_their_number_and_other_values_are_not() {
        for (api, list, value) in [(Api::Topics, "records", "value"), (Api::Streams, "Records", "Data")] {
            let body: Value = serde_json::from_str(&body(api, &[7, 8], 3).text).unwrap();
            let values = body[list].as_array().unwrap().iter().map(|record| record[value].to_string());
            let expected = [7, 8].map(|number| Some(Posted { number, repeat: 3 }));
            assert_eq!(values.map(|value| posted(value.as_bytes())).collect::<Vec<_>>(), expected);
        }
        for other in [&b"{}"[..], b"", br#"{"ind":"7"}"#, br#"{"ind":-7,"country":"0 A"}"#] {
            assert_eq!(posted(other), None);
        }
    }
}
