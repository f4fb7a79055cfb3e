//! AWS's control plane for Kafka. The only module that knows the SDK's responses.

use aws_sdk_kafka::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{Cluster, ClusterState},
};
use shared::{
    error_chain::one_line,
    retry::{Retryability, Retryable},
};

use crate::ClusterArn;

/// The error of looking up the bootstrap servers.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The cluster has no servers yet.
    #[error("the cluster is {0} and has no servers for IAM yet: deploy again in a few minutes")]
    NotReady(ClusterState),
    /// The cluster will never have servers.
    #[error("the cluster is {state}: {reason}")]
    Broken {
        /// `FAILED` or `DELETING`.
        state: ClusterState,
        /// AWS's reason.
        reason: String,
    },
    /// IAM access control is disabled.
    #[error(
        "the cluster does not accept IAM authentication: enable IAM access control for it (ClientAuthentication.Sasl.Iam) and deploy again"
    )]
    NoIam,
    /// The cluster does not exist, or belongs to another account.
    #[error("there is no cluster {0}: check its ARN, and that it is in the function's region and account")]
    NoCluster(ClusterArn),
    /// The function's role lacks a permission.
    #[error(
        "the function's role lacks permissions: allow kafka:GetBootstrapBrokers and kafka:DescribeClusterV2 on the cluster ({0})"
    )]
    Denied(String),
    /// All of the SDK's attempts were throttled.
    #[error("AWS throttles the request: deploy again in a minute ({0})")]
    Throttled(String),
    /// AWS refused the request or failed.
    #[error("AWS returned {code}: {message}")]
    Refused {
        /// AWS's error code.
        code: String,
        /// AWS's message.
        message: String,
    },
    /// No response.
    #[error(
        "AWS's control plane for Kafka does not respond: it cannot be reached from inside a VPC, so this function must not be in one ({0})"
    )]
    Unreachable(String),
}

impl Retryable for FindError {
    fn retryability(&self) -> Retryability {
        match self {
            Self::NotReady(_) | Self::Throttled(_) | Self::Unreachable(_) => Retryability::Transient,
            // The function's policy is created just before the function is invoked.
            Self::Denied(_) => Retryability::Denied,
            Self::Broken { .. } | Self::NoIam | Self::NoCluster(_) | Self::Refused { .. } => Retryability::Permanent,
        }
    }
}

/// Looks up the servers for IAM authentication, comma separated. Sorted, since AWS returns them in any order and a new order
/// would look like a change.
pub(crate) async fn bootstrap_servers(client: &Client, arn: &ClusterArn) -> Result<String, FindError> {
    let refusal = match client.get_bootstrap_brokers().cluster_arn(arn.to_string()).send().await {
        Ok(response) => match response.bootstrap_broker_string_sasl_iam {
            Some(servers) if !servers.is_empty() => {
                let mut servers: Vec<_> = servers.split(',').collect();
                servers.sort_unstable();
                return Ok(servers.join(","));
            }
            Some(_) | None => None,
        },
        // AWS's error for a cluster that is being created.
        Err(error) if error.code() == Some("BadRequestException") => Some(failed(&error, arn)),
        Err(error) => return Err(failed(&error, arn)),
    };
    // No servers: the cluster's state is the reason.
    let described = client.describe_cluster_v2().cluster_arn(arn.to_string()).send().await;
    let cluster = described.map_err(|error| failed(&error, arn))?.cluster_info;
    Err(cluster.map_or(FindError::NoCluster(arn.clone()), |cluster| why_none(&cluster, refusal)))
}

fn why_none(cluster: &Cluster, refusal: Option<FindError>) -> FindError {
    match &cluster.state {
        Some(ClusterState::Active) if !accepts_iam(cluster) => FindError::NoIam,
        Some(state @ ClusterState::Active) => refusal.unwrap_or_else(|| FindError::NotReady(state.clone())),
        Some(state @ (ClusterState::Failed | ClusterState::Deleting)) => {
            let reason = cluster.state_info.as_ref().and_then(|info| info.message.clone());
            let reason = reason.unwrap_or_else(|| "AWS gave no reason".to_owned());
            FindError::Broken { state: state.clone(), reason }
        }
        Some(state) => FindError::NotReady(state.clone()),
        None => FindError::NotReady("in no state".into()),
    }
}

fn accepts_iam(cluster: &Cluster) -> bool {
    let provisioned = cluster.provisioned.as_ref().and_then(|cluster| cluster.client_authentication.as_ref());
    let provisioned = provisioned.and_then(|clients| clients.sasl.as_ref()?.iam.as_ref()?.enabled);
    let serverless = cluster.serverless.as_ref().and_then(|cluster| cluster.client_authentication.as_ref());
    let serverless = serverless.and_then(|clients| clients.sasl.as_ref()?.iam.as_ref()?.enabled);
    provisioned.or(serverless).unwrap_or(false)
}

fn failed<E, R>(error: &SdkError<E, R>, arn: &ClusterArn) -> FindError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let Some(service) = error.as_service_error() else { return FindError::Unreachable(one_line(error)) };
    let code = service.code().unwrap_or("an error without a code");
    let message = service.message().unwrap_or("no message");
    let text = || format!("{code}: {message}");
    match code {
        "NotFoundException" => FindError::NoCluster(arn.clone()),
        "ForbiddenException" | "UnauthorizedException" | "AccessDeniedException" => FindError::Denied(text()),
        "TooManyRequestsException" | "ThrottlingException" => FindError::Throttled(text()),
        _ => FindError::Refused { code: code.to_owned(), message: message.to_owned() },
    }
}
