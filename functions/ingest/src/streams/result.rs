//! The responses of streams, in Kinesis' form. Errors have the API's own form, with Kinesis' name beside it.

use http::StatusCode;
use serde::Serialize;
use shared::{
    metadata::Partition,
    publish::{Failure, Outcome, Written},
};

use crate::{
    failure,
    response::{JSON, Response, json, of_outcomes},
    status_policy::StatusPolicy,
};

/// A written record.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Success {
    sequence_number: String,
    shard_id: String,
}

/// A record that is not known to be written.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Problem {
    error_code: &'static str,
    error_message: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RecordResult {
    Success(Success),
    Problem(Problem),
}

/// The members of a response whose records were not all written.
#[derive(Serialize)]
struct FailureBody {
    error_code: u32,
    message: String,
    #[serde(rename = "__type")]
    exception: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordsBody {
    #[serde(flatten)]
    failure: Option<FailureBody>,
    failed_record_count: usize,
    records: Vec<RecordResult>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamNames {
    stream_names: Vec<String>,
    has_more_streams: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeStreamBody<'a> {
    stream_description: StreamDescription<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamDescription<'a> {
    stream_name: &'a str,
    stream_status: &'static str,
    shards: Vec<Shard>,
    has_more_shards: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shard {
    shard_id: String,
    sequence_number_range: SequenceNumberRange,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SequenceNumberRange {
    starting_sequence_number: &'static str,
}

/// The response to `ListStreams`.
pub(super) fn names(stream_names: Vec<String>) -> Response {
    Response::json(&StreamNames { stream_names, has_more_streams: false })
}

/// The response to `DescribeStream`: one shard per partition.
pub(super) fn description(stream_name: &str, partitions: &[Partition]) -> Response {
    let shard = |partition: &Partition| Shard {
        shard_id: shard_id(partition.partition),
        sequence_number_range: SequenceNumberRange { starting_sequence_number: "0" },
    };
    let shards = partitions.iter().map(shard).collect();
    let stream_description = StreamDescription { stream_name, stream_status: "ACTIVE", shards, has_more_shards: false };
    Response::json(&DescribeStreamBody { stream_description })
}

/// The response to `PutRecord`.
pub(super) fn record(outcome: Outcome) -> Response {
    match outcome {
        Ok(written) => Response::json(&Success::from(written)),
        Err(failure) => of_outcomes(&[outcome], StatusPolicy::Strict, JSON, json(&FailureBody::from(failure))),
    }
}

/// The response to `PutRecords`. Its status is 200 only if every record is written, unlike that of Kinesis.
pub(super) fn records(outcomes: &[Outcome]) -> Response {
    let body = PutRecordsBody {
        failure: failure::worst(outcomes).map(FailureBody::from),
        failed_record_count: outcomes.iter().filter(|outcome| outcome.is_err()).count(),
        records: outcomes.iter().map(RecordResult::from).collect(),
    };
    of_outcomes(outcomes, StatusPolicy::Strict, JSON, json(&body))
}

/// The shard of a partition.
fn shard_id(partition: i32) -> String {
    format!("shardId-{partition:012}")
}

/// Kinesis' name for an error with this status.
pub(crate) const fn exception(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "SerializationException",
        StatusCode::UNAUTHORIZED => "UnrecognizedClientException",
        StatusCode::FORBIDDEN => "AccessDeniedException",
        StatusCode::NOT_FOUND => "ResourceNotFoundException",
        StatusCode::METHOD_NOT_ALLOWED => "UnknownOperationException",
        StatusCode::PAYLOAD_TOO_LARGE => "LimitExceededException",
        StatusCode::TOO_MANY_REQUESTS => "ProvisionedThroughputExceededException",
        StatusCode::INTERNAL_SERVER_ERROR => "InternalFailure",
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT => "ServiceUnavailable",
        _ => "ValidationException",
    }
}

impl From<Written> for Success {
    fn from(Written { partition, offset, .. }: Written) -> Self {
        Self { sequence_number: offset.to_string(), shard_id: shard_id(partition) }
    }
}

impl From<Failure> for FailureBody {
    fn from(failure: Failure) -> Self {
        let error_code = failure::error_code(failure);
        Self { error_code: error_code.code, message: failure.to_string(), exception: exception(error_code.status) }
    }
}

impl From<&Outcome> for RecordResult {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Ok(written) => Self::Success((*written).into()),
            Err(failure) => {
                let FailureBody { message, exception, .. } = (*failure).into();
                Self::Problem(Problem { error_code: exception, error_message: message })
            }
        }
    }
}
