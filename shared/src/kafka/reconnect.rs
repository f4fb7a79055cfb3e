//! A client that replaces its connection when it becomes stale.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::{ClientConfig, error::KafkaError};

use super::{clock::SuspendAwareInstant, connection::Connection};
use crate::{cluster::Cluster, metrics::Metrics};

/// Creates a connection on first use and again after the last one was retired or became stale.
pub(super) struct ReconnectingClient {
    cluster: Cluster,
    config: ClientConfig,
    metrics: Metrics,
    /// `None` before the first use and after a retirement.
    connection: Mutex<Option<Arc<Connection>>>,
}

impl ReconnectingClient {
    pub(super) fn new(cluster: &Cluster, config: ClientConfig, metrics: Metrics) -> Self {
        Self { cluster: cluster.clone(), config, metrics, connection: Mutex::default() }
    }

    /// Returns the current connection, after replacing it if it is stale.
    pub(super) fn connection(&self) -> Result<Arc<Connection>, KafkaError> {
        // Held while a client is created, so that two requests do not create two. Nothing waits for the network meanwhile.
        let mut connection = self.lock();
        let now = SuspendAwareInstant::now();
        if let Some(reason) = connection.as_ref().and_then(|connection| connection.stale_reason(now)) {
            tracing::info!(%reason, "replacing the connection to Kafka");
            *connection = None;
        }
        let connection = match connection.as_ref() {
            Some(connection) => Arc::clone(connection),
            None => Arc::clone(connection.insert(Arc::new(self.connect()?))),
        };
        connection.mark_used();
        Ok(connection)
    }

    fn connect(&self) -> Result<Connection, KafkaError> {
        Connection::new(&self.config, &self.cluster, self.metrics.clone())
    }

    /// Stops using `connection`: the next request creates another one.
    pub(super) fn retire(&self, connection: &Arc<Connection>) {
        let mut current = self.lock();
        // Another request may have replaced it already.
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            *current = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
