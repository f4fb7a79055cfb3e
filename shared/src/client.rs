//! The Kafka client for what needs no producer: reading an offset range without a consumer group, and making topics. Pure
//! Rust, so who uses it needs no librdkafka.

use std::sync::Arc;

use futures::FutureExt;
use rskafka::{
    BackoffConfig,
    client::{Client, ClientBuilder, OauthBearerCredentials, SaslConfig, error::Error},
};

use crate::{
    cluster::{Authorities, Cluster, Security},
    credentials::Signer,
    iam, tls,
};

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server could be used.
    #[error("cannot connect to Kafka at {servers}")]
    Connect {
        /// The servers that were tried.
        servers: String,
        /// Why the last one failed.
        source: Box<Error>,
    },
    /// The authorities cannot be read.
    #[error(transparent)]
    Tls(#[from] tls::AuthoritiesError),
}

/// Connects to one of the cluster's servers, as `client_id`. A request with its retries ends as `backoff` says; one that
/// hangs does not: the client has no timeouts of its own.
///
/// # Errors
/// When none can be used, or the authorities cannot be read.
pub async fn connect(cluster: &Cluster, client_id: &str, backoff: BackoffConfig) -> Result<Client, ConnectError> {
    let servers = cluster.servers().map(str::to_owned).collect();
    let mut builder = ClientBuilder::new(servers).client_id(client_id).backoff_config(backoff);
    if let Security::Iam { signer, authorities } = &cluster.security {
        let file = match authorities {
            Authorities::System => None,
            Authorities::File(file) => Some(file.as_path()),
        };
        builder = builder.tls_config(tls::client_config(file)?).sasl_config(log_in(signer.clone()));
    }
    let failed =
        |source| ConnectError::Connect { servers: cluster.bootstrap_servers.clone(), source: Box::new(source) };
    // Boxed: the client's own futures are nested too deep for the compiler inside of ours.
    builder.build().boxed().await.map_err(failed)
}

/// A new token for each connection: it costs nothing, and an old one may have ended.
fn log_in(signer: Signer) -> SaslConfig {
    let callback = move || {
        #[expect(clippy::disallowed_methods, reason = "a token is signed at the moment of its log-in")]
        let token = iam::token(&signer, std::time::SystemTime::now());
        async move { Ok(token?.value) }.boxed()
    };
    SaslConfig::Oauthbearer(OauthBearerCredentials {
        callback: Arc::new(callback),
        authz_id: None,
        bearer_kvs: Vec::new(),
    })
}
