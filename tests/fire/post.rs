//! What clients post: geo rows, each with a number of its own by which it is found again.

use serde_json::{Value, json};

/// The media type of the envelope.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.kafka.json.v2+json";

/// A record's number, in its field `ind`. No two records that are to differ have the same one.
pub(crate) type Number = u64;

/// How many records a client may post: the next one's numbers begin there.
pub(crate) const NUMBERS: Number = 10_000_000;

/// A request with these records.
pub(crate) fn body(numbers: &[Number]) -> String {
    envelope(numbers.iter().map(|number| row(*number)))
}

/// The same with a rule broken by the last one, so that none may be written.
pub(crate) fn wrong_body(numbers: &[Number]) -> String {
    let mut rows: Vec<_> = numbers.iter().map(|number| row(*number)).collect();
    if let Some(row) = rows.last_mut() {
        row["latitude"] = json!(91.5);
    }
    envelope(rows.into_iter())
}

fn envelope(rows: impl Iterator<Item = Value>) -> String {
    let records: Vec<_> = rows.map(|row| json!({ "value": row })).collect();
    json!({ "records": records }).to_string()
}

fn row(number: Number) -> Value {
    json!({
        "ind": number,
        "timestamp": "2020-08-28 03:52:47",
        "latitude": -89.9787,
        "longitude": -173.293,
        "country": "Albania",
    })
}

/// The number of what is written, if it is a row of ours.
pub(crate) fn number(value: &[u8]) -> Option<Number> {
    serde_json::from_slice::<Value>(value).ok()?.get("ind")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_its_number_and_nothing_else_is() {
        let body: Value = serde_json::from_str(&body(&[7, 8])).unwrap();
        let values = body["records"].as_array().unwrap().iter().map(|record| record["value"].to_string());
        assert_eq!(values.map(|value| number(value.as_bytes())).collect::<Vec<_>>(), [Some(7), Some(8)]);
        for other in [&b"{}"[..], b"", br#"{"ind":"7"}"#, br#"{"ind":-7}"#] {
            assert_eq!(number(other), None);
        }
    }
}
