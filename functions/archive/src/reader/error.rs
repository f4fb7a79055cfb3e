//! The errors of requests to brokers.

use std::{fmt, io};

use shared::iam::TokenError;

/// The error of a request, or of the connection that it needs.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// There is no connection, or it broke.
    #[error("the connection to {address} failed")]
    Connection {
        /// The broker's address.
        address: String,
        /// The network's or TLS's error.
        source: io::Error,
    },
    /// No token can be signed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The broker rejected the token.
    #[error("{address} rejected the authentication: {reason}")]
    Authentication {
        /// The broker's address.
        address: String,
        /// The broker's reason.
        reason: String,
    },
    /// No broker leads the partition, or it was unknown a moment ago.
    #[error("no broker leads the partition")]
    NoLeader,
    /// The broker responded with an error.
    #[error("the broker responded with {}", Code(*.0))]
    Code(i16),
    /// The broker sends nothing until the client's quota allows it.
    #[error("Kafka throttles the function")]
    Throttled,
    /// The response is not of Kafka's protocol.
    #[error("the response is {0}")]
    Malformed(&'static str),
    /// The records are not of Kafka's format.
    #[error("the batch at offset {offset} cannot be read: {problem}")]
    Batch {
        /// The batch's first offset.
        offset: i64,
        /// The problem.
        problem: &'static str,
    },
    /// The records cannot be decompressed.
    #[error("the batch at offset {offset} cannot be decompressed")]
    Compression {
        /// The batch's first offset.
        offset: i64,
        /// The library's error.
        source: io::Error,
    },
}

/// The error code for an offset that the partition does not hold.
pub(super) const OFFSET_OUT_OF_RANGE: i16 = 1;

/// The code of a leader that does not know the end of a partition yet.
pub(super) const OFFSET_NOT_AVAILABLE: i16 = 78;

impl RequestError {
    pub(super) const CUT_OFF: Self = Self::Malformed("cut off");

    /// Converts a response's error code.
    pub(super) const fn check(code: i16) -> Result<(), Self> {
        if code == 0 { Ok(()) } else { Err(Self::Code(code)) }
    }

    /// Returns whether another attempt may succeed: after a leader's election, or on another connection. Quotas for
    /// connections are reported as rejected authentications.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Authentication { .. } | Self::NoLeader | Self::Throttled => true,
            Self::Code(code) => matches!(known(*code), Some((_, _, Retry::Later))),
            Self::Token(_) | Self::Malformed(_) | Self::Batch { .. } | Self::Compression { .. } => false,
        }
    }
}

/// The prospects of another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    Later,
    Never,
}

/// The error codes that readers meet: <https://kafka.apache.org/protocol#protocol_error_codes>.
const CODES: [(i16, &str, Retry); 17] = [
    (OFFSET_OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE", Retry::Never),
    (3, "UNKNOWN_TOPIC_OR_PARTITION", Retry::Never),
    (5, "LEADER_NOT_AVAILABLE", Retry::Later),
    (6, "NOT_LEADER_OR_FOLLOWER", Retry::Later),
    (7, "REQUEST_TIMED_OUT", Retry::Later),
    (8, "BROKER_NOT_AVAILABLE", Retry::Later),
    (9, "REPLICA_NOT_AVAILABLE", Retry::Later),
    (13, "NETWORK_EXCEPTION", Retry::Later),
    (29, "TOPIC_AUTHORIZATION_FAILED", Retry::Never),
    (31, "CLUSTER_AUTHORIZATION_FAILED", Retry::Never),
    (33, "UNSUPPORTED_SASL_MECHANISM", Retry::Never),
    (35, "UNSUPPORTED_VERSION", Retry::Never),
    (56, "KAFKA_STORAGE_ERROR", Retry::Later),
    (74, "FENCED_LEADER_EPOCH", Retry::Later),
    (75, "UNKNOWN_LEADER_EPOCH", Retry::Later),
    (76, "UNSUPPORTED_COMPRESSION_TYPE", Retry::Never),
    (OFFSET_NOT_AVAILABLE, "OFFSET_NOT_AVAILABLE", Retry::Later),
];

fn known(code: i16) -> Option<&'static (i16, &'static str, Retry)> {
    CODES.iter().find(|(known, ..)| *known == code)
}

/// The name of an error code, or its number.
struct Code(i16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match known(self.0) {
            Some((_, name, _)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}
