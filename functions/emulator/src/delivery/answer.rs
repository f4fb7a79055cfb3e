//! Reads back what `ingest` answered: the table of answers in docs/api.md, in reverse.

use serde::Deserialize;
use shared::publish::{Failure, Outcome, Written};

/// A function's answer to API Gateway, as far as it says what became of the records.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    body: String,
}

/// Either an entry a record, or why none was written.
#[derive(Debug, Deserialize)]
struct Body {
    offsets: Option<Vec<Entry>>,
    error_code: Option<u32>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    partition: Option<i32>,
    offset: Option<i64>,
    error_code: Option<u32>,
    error: Option<String>,
}

/// Why records were not written, for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("ingest answered {status}: {message}")]
    Refused { status: u16, message: String },
    #[error("ingest's answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
    #[error("ingest answered for {answered} of {sent} records")]
    Count { answered: usize, sent: usize },
}

/// What became of each of `count` records, and why, where one was not written.
pub(super) fn outcomes(payload: &[u8], count: usize) -> (Vec<Outcome>, Option<AnswerError>) {
    match read(payload, count) {
        Ok((status, entries)) => {
            let said = entries.iter().find_map(|entry| entry.error.clone());
            let outcomes = entries.iter().map(|entry| outcome(status, entry)).collect();
            (outcomes, said.map(|message| AnswerError::Refused { status, message }))
        }
        Err((failure, error)) => (vec![Err(failure); count], Some(error)),
    }
}

/// The status and an entry a record; without those, what holds for all records.
fn read(payload: &[u8], sent: usize) -> Result<(u16, Vec<Entry>), (Failure, AnswerError)> {
    // What cannot be read says nothing: the records may be written.
    let unreadable = |error| (Failure::Unconfirmed, AnswerError::Unreadable(error));
    let Answer { status_code: status, body } = serde_json::from_slice(payload).map_err(unreadable)?;
    let Body { offsets, error_code, message } = serde_json::from_str(&body).map_err(unreadable)?;
    match offsets {
        Some(entries) if entries.len() == sent => Ok((status, entries)),
        Some(entries) => Err((Failure::Unconfirmed, AnswerError::Count { answered: entries.len(), sent })),
        None => {
            let message = message.unwrap_or_default();
            Err((of_request(status, error_code.unwrap_or_default()), AnswerError::Refused { status, message }))
        }
    }
}

/// A request that was refused as a whole: but for a defect, nothing of it was written.
const fn of_request(status: u16, error_code: u32) -> Failure {
    match (status, error_code) {
        (404, 40401) => Failure::NoSuchTopic,
        (413, _) => Failure::TooLarge,
        (400..=499, _) => Failure::Refused,
        _ => Failure::Unconfirmed,
    }
}

/// One record. A code that is not known says nothing.
const fn outcome(status: u16, entry: &Entry) -> Outcome {
    match (entry, status) {
        (Entry { partition: Some(partition), offset: Some(offset), error_code: None, .. }, _) => {
            Ok(Written { partition: *partition, offset: *offset, timestamp_ms: None })
        }
        (Entry { error_code: Some(40101), .. }, _) => Err(Failure::Unauthenticated),
        (Entry { error_code: Some(40301), .. }, _) => Err(Failure::Unauthorized),
        (Entry { error_code: Some(50002), .. }, 413) => Err(Failure::TooLarge),
        (Entry { error_code: Some(50002), .. }, _) => Err(Failure::Refused),
        _ => Err(Failure::Unconfirmed),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answered(status: u16, body: &Value) -> Vec<Outcome> {
        let payload = json!({"statusCode": status, "headers": {}, "body": body.to_string(), "isBase64Encoded": false});
        outcomes(payload.to_string().as_bytes(), 2).0
    }

    fn entry(error_code: Option<u32>) -> Value {
        let written = error_code.is_none();
        json!({"partition": written.then_some(0), "offset": written.then_some(7), "error_code": error_code, "error": null})
    }

    #[test]
    fn each_record_has_what_its_entry_says() {
        const WRITTEN: Outcome = Ok(Written { partition: 0, offset: 7, timestamp_ms: None });
        for (status, code, failure) in [
            (401, 40101, Failure::Unauthenticated),
            (403, 40301, Failure::Unauthorized),
            (413, 50002, Failure::TooLarge),
            (500, 50002, Failure::Refused),
            (503, 50003, Failure::Unconfirmed),
            (500, 12345, Failure::Unconfirmed),
        ] {
            let body = json!({"offsets": [entry(None), entry(Some(code))]});
            assert_eq!(answered(status, &body), [WRITTEN, Err(failure)], "{status} {code}");
        }
    }

    #[test]
    fn without_entries_nothing_was_written_unless_that_cannot_be_known() {
        for (status, code, failure) in [
            (404, 40401, Failure::NoSuchTopic),
            (413, 413, Failure::TooLarge),
            (422, 42203, Failure::Refused),
            (500, 500, Failure::Unconfirmed),
        ] {
            let body = json!({"error_code": code, "message": "m"});
            assert_eq!(answered(status, &body), [Err(failure); 2], "{status} {code}");
        }
        let one_of_two = json!({"offsets": [entry(None)]});
        assert_eq!(answered(200, &one_of_two), [Err(Failure::Unconfirmed); 2]);
        assert_eq!(outcomes(b"null", 1).0, [Err(Failure::Unconfirmed)]);
    }
}
