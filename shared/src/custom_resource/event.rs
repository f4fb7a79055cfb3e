//! CloudFormation's event.

use std::fmt;

use reqwest::Url;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::ResponseError;

/// The properties that CloudFormation adds to a resource's own.
const RESERVED_PROPERTIES: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// A request without its URL, which is a secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Event {
    pub(super) request_type: RequestType,
    pub(super) stack_id: String,
    pub(super) request_id: String,
    pub(super) logical_resource_id: String,
    physical_resource_id: Option<String>,
    #[serde(default)]
    resource_properties: Value,
}

/// The requested operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestType {
    Create,
    Update,
    Delete,
    Other(String),
}

impl<'de> Deserialize<'de> for RequestType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match String::deserialize(deserializer)?.as_str() {
            "Create" => Self::Create,
            "Update" => Self::Update,
            "Delete" => Self::Delete,
            other => Self::Other(other.to_owned()),
        })
    }
}

impl fmt::Display for RequestType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "Create",
            Self::Update => "Update",
            Self::Delete => "Delete",
            Self::Other(other) => other,
        })
    }
}

impl Event {
    /// The resource's id. CloudFormation replaces a resource whose id changes, so it stays the same. The first one derives from
    /// the request, because the event may arrive twice.
    pub(super) fn physical_resource_id(&self) -> String {
        match &self.physical_resource_id {
            Some(known) => known.clone(),
            None => format!("{}-{}", self.logical_resource_id, self.request_id),
        }
    }

    /// The resource's own properties.
    pub(super) fn properties(&self) -> Value {
        let mut properties = self.resource_properties.clone();
        if let Value::Object(properties) = &mut properties {
            properties.retain(|name, _| !RESERVED_PROPERTIES.contains(&name.as_str()));
        }
        properties
    }
}

/// The address of the response. Anyone who knows the URL can respond, so it prints as its host alone.
pub(super) struct ResponseUrl(pub(super) Url);

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseUrl({self})")
    }
}

impl fmt::Display for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.host_str().unwrap_or("a URL without a host"))
    }
}

/// Parses the request and the address of its response.
///
/// # Errors
/// When the event is not a request of CloudFormation.
pub(super) fn parse(mut payload: Value) -> Result<(Event, ResponseUrl), ResponseError> {
    let url = payload.as_object_mut().and_then(|payload| payload.remove("ResponseURL"));
    let url = url.as_ref().and_then(Value::as_str).ok_or(ResponseError::NoUrl)?;
    let url = Url::parse(url).map_err(ResponseError::Url)?;
    let event = serde_json::from_value(payload).map_err(ResponseError::Event)?;
    Ok((event, ResponseUrl(url)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request() -> Value {
        json!({
            "RequestType": "Update", "ResponseURL": "https://bucket.s3.amazonaws.com/x?X-Amz-Signature=s3cret",
            "StackId": "stack", "RequestId": "request", "LogicalResourceId": "Topics", "PhysicalResourceId": "before",
            "ResourceType": "Custom::Topics", "OldResourceProperties": {},
            "ResourceProperties": {"ServiceToken": "arn:aws:lambda", "ServiceTimeout": "300", "UserIds": ["a"]}
        })
    }

    #[test]
    fn no_output_contains_the_url() {
        let parsed = parse(request()).unwrap();
        let output = format!("{parsed:?} {}", parsed.1);
        assert!(output.contains("bucket.s3.amazonaws.com") && !output.contains("s3cret"), "{output}");
    }

    #[test]
    fn a_resource_keeps_the_id_it_got_from_its_first_request() {
        let name = |request| parse(request).unwrap().0.physical_resource_id();
        assert_eq!(name(request()), "before");
        let mut create = request();
        create.as_object_mut().unwrap().remove("PhysicalResourceId");
        assert_eq!(name(create), "Topics-request");
    }

    #[test]
    fn the_properties_exclude_cloudformations_own() {
        assert_eq!(parse(request()).unwrap().0.properties(), json!({"UserIds": ["a"]}));
    }

    #[test]
    fn an_event_from_another_sender_is_rejected() {
        for (payload, message) in [
            (json!({}), "the event has no ResponseURL, so it is not CloudFormation's"),
            (json!([1]), "the event has no ResponseURL"),
            (json!({"ResponseURL": "nowhere"}), "the event's ResponseURL cannot be used"),
            (json!({"ResponseURL": "https://s3/"}), "the event is not CloudFormation's request for a custom resource"),
        ] {
            let error = parse(payload).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
