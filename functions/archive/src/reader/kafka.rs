//! A client of Kafka that reads by offset.
//!
//! It sends the five requests that reading needs, and decodes only what is archived. rskafka 0.6 cannot read some records
//! that producers write, and librdkafka is built without zstd here, which keeps `ingest` small.

use std::{
    collections::HashMap,
    fmt, io,
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use shared::cluster::Cluster;
use tokio::time::{Instant, sleep, timeout};

use super::{
    ReadError, Reader, batches,
    connection::{Connection, Connector},
    error::{OFFSET_NOT_AVAILABLE, OFFSET_OUT_OF_RANGE, RequestError},
    protocol::{Described, Edge, FetchLimits, Fetched, Request, Response},
};
use crate::{layout::TopicPartition, record::ConsumerRecord};

/// The timeout of connecting, and of a request with its retries.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The time for one request and its response. It ends before [`RETRY_TIMEOUT`], so that another attempt uses another connection.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);

/// The time for retries. They end before [`REQUEST_TIMEOUT`], so that the error names the cause.
const RETRY_TIMEOUT: Duration = Duration::from_secs(5);

/// The delay before the first retry. It triples up to [`MAX_RETRY_DELAY`].
const RETRY_DELAY: Duration = Duration::from_millis(100);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);

const FETCH: FetchLimits = FetchLimits {
    // The time a broker waits for a record. Usually there is one: callers read up to the topic's end only.
    max_wait_ms: 500,
    // As stored in Kafka, so possibly compressed. Kafka returns a larger batch whole. Several fetches fill one object. Four
    // partitions at once, inflated to five times that size, take 20 MiB.
    max_bytes: 1024 * 1024,
};

/// Connections to Kafka, opened when they are needed.
pub struct Kafka {
    cluster: Cluster,
    connector: Connector,
    /// Open connections that no request uses.
    idle: Mutex<Vec<Connection>>,
    /// The leaders' addresses, as far as they are known.
    leaders: Mutex<HashMap<TopicPartition, String>>,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("servers", &self.cluster.bootstrap_servers).finish_non_exhaustive()
    }
}

impl Kafka {
    /// Connects to one of the cluster's bootstrap servers.
    ///
    /// # Errors
    /// When no server can be used within 10 s.
    pub async fn connect(cluster: &Cluster) -> Result<Self, ReadError> {
        let connector = Connector::new(cluster)?;
        let kafka = Self { cluster: cluster.clone(), connector, idle: Mutex::default(), leaders: Mutex::default() };
        match kafka.with_retries(|| kafka.describe().boxed()).await {
            Ok(_) => Ok(kafka),
            Err(ReadError::Kafka(source)) => {
                Err(ReadError::Connect { servers: cluster.bootstrap_servers.clone(), source })
            }
            Err(error) => Err(error),
        }
    }

