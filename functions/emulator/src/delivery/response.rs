//! Parses `ingest`'s response into the outcome of each record.

use serde::Deserialize;
use shared::publish::{Failure, Outcome, Written};

/// The function's response to API Gateway, reduced to the parts that concern the records.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status_code: u16,
    body: String,
}

/// Either one entry per record, or the error of the whole request.
#[derive(Debug, Deserialize)]
struct Body {
    offsets: Option<Vec<RecordResult>>,
    error_code: Option<u32>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RecordResult {
    partition: Option<i32>,
    offset: Option<i64>,
    error_code: Option<u32>,
    error: Option<String>,
}

/// The reason why records were not written, for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResponseError {
    #[error("ingest returned {status}: {message}")]
    Refused { status: u16, message: String },
    #[error("ingest's response cannot be read")]
    Unreadable(#[source] serde_json::Error),
    #[error("ingest returned results for {returned} of {sent} records")]
    Count { returned: usize, sent: usize },
}

/// The outcome of each of `count` records, and the first error, if any was not written.
pub(super) fn outcomes(payload: &[u8], count: usize) -> (Vec<Outcome>, Option<ResponseError>) {
    match read(payload, count) {
        Ok((status, results)) => {
            let message = results.iter().find_map(|result| result.error.clone());
            let outcomes = results.iter().map(|result| outcome(status, result)).collect();
            (outcomes, message.map(|message| ResponseError::Refused { status, message }))
        }
        Err((failure, error)) => (vec![Err(failure); count], Some(error)),
    }
}

/// The status and one result per record, or the failure of all records.
fn read(payload: &[u8], sent: usize) -> Result<(u16, Vec<RecordResult>), (Failure, ResponseError)> {
    // An unreadable response confirms nothing: the records may be written.
    let unreadable = |error| (Failure::Unconfirmed, ResponseError::Unreadable(error));
    let Response { status_code: status, body } = serde_json::from_slice(payload).map_err(unreadable)?;
    let Body { offsets, error_code, message } = serde_json::from_str(&body).map_err(unreadable)?;
    match offsets {
        Some(results) if results.len() == sent => Ok((status, results)),
        Some(results) => Err((Failure::Unconfirmed, ResponseError::Count { returned: results.len(), sent })),
        None => {
            let message = message.unwrap_or_default();
            Err((of_request(status, error_code.unwrap_or_default()), ResponseError::Refused { status, message }))
        }
    }
}

/// The failure of a request that was refused as a whole. Unless `ingest` has a defect, none of its records is written.
const fn of_request(status: u16, error_code: u32) -> Failure {
    match (status, error_code) {
        (404, 40401) => Failure::NoSuchTopic,
        (413, _) => Failure::TooLarge,
        (400..=499, _) => Failure::Refused,
        _ => Failure::Unconfirmed,
    }
}

/// The outcome of one record. An unknown code leaves it unconfirmed.
const fn outcome(status: u16, result: &RecordResult) -> Outcome {
    match (result, status) {
        (RecordResult { partition: Some(partition), offset: Some(offset), error_code: None, .. }, _) => {
            Ok(Written { partition: *partition, offset: *offset, timestamp_ms: None })
        }
        (RecordResult { error_code: Some(40101), .. }, _) => Err(Failure::Unauthenticated),
        (RecordResult { error_code: Some(40301), .. }, _) => Err(Failure::Unauthorized),
        (RecordResult { error_code: Some(50002), .. }, 413) => Err(Failure::TooLarge),
        (RecordResult { error_code: Some(50002), .. }, _) => Err(Failure::Refused),
        _ => Err(Failure::Unconfirmed),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(status: u16, body: &Value) -> Vec<Outcome> {
        let payload = json!({"statusCode": status, "headers": {}, "body": body.to_string(), "isBase64Encoded": false});
        outcomes(payload.to_string().as_bytes(), 2).0
    }

    fn entry(error_code: Option<u32>) -> Value {
        let written = error_code.is_none();
        json!({"partition": written.then_some(0), "offset": written.then_some(7), "error_code": error_code, "error": null})
    }

    #[test]
    fn each_record_has_the_outcome_of_its_entry() {
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
            assert_eq!(parsed(status, &body), [WRITTEN, Err(failure)], "{status} {code}");
        }
    }

    #[test]
    fn without_entries_all_records_fail_or_are_unconfirmed() {
        for (status, code, failure) in [
            (404, 40401, Failure::NoSuchTopic),
            (413, 413, Failure::TooLarge),
            (422, 42203, Failure::Refused),
            (500, 500, Failure::Unconfirmed),
        ] {
            let body = json!({"error_code": code, "message": "m"});
            assert_eq!(parsed(status, &body), [Err(failure); 2], "{status} {code}");
        }
        let one_of_two = json!({"offsets": [entry(None)]});
        assert_eq!(parsed(200, &one_of_two), [Err(Failure::Unconfirmed); 2]);
        assert_eq!(outcomes(b"null", 1).0, [Err(Failure::Unconfirmed)]);
    }
}
