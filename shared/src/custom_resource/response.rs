//! The answer, as CloudFormation takes it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Success, event::Event};

/// What CloudFormation takes, in bytes:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>.
pub(super) const MAX_BYTES: usize = 4096;

/// What JSON makes of one character at most: `\u0001`.
const MAX_CHAR_BYTES: usize = 6;

/// Whether the resource is as the template says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    Success,
    Failed,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Response {
    status: Status,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// The resource's name for CloudFormation, the same for as long as it lives.
    physical_resource_id: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    /// What the template can read.
    data: BTreeMap<&'static str, String>,
}

impl Response {
    pub(super) fn success(event: &Event, success: Success) -> Self {
        let response = Self { data: success.data, ..Self::new(event, Status::Success) };
        match response.size_bytes() {
            0..=MAX_BYTES => response,
            size => {
                let reason = format!(
                    "the resource is there, but its attributes are too long: an answer of {size} bytes, of which CloudFormation takes {MAX_BYTES}"
                );
                Self::failed(event, &reason, "")
            }
        }
    }

    /// The reason is cut where the answer would become too long, and where to read more stays.
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

    /// What is sent.
    pub(super) fn body(&self) -> String {
        // Text and a map of it: nothing that JSON has no form for.
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
    fn an_answer_has_what_cloudformation_asks_for() {
        let success = Success::default().with("Created", "3");
        let body: Value = serde_json::from_str(&Response::success(&event(), success).body()).unwrap();
        let expected = json!({
            "Status": "SUCCESS", "PhysicalResourceId": "Topics-request", "StackId": "stack", "RequestId": "request",
            "LogicalResourceId": "Topics", "Data": {"Created": "3"}
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_reason_is_cut_where_the_answer_would_be_too_long_and_the_log_is_still_named() {
        for text in ["a", "\u{1}", "\"", "é", "😀"] {
            let response = Response::failed(&event(), &text.repeat(10_000), " (log: here)");
            let size = response.size_bytes();
            assert!((MAX_BYTES - 2 * MAX_CHAR_BYTES..=MAX_BYTES).contains(&size), "{text:?}: {size}");
            assert!(response.reason.unwrap().ends_with("… (log: here)"), "{text:?}");
        }
        assert_eq!(Response::failed(&event(), "short", "!").reason.unwrap(), "short!");
    }

    #[test]
    fn attributes_that_are_too_long_are_a_failure_that_says_so() {
        let response = Response::success(&event(), Success::default().with("Topics", "a".repeat(MAX_BYTES)));
        assert_eq!(response.status, Status::Failed);
        assert!(response.data.is_empty());
        assert!(response.reason.unwrap().contains("its attributes are too long"));
    }
}
