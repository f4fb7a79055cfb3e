//! What AWS says of a cluster. The one module that knows the SDK's answers.

use aws_sdk_kafka::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{Cluster, ClusterState},
};
use shared::{
    causes::in_one_line,
    retry::{Retryability, Retryable},
};

use crate::ClusterArn;

/// Why there are no bootstrap servers.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// It will have them.
    #[error("the cluster is {0} and tells no servers for IAM yet; deploy again in some minutes")]
    NotReady(ClusterState),
    /// It will not have them.
    #[error("the cluster is {state}: {reason}")]
    Broken {
        /// `FAILED` or `DELETING`.
        state: ClusterState,
        /// What AWS says about it.
        reason: String,
    },
    /// Nobody logs in to it by IAM.
    #[error(
        "the cluster takes no log-in by IAM: enable IAM access control for it (ClientAuthentication.Sasl.Iam) and deploy again"
    )]
    NoIam,
    /// It is not there, or belongs to somebody else.
    #[error("there is no cluster {0}: check its ARN, and that it is in the function's region and account")]
    NoCluster(ClusterArn),
    /// The function's role is too small.
    #[error(
        "the function's role may not ask: allow kafka:GetBootstrapBrokers and kafka:DescribeClusterV2 on the cluster ({0})"
    )]
    Denied(String),
    /// The SDK's attempts were all refused by rate.
    #[error("AWS refuses the request by rate: deploy again in a minute ({0})")]
    Throttled(String),
    /// AWS said no, or broke.
    #[error("AWS answers {code}: {message}")]
    Refused {
        /// AWS's name of the error.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// Nobody answered.
    #[error(
        "AWS's control plane for Kafka does not answer: a function in a VPC does not reach it, so this one must not be in one ({0})"
    )]
    Unreachable(String),
}

impl Retryable for FindError {
    fn retryability(&self) -> Retryability {
        match self {
            Self::NotReady(_) | Self::Throttled(_) | Self::Unreachable(_) => Retryability::Transient,
            // The function's policy is made just before the function is invoked.
            Self::Denied(_) => Retryability::Denied,
            Self::Broken { .. } | Self::NoIam | Self::NoCluster(_) | Self::Refused { .. } => Retryability::Permanent,
        }
    }
}

/// The servers for a log-in by IAM, comma separated. Sorted, since AWS tells them in any order: what is made of them would be
/// taken for changed.
pub(crate) async fn bootstrap_servers(client: &Client, arn: &ClusterArn) -> Result<String, FindError> {
    let refusal = match client.get_bootstrap_brokers().cluster_arn(arn.to_string()).send().await {
        Ok(answer) => match answer.bootstrap_broker_string_sasl_iam {
            Some(servers) if !servers.is_empty() => {
                let mut servers: Vec<_> = servers.split(',').collect();
                servers.sort_unstable();
                return Ok(servers.join(","));
            }
            Some(_) | None => None,
        },
        // What AWS says of a cluster that is being made.
        Err(error) if error.code() == Some("BadRequestException") => Some(failed(&error, arn)),
        Err(error) => return Err(failed(&error, arn)),
    };
    // It has none: the cluster itself says why.
    let described = client.describe_cluster_v2().cluster_arn(arn.to_string()).send().await;
    let cluster = described.map_err(|error| failed(&error, arn))?.cluster_info;
    Err(cluster.map_or(FindError::NoCluster(arn.clone()), |cluster| why_none(&cluster, refusal)))
}

fn why_none(cluster: &Cluster, refusal: Option<FindError>) -> FindError {
    match &cluster.state {
        Some(ClusterState::Active) if !takes_iam(cluster) => FindError::NoIam,
        Some(state @ ClusterState::Active) => refusal.unwrap_or_else(|| FindError::NotReady(state.clone())),
        Some(state @ (ClusterState::Failed | ClusterState::Deleting)) => {
            let reason = cluster.state_info.as_ref().and_then(|info| info.message.clone());
            let reason = reason.unwrap_or_else(|| "AWS does not say why".to_owned());
            FindError::Broken { state: state.clone(), reason }
        }
        Some(state) => FindError::NotReady(state.clone()),
        None => FindError::NotReady("in no state".into()),
    }
}

fn takes_iam(cluster: &Cluster) -> bool {
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
    let Some(service) = error.as_service_error() else { return FindError::Unreachable(in_one_line(error)) };
    let code = service.code().unwrap_or("with an error that has no name");
    let message = service.message().unwrap_or("without a word");
    let told = || format!("{code}: {message}");
    match code {
        "NotFoundException" => FindError::NoCluster(arn.clone()),
        "ForbiddenException" | "UnauthorizedException" | "AccessDeniedException" => FindError::Denied(told()),
        "TooManyRequestsException" | "ThrottlingException" => FindError::Throttled(told()),
        _ => FindError::Refused { code: code.to_owned(), message: message.to_owned() },
    }
}
