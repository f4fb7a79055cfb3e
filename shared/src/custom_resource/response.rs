//! The response to CloudFormation.

use std::collections::BTreeMap;

use serde::Serialize;

use super::event::Event;

/// The largest response that CloudFormation accepts, in bytes:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>.
const MAX_BYTES: usize = 4096;

/// The longest escape of one character in JSON: `\u0001`.
const MAX_CHAR_BYTES: usize = 6;

/// The attributes of a resource that exists.
#[derive(Debug, Default)]
pub struct Success {
    data: BTreeMap<&'static str, String>,
}

impl Success {
    /// Adds the value of `!GetAtt Resource.<name>`. CloudFormation accepts 4 KiB in all.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.data.insert(name, value.into());
        self
    }
}

/// The result of the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    Success,
    Failed,
}

/// The response to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Response {
    status: Status,
    /// The reason of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// The resource's id, which stays the same for its whole life.
    physical_resource_id: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    /// The attributes for `!GetAtt`.
    data: BTreeMap<&'static str, String>,
}

impl Response {
    pub(super) fn success(event: &Event, success: Success) -> Self {
        let response = Self { data: success.data, ..Self::new(event, Status::Success) };
        match response.size_bytes() {
            0..=MAX_BYTES => response,
            size => {
                let reason = format!(
                    "the resource exists, but its attributes are too long: CloudFormation accepts a response of {MAX_BYTES} bytes, and this one has {size}"
                );
                Self::failed(event, &reason, "")
            }
        }
    }

    /// Creates a failure. If it would become too long, the reason is truncated, and `log`, the location of the details, stays.
    pub(super) fn failed(event: &Event, reason: &str, log: &str) -> Self {
        let mut response = Self { reason: Some(format!("{reason}{log}")), ..Self::new(event, Status::Failed) };
        let mut kept: Vec<char> = reason.chars().take(MAX_BYTES).collect();
        while response.size_bytes() > MAX_BYTES && !kept.is_empty() {
            response.reason = Some(format!("{}…{log}", kept.iter().collect::<String>()));
            let over = response.size_bytes().saturating_sub(MAX_BYTES);
            kept.truncate(kept.len().saturating_sub(over.div_ceil(MAX_CHAR_BYTES)));
        }
        response
    }

    fn new(event: &Event, status: Status) -> Self {
        Self {
            status,
            reason: None,
            physical_resource_id: event.physical_resource_id(),
            stack_id: event.stack_id.clone(),
            request_id: event.request_id.clone(),
            logical_resource_id: event.logical_resource_id.clone(),
            data: BTreeMap::new(),
        }
    }

    /// The body to send.
    pub(super) fn body(&self) -> String {
        // Strings and a map of strings always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn size_bytes(&self) -> usize {
        self.body().len()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::custom_resource::event;

    fn event() -> Event {
        event::parse(json!({
            "RequestType": "Create", "ResponseURL": "https://s3/", "StackId": "stack", "RequestId": "request",
            "LogicalResourceId": "Topics"
        }))
        .unwrap()
        .0
    }

    #[test]
    fn a_response_has_every_field_that_cloudformation_requires() {
        let success = Success::default().with("Created", "3");
        let body: Value = serde_json::from_str(&Response::success(&event(), success).body()).unwrap();
        let expected = json!({
            "Status": "SUCCESS", "PhysicalResourceId": "Topics-request", "StackId": "stack", "RequestId": "request",
            "LogicalResourceId": "Topics", "Data": {"Created": "3"}
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_long_reason_is_truncated_and_still_names_the_log() {
        for text in ["a", "\u{1}", "\"", "é", "😀"] {
            let response = Response::failed(&event(), &text.repeat(10_000), " (log: here)");
            let size = response.size_bytes();
            assert!((MAX_BYTES - 2 * MAX_CHAR_BYTES..=MAX_BYTES).contains(&size), "{text:?}: {size}");
            assert!(response.reason.unwrap().ends_with("… (log: here)"), "{text:?}");
        }
        assert_eq!(Response::failed(&event(), "short", "!").reason.unwrap(), "short!");
    }

    #[test]
    fn attributes_that_are_too_long_are_a_failure() {
        let response = Response::success(&event(), Success::default().with("Topics", "a".repeat(MAX_BYTES)));
        assert_eq!(response.status, Status::Failed);
        assert!(response.data.is_empty());
        assert!(response.reason.unwrap().contains("its attributes are too long"));
    }
}
