//! The place of a connection, which is made when it is asked for and again when it is worn out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::{ClientConfig, error::KafkaError};

use super::{connection::Connection, moment::Moment};
use crate::{cluster::Cluster, metrics::Metrics};

pub(super) struct Slot {
    cluster: Cluster,
    config: ClientConfig,
    metrics: Metrics,
    /// `None` when the last one was given up, or none was asked for yet.
    connection: Mutex<Option<Arc<Connection>>>,
}

impl Slot {
    pub(super) fn new(cluster: &Cluster, config: ClientConfig, metrics: Metrics) -> Self {
        Self { cluster: cluster.clone(), config, metrics, connection: Mutex::default() }
    }

    /// The connection to use, a new one where the last one is worn out.
    pub(super) fn connection(&self) -> Result<Arc<Connection>, KafkaError> {
        // Held for no more than an exchange, also while a client is made: two requests do not make two.
        let mut connection = self.lock();
        if let Some(reason) = connection.as_ref().and_then(|connection| connection.worn_out(Moment::now())) {
            tracing::info!(%reason, "the connection to Kafka is replaced");
            *connection = None;
        }
        let connection = match connection.as_ref() {
            Some(connection) => Arc::clone(connection),
            None => Arc::clone(connection.insert(Arc::new(self.connect()?))),
        };
        connection.touch();
        Ok(connection)
    }

    fn connect(&self) -> Result<Connection, KafkaError> {
        Connection::new(&self.config, &self.cluster, self.metrics.clone())
    }

    /// Uses `connection` no more: the next request makes another one.
    pub(super) fn give_up(&self, connection: &Arc<Connection>) {
        let mut current = self.lock();
        // Another request may have been faster.
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            *current = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
