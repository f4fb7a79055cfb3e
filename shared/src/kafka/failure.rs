//! The classification of librdkafka's error codes.

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::publish::Failure;

/// Maps a code of librdkafka to the failure of its record. Any code not listed is [`Failure::Unconfirmed`]: we never claim
/// that a record is lost or written without knowing.
pub(super) fn classify(code: Code) -> Failure {
    match code {
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => Failure::TooLarge,
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::InvalidTopic => Failure::NoSuchTopic,
        Code::UnknownPartition => Failure::NoSuchPartition,
        Code::InvalidMessage
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::PolicyViolation
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType => Failure::Refused,
        Code::Authentication | Code::SaslAuthenticationFailed | Code::IllegalSASLState => Failure::Unauthenticated,
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => Failure::Unauthorized,
        _ => Failure::Unconfirmed,
    }
}
