//! The ARN of the cluster, and the ARN prefixes of its topics and groups.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de};

/// `arn:<partition>:kafka:<region>:<account>:cluster/<name>/<uuid>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterArn {
    /// The ARN up to the account.
    scope: String,
    name: String,
    uuid: String,
}

/// The error of parsing a [`ClusterArn`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an MSK cluster's ARN, arn:aws:kafka:<region>:<account>:cluster/<name>/<uuid>")]
pub struct ArnError(String);

impl FromStr for ClusterArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let parsed = || {
            let (scope, cluster) = text.split_once(":cluster/")?;
            let [arn, _, service, _, _] = scope.split(':').collect::<Vec<_>>()[..] else { return None };
            let (name, uuid) = cluster.split_once('/')?;
            let right =
                arn == "arn" && service == "kafka" && !name.is_empty() && !uuid.is_empty() && !uuid.contains('/');
            right.then(|| Self { scope: scope.to_owned(), name: name.to_owned(), uuid: uuid.to_owned() })
        };
        parsed().ok_or_else(|| ArnError(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for ClusterArn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for ClusterArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix_of("cluster"))
    }
}

impl ClusterArn {
    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The UUID, which distinguishes clusters of the same name.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// The prefix of the ARN of each `topic` or `group`; `/` and the name follow.
    #[must_use]
    pub fn prefix_of(&self, resource: &str) -> String {
        format!("{}:{resource}/{}/{}", self.scope, self.name, self.uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kafka:us-east-1:123456789012:cluster/demo/4f0c1b6e-7a3d-4e1b-9b43-4c9f6d8f2a11-13";

    #[test]
    fn topic_arns_have_the_prefix_that_policies_need() {
        let arn: ClusterArn = ARN.parse().unwrap();
        assert_eq!(arn.to_string(), ARN);
        let topics = "arn:aws:kafka:us-east-1:123456789012:topic/demo/4f0c1b6e-7a3d-4e1b-9b43-4c9f6d8f2a11-13";
        assert_eq!(arn.prefix_of("topic"), topics);
    }

    #[test]
    fn the_error_of_an_invalid_arn_shows_the_expected_form() {
        for text in [
            "",
            "demo",
            "arn:aws:s3:::bucket",
            "arn:aws:kafka:us-east-1:123456789012:topic/demo/4f0c/a",
            "arn:aws:kafka:us-east-1:123456789012:cluster/demo",
            "arn:aws:kafka:us-east-1:123456789012:cluster/demo/4f0c/a",
            "arn:aws:sqs:us-east-1:123456789012:cluster/demo/4f0c",
        ] {
            let error = text.parse::<ClusterArn>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is not an MSK cluster's ARN, arn:aws:kafka:")), "{error}");
        }
    }
}
