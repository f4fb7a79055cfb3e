//! Reading records back. Each read has a consumer of its own: reads share no state, and nothing stays open in an environment that
//! is frozen.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers, Message},
};
use tokio::{
    task,
    time::{Instant, timeout},
};

use super::{Producer, broker_health::BrokerHealth, config, context::Context, describe::rejection};
use crate::{
    cluster::Security,
    metadata::DescribeError,
    publish::{Header, Unreachable},
    read_back::{ReadBack, ReadBackError, ReadLimits, ReadRecords, Selection, Start, StoredRecord},
};

/// The time for which a poll blocks its thread: how soon an abandoned read ends.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// The time that a read waits for one of the others to end. A read may wait ten seconds for records.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);

/// The time for which one request for a partition's bounds blocks its thread.
const BOUNDS_TIMEOUT: Duration = Duration::from_secs(1);

impl ConsumerContext for Context {}

impl ReadBack for Producer {
    async fn read_back(
        &self,
        topic: &str,
        selection: Selection,
        limits: ReadLimits,
        within: Duration,
    ) -> Result<ReadRecords, ReadBackError> {
        let start = Instant::now();
        let health = Arc::<BrokerHealth>::default();
        let no_response = || ReadBackError::from(DescribeError::from(health.no_response(within)));
        let give_up_at = start + within + limits.wait;
        let read = async {
            let permit = timeout(QUEUE_TIMEOUT, Arc::clone(&self.0.readers).acquire_owned()).await;
            let Ok(Ok(permit)) = permit else { return Err(ReadBackError::Busy) };
            let reader = Reader {
                consumer: self.consumer(&health).map_err(|_| no_response())?,
                topic: topic.to_owned(),
                limits,
                wait_until: start + limits.wait,
                give_up_at,
                abandoned: Arc::default(),
            };
            let abandoned = SetOnDrop(Arc::clone(&reader.abandoned));
            let (sender, result) = tokio::sync::oneshot::channel();
            // Closing a consumer takes time, so the result is sent before.
            task::spawn_blocking(move || {
                drop(sender.send(reader.read(selection)));
                drop((reader, permit));
            });
            let result = result.await.unwrap_or(Ok(None));
            drop(abandoned);
            result?.ok_or_else(no_response)
        };
        tokio::select! {
            result = read => result,
            () = health.wait_until_denied(start) => Err(DescribeError::from(Unreachable::AuthenticationFailed).into()),
            () = tokio::time::sleep_until(give_up_at) => Err(no_response()),
        }
    }
}

impl Producer {
    /// Creates a consumer, which connects in the background and reports its faults to `health`.
    fn consumer(&self, health: &Arc<BrokerHealth>) -> Result<BaseConsumer<Context>, KafkaError> {
        let signer = match &self.0.cluster.security {
            Security::Plaintext => None,
            Security::Iam { signer, .. } => Some(signer.clone()),
        };
        let context = Context::new(signer, Arc::clone(health), Arc::default());
        config::consumer_config(&self.0.cluster).create_with_context(context)
    }
}

/// A flag that is set when nobody waits for the result any more.
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A consumer of one topic, on a thread of its own.
struct Reader {
    consumer: BaseConsumer<Context>,
    topic: String,
    limits: ReadLimits,
    /// The end of the wait for a first record.
    wait_until: Instant,
    give_up_at: Instant,
    abandoned: Arc<AtomicBool>,
}

/// The offsets of a partition that exist: `first` to `end` - 1.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    first: i64,
    end: i64,
}

impl Reader {
    /// Reads the selection. `None` if Kafka did not respond in time.
    fn read(&self, selection: Selection) -> Result<Option<ReadRecords>, ReadBackError> {
        match selection {
            Selection::From { partition, start } => self.read_from(partition, start),
            Selection::Newest { partitions } => self.read_newest(&partitions),
        }
    }

    fn read_from(&self, partition: i32, start: Start) -> Result<Option<ReadRecords>, ReadBackError> {
        let Some(bounds) = self.bounds(partition)? else { return Ok(None) };
        let first = bounds.offset_of(start)?;
        self.assign(&BTreeMap::from([(partition, first)]))?;
        let mut read = ReadRecords { records: Vec::new(), next_offset: Some(first) };
        let (mut bytes, mut at_end) = (0, false);
        while read.records.len() < self.limits.records && bytes < self.limits.bytes {
            match self.next()? {
                Next::Record(record) => {
                    bytes += record.size_bytes();
                    read.next_offset = Some(record.offset + 1);
                    read.records.push(record);
                    // The end that was known at the beginning: a topic that is written to has no end to wait for.
                    if read.next_offset >= Some(bounds.end) {
                        break;
                    }
                }
                Next::End(_) => at_end = true,
                Next::Removed if !read.records.is_empty() => break,
                Next::Removed => {
                    let Some(Bounds { first: earliest, end }) = self.bounds(partition)? else { return Ok(None) };
                    return Err(ReadBackError::OutOfRange { offset: first, first: earliest, end });
                }
                Next::Nothing => {}
            }
            if self.is_over() {
                return Ok((!read.records.is_empty()).then_some(read));
            }
            // The end is reported once, so a wait may go on after it.
            if at_end && (!read.records.is_empty() || Instant::now() >= self.wait_until) {
                break;
            }
        }
        Ok(Some(read))
    }

