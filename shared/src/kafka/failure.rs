//! What librdkafka's codes say of a record.

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::publish::Failure;

/// Sorts librdkafka's codes by what they say of the record. What is not listed is [`Failure::Unconfirmed`]: we never claim
/// that a record is lost, or safe, without knowing.
pub(super) fn sort(code: Code) -> Failure {
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