    /// Bounds `attempt` and its retries by their timeouts.
    async fn with_retries<'a, T>(
        &'a self,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, RequestError>> + Send,
    ) -> Result<T, ReadError> {
        let retries = async {
            let last = Instant::now() + RETRY_TIMEOUT;
            let mut delay = RETRY_DELAY;
            loop {
                match attempt().await {
                    Err(error) if error.is_transient() && Instant::now() + delay < last => sleep(delay).await,
                    done => return done.map_err(ReadError::Kafka),
                }
                delay = MAX_RETRY_DELAY.min(delay * 3);
            }
        };
        match timeout(REQUEST_TIMEOUT, retries).await {
            Ok(done) => done,
            Err(_) => {
                Err(ReadError::Timeout { servers: self.cluster.bootstrap_servers.clone(), after: REQUEST_TIMEOUT })
            }
        }
    }

    /// Asks any broker for the partitions, and remembers their leaders.
    async fn describe(&self) -> Result<Vec<Described>, RequestError> {
        let partitions = self.call(self.any_connection().await?, &Request::metadata(), Response::metadata).await?;
        *self.leaders() = partitions
            .iter()
            .filter_map(|Described { partition, leader }| Some((partition.clone(), leader.clone()?)))
            .collect();
        Ok(partitions)
    }

    /// Sends a request to the partition's leader. After an error the leader is looked up again.
    async fn ask_leader<T>(
        &self,
        partition: &TopicPartition,
        request: &Request,
        read: fn(Response) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        let asked = async {
            let leader = self.leader(partition).await?;
            let connection = match self.idle_connection(|address| address == leader) {
                Some(connection) => connection,
                None => self.connector.connect(&leader).await?,
            };
            self.call(connection, request, read).await
        };
        let done = asked.await;
        if done.is_err() {
            self.leaders().remove(partition);
        }
        done
    }

    /// The address of the partition's leader.
    async fn leader(&self, partition: &TopicPartition) -> Result<String, RequestError> {
        let known = || self.leaders().get(partition).cloned();
        if let Some(leader) = known() {
            return Ok(leader);
        }
        self.describe().await?;
        known().ok_or(RequestError::NoLeader)
    }

    /// Sends a request, and keeps the connection for later ones.
    async fn call<T>(
        &self,
        mut connection: Connection,
        request: &Request,
        read: fn(Response) -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        let called = timeout(CALL_TIMEOUT, connection.call(request)).await;
        let no_response = |_| {
            let within = format!("no response within {} s", CALL_TIMEOUT.as_secs());
            let source = io::Error::new(io::ErrorKind::TimedOut, within);
            Err(RequestError::Connection { address: connection.address().to_owned(), source })
        };
        match called.unwrap_or_else(no_response) {
            Ok(response) => {
                self.idle().push(connection);
                read(response)
            }
            Err(error) => {
                // The others broke with it, if the broker stopped.
                self.idle().retain(|other| other.address() != connection.address());
                Err(error)
            }
        }
    }

    /// An idle connection, or one to the first bootstrap server that can be used.
    async fn any_connection(&self) -> Result<Connection, RequestError> {
        if let Some(connection) = self.idle_connection(|_| true) {
            return Ok(connection);
        }
        let mut failure = RequestError::NoLeader;
        for server in self.cluster.servers() {
            match self.connector.connect(server).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn idle_connection(&self, suits: impl Fn(&str) -> bool) -> Option<Connection> {
        let mut idle = self.idle();
        let at = idle.iter().position(|connection| suits(connection.address()))?;
        Some(idle.swap_remove(at))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn open_connections(&self) -> usize {
        self.idle().len()
    }

    fn leaders(&self) -> MutexGuard<'_, HashMap<TopicPartition, String>> {
        self.leaders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches batches from offset `at` on. Without any, that is the end of what may be read; a broker that has just become the
    /// leader may not know yet what it has.
    async fn fetch(&self, partition: &TopicPartition, request: &Request, at: i64) -> Result<Fetched, RequestError> {
        let fetched = self.ask_leader(partition, request, Response::fetch).await?;
        let is_complete = !fetched.batches.is_empty() || fetched.last_stable_offset == at;
        if is_complete { Ok(fetched) } else { Err(RequestError::Code(OFFSET_NOT_AVAILABLE)) }
    }

    async fn edge(&self, partition: &TopicPartition, edge: Edge) -> Result<u64, ReadError> {
        let request = Request::list_offsets(partition, edge);
        let asked = self.with_retries(|| self.ask_leader(partition, &request, Response::list_offsets).boxed());
        let offset = asked.await?;
        u64::try_from(offset).map_err(|_| ReadError::Offset(offset))
    }
}

impl Reader for Kafka {
    async fn partitions(&self) -> Result<Vec<TopicPartition>, ReadError> {
        let described = self.with_retries(|| self.describe().boxed()).await?;
        Ok(described.into_iter().map(|described| described.partition).collect())
    }

    /// With transactions, the end is that of the last finished one.
    async fn bounds(&self, partition: &TopicPartition) -> Result<Range<u64>, ReadError> {
        Ok(self.edge(partition, Edge::Earliest).await?..self.edge(partition, Edge::Latest).await?)
    }

    async fn read(&self, partition: &TopicPartition, from: u64) -> Result<Vec<ConsumerRecord>, ReadError> {
        let mut at = i64::try_from(from).map_err(|_| ReadError::OutOfRange(from))?;
        loop {
            let request = Request::fetch(partition, at, FETCH);
            let asked = self.with_retries(|| self.fetch(partition, &request, at).boxed());
            let fetched = match asked.await {
                Err(ReadError::Kafka(RequestError::Code(OFFSET_OUT_OF_RANGE))) => {
                    return Err(ReadError::OutOfRange(at.unsigned_abs()));
                }
                other => other?,
            };
            let (stable, size) = (fetched.last_stable_offset, fetched.batches.len());
            let committed = batches::committed(fetched, at).map_err(ReadError::Kafka)?;
            match committed.end {
                // A fetch may bring only aborted records, markers, or what compaction left.
                Some(end) if committed.records.is_empty() && at < end && end < stable => at = end,
                // Kafka never cuts the first batch off.
                None if size > 0 => return Err(ReadError::Kafka(RequestError::CUT_OFF)),
                Some(_) | None => return Ok(committed.records),
            }
        }
    }
}