    fn read_newest(&self, partitions: &[i32]) -> Result<Option<ReadRecords>, ReadBackError> {
        // The partitions that are still read, with the ends that were known at the beginning.
        let (mut starts, mut open) = (BTreeMap::new(), BTreeMap::new());
        let count = i64::try_from(self.limits.records).unwrap_or(i64::MAX);
        for partition in partitions {
            let Some(bounds) = self.bounds(*partition)? else { return Ok(None) };
            if bounds.first < bounds.end {
                starts.insert(*partition, bounds.offset_of(Start::FromEnd(count))?);
                open.insert(*partition, bounds.end);
            }
        }
        self.assign(&starts)?;
        let mut newest = Newest::default();
        while !open.is_empty() {
            if self.is_over() {
                return Ok(None);
            }
            match self.next()? {
                Next::Record(record) => {
                    if open.get(&record.partition).is_some_and(|end| record.offset + 1 >= *end) {
                        open.remove(&record.partition);
                    }
                    newest.add(record, self.limits);
                }
                Next::End(partition) => _ = open.remove(&partition),
                Next::Removed => return Ok(None),
                Next::Nothing => {}
            }
        }
        Ok(Some(ReadRecords { records: newest.into_records(), next_offset: None }))
    }

    /// The bounds of a partition. `None` if Kafka did not respond in time.
    fn bounds(&self, partition: i32) -> Result<Option<Bounds>, ReadBackError> {
        while !self.is_over() {
            // Serves the callbacks, one of which signs the token.
            drop(self.consumer.poll(Duration::ZERO));
            match self.consumer.fetch_watermarks(&self.topic, partition, BOUNDS_TIMEOUT) {
                Ok((first, end)) => return Ok(Some(Bounds { first, end })),
                Err(error) => {
                    if let Some(rejection) = rejection(&error, Some(&self.topic)) {
                        return Err(rejection.into());
                    }
                }
            }
        }
        Ok(None)
    }

    fn assign(&self, starts: &BTreeMap<i32, i64>) -> Result<(), ReadBackError> {
        let mut list = TopicPartitionList::new();
        let unusable = |error: KafkaError| {
            tracing::error!(%error, "a partition cannot be read");
            ReadBackError::from(DescribeError::from(Unreachable::NoResponse { within: Duration::ZERO, source: None }))
        };
        for (partition, offset) in starts {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(*offset)).map_err(unusable)?;
        }
        self.consumer.assign(&list).map_err(unusable)
    }

    /// Polls once.
    fn next(&self) -> Result<Next, ReadBackError> {
        match self.consumer.poll(POLL_TIMEOUT) {
            Some(Ok(message)) => Ok(Next::Record(stored(&message))),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Next::End(partition)),
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) => {
                Ok(Next::Removed)
            }
            // Other errors are transient, or about a group: there is none, although librdkafka looks for its coordinator.
            Some(Err(error)) => {
                rejection(&error, Some(&self.topic)).map_or(Ok(Next::Nothing), |error| Err(error.into()))
            }
            None => Ok(Next::Nothing),
        }
    }

    fn is_over(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) || Instant::now() >= self.give_up_at
    }
}

/// The outcome of a poll.
enum Next {
    Record(StoredRecord),
    /// The end of this partition.
    End(i32),
    /// Retention removed the next record of a partition.
    Removed,
    Nothing,
}

impl Bounds {
    fn offset_of(self, start: Start) -> Result<i64, ReadBackError> {
        let Self { first, end } = self;
        match start {
            Start::Earliest => Ok(first),
            Start::Latest => Ok(end),
            Start::FromEnd(count) => Ok(end.saturating_sub(count).max(first)),
            Start::Offset(offset) if (first..=end).contains(&offset) => Ok(offset),
            Start::Offset(offset) => Err(ReadBackError::OutOfRange { offset, first, end }),
        }
    }
}

/// The newest records so far.
#[derive(Default)]
struct Newest {
    /// By timestamp, partition and offset.
    records: BTreeMap<(Option<i64>, i32, i64), StoredRecord>,
    bytes: usize,
}

impl Newest {
    /// Adds a record, and drops the oldest ones beyond the limits.
    fn add(&mut self, record: StoredRecord, limits: ReadLimits) {
        self.bytes += record.size_bytes();
        self.records.insert((record.timestamp_ms, record.partition, record.offset), record);
        while self.records.len() > limits.records || (self.bytes > limits.bytes && self.records.len() > 1) {
            let Some((_, oldest)) = self.records.pop_first() else { return };
            self.bytes -= oldest.size_bytes();
        }
    }

    fn into_records(self) -> Vec<StoredRecord> {
        self.records.into_values().collect()
    }
}

fn stored(message: &BorrowedMessage<'_>) -> StoredRecord {
    let bytes = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
    StoredRecord {
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis(),
        key: bytes(message.key()),
        value: bytes(message.payload()),
        headers: headers(message),
    }
}

/// The headers; none if a name is not UTF-8, at which rdkafka 0.39 panics.
fn headers(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let read = || {
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        headers
            .map(|header| Header { name: header.key.to_owned(), value: header.value.map(Bytes::copy_from_slice) })
            .collect()
    };
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        tracing::warn!(
            topic = message.topic(),
            offset = message.offset(),
            "a header's name is not UTF-8: no header is returned"
        );
        Vec::new()
    })
}
