//! The error of a response that CloudFormation did not get.

use lambda_runtime::Diagnostic;
use reqwest::StatusCode;

use crate::error_chain::one_line;

/// The reason why CloudFormation got no response, or needs none.
#[derive(Debug, thiserror::Error)]
pub enum ResponseError {
    /// The event has no address for the response.
    #[error(
        "the event has no ResponseURL, so it is not CloudFormation's: this function provides a custom resource, and deploying a template with one invokes it"
    )]
    NoUrl,
    /// The address of the response is not a URL.
    #[error("the event's ResponseURL cannot be used")]
    Url(#[source] <reqwest::Url as std::str::FromStr>::Err),
    /// The event lacks a field that CloudFormation expects in the response.
    #[error("the event is not CloudFormation's request for a custom resource")]
    Event(#[source] serde_json::Error),
    /// There is no HTTP client.
    #[error("the response cannot be sent")]
    Client(#[source] reqwest::Error),
    /// The URL is another request's, or has expired after two hours.
    #[error("{host} rejected the response with {status}")]
    Rejected {
        /// The host of the URL.
        host: String,
        /// The status of the rejection.
        status: StatusCode,
    },
    /// No attempt succeeded.
    #[error(
        "the response could not be delivered to {host} in {attempts} attempts; a function in a VPC reaches S3 through a gateway endpoint ({last})"
    )]
    Unreachable {
        /// The host of the URL.
        host: String,
        /// The number of attempts.
        attempts: u32,
        /// The error of the last attempt.
        last: String,
    },
}

impl From<ResponseError> for Diagnostic {
    fn from(error: ResponseError) -> Self {
        Self { error_type: "custom_resource::ResponseError".to_owned(), error_message: one_line(&error) }
    }
}
