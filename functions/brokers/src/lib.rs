//! Looks up the bootstrap servers of an MSK cluster, for CloudFormation, whose cluster resource does not return them.

use std::{fmt::Display, time::Duration};

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use aws_sdk_kafka::Client;
use serde::Deserialize;
use shared::{
    custom_resource::{Request, Success},
    retry,
    stream::SharedStreams,
    topic::{PassThroughTopics, UserIds},
};
mod arn;
mod control_plane;

pub use arn::{ArnError, ClusterArn};
pub use control_plane::FindError;

/// The timeout of one attempt. The SDK has none by default, and retries an attempt that times out.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The resource's properties in the template.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Properties {
    cluster_arn: ClusterArn,
    user_ids: UserIds,
    #[serde(default)]
    pass_through_topics: PassThroughTopics,
    /// A setting of `ingest`, which would not start with a wrong one. The fingerprint changes with it.
    #[serde(default)]
    shared_streams: SharedStreams,
}

/// Creates a client of the control plane, configured by the environment.
pub async fn client() -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    Client::new(&aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await)
}

/// Looks up the servers for IAM authentication. Waits while the cluster is being created, and until AWS applies the function's
/// policy.
///
/// # Errors
/// When the cluster has none, or none before the request's deadline.
pub async fn find(client: &Client, request: Request<Properties>) -> Result<Success, FindError> {
    let Properties { cluster_arn: arn, user_ids, pass_through_topics, shared_streams } = request.properties;
    let no_response = || FindError::Unreachable("no response in time".to_owned());
    // Boxed: the SDK's nested futures are too deep for the compiler.
    let attempt = async || Box::pin(control_plane::bootstrap_servers(client, &arn)).await;
    let servers = retry::until_deadline(request.deadline, no_response, attempt).await?;
    Ok(Success::default()
        .with("Fingerprint", fingerprint(&format!("{servers} {user_ids} {pass_through_topics} {shared_streams}")))
        .with("BootstrapServers", servers)
        .with("TopicArns", arns(&arn, user_ids.iter().map(|user_id| format!("{user_id}.*"))))
        .with("PassThroughArns", arns(&arn, pass_through_topics.iter()))
        .with("ClusterArn", arn.to_string())
        .with("ClusterName", arn.name())
        .with("ClusterUuid", arn.uuid())
        .with("TopicArnPrefix", arn.prefix_of("topic"))
        .with("GroupArnPrefix", arn.prefix_of("group")))
}

/// The ARNs of this cluster's topics, for a policy: a template cannot prefix each element of a list.
fn arns(arn: &ClusterArn, topics: impl Iterator<Item: Display>) -> String {
    let prefix = arn.prefix_of("topic");
    let arns: Vec<_> = topics.map(|topic| format!("{prefix}/{topic}")).collect();
    arns.join(",")
}

/// A digest of the settings, short enough for the description of a function's version: FNV-1a, which is the same for every
/// compiler.
fn fingerprint(settings: &str) -> String {
    let hash = settings
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_arns_are_those_of_this_cluster() {
        let arn = "arn:aws:kafka:eu-west-1:123456789012:cluster/pins/uuid-1".parse().unwrap();
        let prefix = "arn:aws:kafka:eu-west-1:123456789012:topic/pins/uuid-1";
        assert_eq!(arns(&arn, ["a.*", "b.*"].iter()), format!("{prefix}/a.*,{prefix}/b.*"));
    }

    #[test]
    fn different_settings_have_different_fingerprints() {
        assert_eq!(fingerprint("a"), "af63dc4c8601ec8c");
        assert_ne!(fingerprint("b:9098 a"), fingerprint("b:9098 a,b"));
    }
}
