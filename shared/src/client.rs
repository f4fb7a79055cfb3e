//! The Kafka client for creating topics. It is pure Rust, so functions without a producer do not link librdkafka.

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

/// The reason why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server is usable.
    #[error("cannot connect to Kafka at {servers}")]
    Connect {
        /// The servers that were tried.
        servers: String,
        /// The error of the last server.
        source: Box<Error>,
    },
    /// The authorities cannot be read.
    #[error(transparent)]
    Tls(#[from] tls::TlsConfigError),
}

/// Connects to one of the cluster's servers, as `client_id`. `backoff` ends a failing request and its retries, but not one
/// that hangs: the client has no timeouts.
///
/// # Errors
/// When no server is usable, or the authorities cannot be read.
pub async fn connect(cluster: &Cluster, client_id: &str, backoff: BackoffConfig) -> Result<Client, ConnectError> {
    let servers = cluster.servers().map(str::to_owned).collect();
    let mut builder = ClientBuilder::new(servers).client_id(client_id).backoff_config(backoff);
    if let Security::Iam { signer, authorities } = &cluster.security {
        let file = match authorities {
            Authorities::System => None,
            Authorities::File(file) => Some(file.as_path()),
        };
        builder = builder.tls_config(tls::client_config(file)?).sasl_config(sasl(signer.clone()));
    }
    let failed =
        |source| ConnectError::Connect { servers: cluster.bootstrap_servers.clone(), source: Box::new(source) };
    // Boxed: nested in ours, the client's futures are too deep for the compiler.
    builder.build().boxed().await.map_err(failed)
}

/// Signs a new token for each connection: this is cheap, and an old token may have expired.
fn sasl(signer: Signer) -> SaslConfig {
    let callback = move || {
        #[expect(clippy::disallowed_methods, reason = "a token is signed when the client authenticates")]
        let token = iam::token(&signer, std::time::SystemTime::now());
        async move { Ok(token?.value) }.boxed()
    };
    SaslConfig::Oauthbearer(OauthBearerCredentials {
        callback: Arc::new(callback),
        authz_id: None,
        bearer_kvs: Vec::new(),
    })
}
