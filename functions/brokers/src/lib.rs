//! Finds the bootstrap servers of an MSK cluster, for CloudFormation: the cluster's own resource does not tell them.

use std::time::Duration;

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use aws_sdk_kafka::Client;
use serde::Deserialize;
use shared::custom_resource::{Request, Success};
use tokio::time::{Instant, sleep};

mod arn;
mod control_plane;

pub use arn::{ArnError, ClusterArn};
pub use control_plane::FindError;

/// For one request. The SDK has no such bound of its own, and repeats a request that ends so.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two looks at a cluster that is not ready.
const PAUSE: Duration = Duration::from_secs(2);

/// What the template says.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Properties {
    cluster_arn: ClusterArn,
}

/// A client of the control plane, as the environment says how to reach it.
pub async fn client() -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    Client::new(&aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await)
}

/// Finds the servers that take a log-in by IAM, and waits for them while the cluster is being made.
///
/// # Errors
/// When the cluster has none, or none before the request's deadline.
pub async fn find(client: &Client, request: Request<Properties>) -> Result<Success, FindError> {
    let arn = request.properties.cluster_arn;
    let servers = loop {
        match control_plane::bootstrap_servers(client, &arn).await {
            Ok(servers) => break servers,
            Err(error) if error.passes() && Instant::now() + PAUSE < request.deadline => {
                tracing::info!(%error, "asked again in {} s", PAUSE.as_secs());
                sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    };
    Ok(Success::default()
        .with("BootstrapServers", servers)
        .with("ClusterName", arn.name())
        .with("ClusterUuid", arn.uuid())
        .with("TopicArnPrefix", arn.prefix_of("topic"))
        .with("GroupArnPrefix", arn.prefix_of("group")))
}
