//! Interprets a response for each record of its request, by the contract of v2 and that of streams.

use serde_json::Value;
use shared::publish::UNKNOWN_OFFSET;

/// A record's position in the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub(crate) partition: i32,
    pub(crate) offset: u64,
}

/// The state of a record according to the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordState {
    /// Written at this position.
    Written(Position),
    /// Written at an unknown offset.
    WrittenSomewhere,
    /// Not written.
    NotWritten,
    /// Possibly written.
    Unconfirmed,
}

impl RecordState {
    pub(crate) const fn is_written(self) -> bool {
        matches!(self, Self::Written(_) | Self::WrittenSomewhere)
    }
}

/// A response that violates the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrokenContract(pub(crate) String);

/// Returns the state of each of `records`.
pub(crate) fn record_states(status: u16, body: &str, records: usize) -> Result<Vec<RecordState>, BrokenContract> {
    let broken = |why: &str| BrokenContract(format!("{why}: {status} {}", body.chars().take(300).collect::<String>()));
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let Some(entries) = answer["offsets"].as_array().or(answer["Records"].as_array()) else {
        return match status {
            200 => Err(broken("200 without offsets")),
            400..500 => Ok(vec![RecordState::NotWritten; records]),
            500.. => Ok(vec![RecordState::Unconfirmed; records]),
            _ => Err(broken("unexpected status")),
        };
    };
    if entries.len() != records {
        return Err(broken("the number of entries differs from the number of records"));
    }
    let states: Vec<_> = entries.iter().map(entry).collect();
    if status == 200 && !states.iter().all(|state| state.is_written()) {
        return Err(broken("200 with a record that has no offset"));
    }
    Ok(states)
}

fn entry(entry: &Value) -> RecordState {
    let unknown = UNKNOWN_OFFSET.to_string();
    if entry["offset"].as_i64() == Some(UNKNOWN_OFFSET) || entry["SequenceNumber"].as_str() == Some(&unknown) {
        return RecordState::WrittenSomewhere;
    }
    if let Some(exception) = entry["ErrorCode"].as_str() {
        // The log-in, the permission or the record was refused; anything else may be written.
        let is_refused =
            ["UnrecognizedClientException", "AccessDeniedException", "LimitExceededException", "InternalFailure"];
        return if is_refused.contains(&exception) { RecordState::NotWritten } else { RecordState::Unconfirmed };
    }
    match (position(entry), entry["error_code"].as_u64()) {
        (Some(position), _) => RecordState::Written(position),
        // The log-in, the permission or the record was refused.
        (None, Some(40101 | 40301 | 50002)) => RecordState::NotWritten,
        (None, _) => RecordState::Unconfirmed,
    }
}

fn position(entry: &Value) -> Option<Position> {
    if let (Some(shard), Some(sequence)) = (entry["ShardId"].as_str(), entry["SequenceNumber"].as_str()) {
        let partition = shard.strip_prefix("shardId-")?.parse().ok()?;
        return Some(Position { partition, offset: sequence.parse().ok()? });
    }
    let partition = entry["partition"].as_i64()?.try_into().ok()?;
    Some(Position { partition, offset: entry["offset"].as_u64()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_defines_the_state_of_each_record() {
        let at = |partition, offset| RecordState::Written(Position { partition, offset });
        let both = r#"{"offsets":[{"partition":0,"offset":2},{"partition":1,"offset":0}]}"#;
        let one = r#"{"offsets":[{"partition":0,"offset":2},{"partition":null,"offset":null,"error_code":50003}]}"#;
        let unset = r#"{"offsets":[{"partition":0,"offset":2},{"partition":1,"offset":-1001}]}"#;
        let error = r#"{"error_code":42200,"message":"…"}"#;
        let streamed = r#"{"FailedRecordCount":1,"Records":[{"SequenceNumber":"2","ShardId":"shardId-000000000001"},{"ErrorCode":"ServiceUnavailable"}]}"#;
        for (status, body, expected) in [
            (200, both, vec![at(0, 2), at(1, 0)]),
            (503, one, vec![at(0, 2), RecordState::Unconfirmed]),
            (401, &one.replace("50003", "40101"), vec![at(0, 2), RecordState::NotWritten]),
            (422, error, vec![RecordState::NotWritten; 2]),
            (503, streamed, vec![at(1, 2), RecordState::Unconfirmed]),
            (
                403,
                &streamed.replace("ServiceUnavailable", "AccessDeniedException"),
                vec![at(1, 2), RecordState::NotWritten],
            ),
            (200, &both.replace(":2}", ":-1}"), vec![RecordState::WrittenSomewhere, at(1, 0)]),
            (503, error, vec![RecordState::Unconfirmed; 2]),
            (502, "Bad Gateway", vec![RecordState::Unconfirmed; 2]),
        ] {
            assert_eq!(record_states(status, body, 2), Ok(expected), "{status} {body}");
        }
        for (status, body) in
            [(200, one), (200, unset), (200, streamed), (200, error), (200, ""), (200, r#"{"offsets":[]}"#), (302, "")]
        {
            assert!(record_states(status, body, 2).is_err(), "{status} {body}");
        }
    }
}
