//! Statuses and `error_code`s of records that Kafka did not write.

use http::StatusCode;
use shared::publish::{Failure, Outcome};

use crate::{
    error_codes::{self, ErrorCode},
    status_policy::StatusPolicy,
};

/// The status and `error_code` of a request that fails only with `failure`.
pub(crate) const fn error_code(failure: Failure) -> ErrorCode {
    match failure {
        // The REST Proxy calls these three retriable, and its clients handle the code.
        Failure::Unconfirmed | Failure::NoSuchTopic | Failure::NoSuchPartition => {
            const { error_codes::error_code(StatusCode::SERVICE_UNAVAILABLE, 50003) }
        }
        Failure::TooLarge => const { error_codes::error_code(StatusCode::PAYLOAD_TOO_LARGE, 50002) },
        Failure::Refused => const { error_codes::error_code(StatusCode::INTERNAL_SERVER_ERROR, 50002) },
        Failure::Unauthenticated => const { error_codes::error_code(StatusCode::UNAUTHORIZED, 40101) },
        Failure::Unauthorized => const { error_codes::error_code(StatusCode::FORBIDDEN, 40301) },
    }
}

/// The precedence of failures for a request's status: rank 0 decides first. Authentication and authorization affect every record.
/// Retriable failures come before permanent ones, and among those the client can fix only a size.
const fn rank(failure: Failure) -> u8 {
    match failure {
        Failure::Unauthenticated => 0,
        Failure::Unauthorized => 1,
        Failure::Unconfirmed | Failure::NoSuchTopic | Failure::NoSuchPartition => 2,
        Failure::TooLarge => 3,
        Failure::Refused => 4,
    }
}

/// A record's `error_code`.
pub(crate) const fn code(failure: Failure) -> u32 {
    error_code(failure).code
}

/// A record's `error_code` in v3. Its records have no status of their own, so the code distinguishes records that are too
/// large, missing topics and missing partitions.
pub(crate) const fn v3_code(failure: Failure) -> u32 {
    match failure {
        Failure::TooLarge => const { error_codes::error_code(StatusCode::PAYLOAD_TOO_LARGE, 413) }.code,
        Failure::NoSuchTopic => const { error_codes::error_code(StatusCode::NOT_FOUND, 40401) }.code,
        Failure::NoSuchPartition => const { error_codes::error_code(StatusCode::NOT_FOUND, 40402) }.code,
        Failure::Unconfirmed | Failure::Refused | Failure::Unauthenticated | Failure::Unauthorized => code(failure),
    }
}

/// The failure that decides a request's status; `None` if every record was written.
pub(crate) fn worst(outcomes: &[Outcome]) -> Option<Failure> {
    outcomes.iter().filter_map(|outcome| outcome.err()).min_by_key(|failure| rank(*failure))
}

/// A request's status by the outcomes of its records.
pub(crate) fn status(outcomes: &[Outcome], policy: StatusPolicy) -> StatusCode {
    let is_reported = |failure: &Failure| match policy {
        StatusPolicy::Strict => true,
        StatusPolicy::Confluent => matches!(failure, Failure::Unauthenticated | Failure::Unauthorized),
    };
    worst(outcomes).filter(is_reported).map_or(StatusCode::OK, |failure| error_code(failure).status)
}

#[cfg(test)]
mod tests {
    use shared::publish::Written;

    use super::*;

    #[test]
    fn the_status_is_200_only_when_every_record_is_written() {
        const OK: Outcome = Ok(Written { partition: 0, offset: 0, timestamp_ms: None });
        const UNCONFIRMED: Outcome = Err(Failure::Unconfirmed);
        const TOO_LARGE: Outcome = Err(Failure::TooLarge);
        const REFUSED: Outcome = Err(Failure::Refused);
        for (outcomes, status) in [
            (&[OK, OK][..], 200),
            (&[OK, UNCONFIRMED], 503),
            (&[TOO_LARGE, UNCONFIRMED, REFUSED], 503),
            (&[OK, TOO_LARGE, REFUSED], 413),
            (&[OK, REFUSED], 500),
            (&[UNCONFIRMED, Err(Failure::Unauthorized)], 403),
            (&[Err(Failure::Unauthorized), Err(Failure::Unauthenticated)], 401),
            (&[Err(Failure::NoSuchTopic)], 503),
            (&[Err(Failure::NoSuchPartition)], 503),
        ] {
            assert_eq!(super::status(outcomes, StatusPolicy::Strict), status, "{outcomes:?}");
            let confluent = if matches!(status, 401 | 403) { status } else { 200 };
            assert_eq!(super::status(outcomes, StatusPolicy::Confluent), confluent, "{outcomes:?}");
        }
    }
}
