//! The publisher in front of the embedded Kafka, which waits while too much is unarchived.

use std::sync::Arc;

use shared::publish::{Failure, Outcome, ProducerRecord, Publish, Written};
use tokio::time::Instant;

use super::backlog::Backlog;
use crate::clock::now_ms;

/// The size limit of a record's key, value and headers, in bytes: Kafka's default. The embedded Kafka accepts more, but drops even a new
/// record if it exceeds the kept bytes together with the previous one.
const MAX_RECORD_BYTES: usize = 1_048_588;

/// The bytes counted on top of each record's own size: the header of a batch has 61.
const OVERHEAD_BYTES: usize = 100;

/// The bytes counted on top of each header's name and value, for their lengths.
const HEADER_OVERHEAD_BYTES: usize = 10;

/// The bytes published in one call.
const MAX_CHUNK_BYTES: usize = 512 * 1024;

/// A publisher with a limit on unarchived records, or without one if Kafka is a real cluster.
#[derive(Debug, Clone)]
pub(crate) struct BoundedPublisher<P> {
    inner: P,
    backlog: Option<Arc<Backlog>>,
}

impl<P> BoundedPublisher<P> {
    pub(crate) const fn new(inner: P, backlog: Option<Arc<Backlog>>) -> Self {
        Self { inner, backlog }
    }
}

impl<P: Publish> Publish for BoundedPublisher<P> {
    async fn publish(&self, records: Vec<ProducerRecord>, deadline: Instant) -> Vec<Outcome> {
        let Some(backlog) = &self.backlog else { return self.inner.publish(records, deadline).await };
        let mut outcomes = Vec::with_capacity(records.len());
        let now_ms = now_ms();
        let dated =
            |record: ProducerRecord| ProducerRecord { timestamp_ms: record.timestamp_ms.or(Some(now_ms)), ..record };
        let mut records = records.into_iter().map(dated).peekable();
        let size = |record: &ProducerRecord| {
            record.size_bytes() + OVERHEAD_BYTES + record.headers.len() * HEADER_OVERHEAD_BYTES
        };
        let fits = |record: &ProducerRecord| record.size_bytes() <= MAX_RECORD_BYTES;
        while let Some(first) = records.next() {
            if !fits(&first) {
                outcomes.push(Err(Failure::TooLarge));
                continue;
            }
            if !backlog.admit(&first.topic, size(&first), deadline).await {
                // Neither this record nor a later one is sent.
                outcomes.push(Err(Failure::Unconfirmed));
                outcomes.extend(records.map(|_| Err(Failure::Unconfirmed)));
                break;
            }
            let mut bytes = size(&first);
            let mut admitted = vec![(Arc::clone(&first.topic), bytes, first.timestamp_ms)];
            let mut chunk = vec![first];
            // Admitted records are sent before the next wait, because they may be what it waits for.
            while bytes < MAX_CHUNK_BYTES
                && let Some(record) =
                    records.next_if(|record| fits(record) && backlog.try_admit(&record.topic, size(record)))
            {
                bytes += size(&record);
                admitted.push((Arc::clone(&record.topic), size(&record), record.timestamp_ms));
                chunk.push(record);
            }
            let published = self.inner.publish(chunk, deadline).await;
            for ((topic, bytes, timestamp_ms), outcome) in admitted.into_iter().zip(published) {
                backlog.settle(&topic, bytes, &outcome);
                // The embedded Kafka stores the record's timestamp but acknowledges another.
                outcomes.push(outcome.map(|written| Written { timestamp_ms, ..written }));
            }
        }
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use bytes::Bytes;

    use super::*;
    use crate::backpressure::backlog::MAX_UNARCHIVED_BYTES;

    /// Acknowledges every record, at consecutive offsets.
    #[derive(Debug, Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<usize>>>);

    impl Publish for Recorder {
        async fn publish(&self, records: Vec<ProducerRecord>, _: Instant) -> Vec<Outcome> {
            let mut sizes = self.0.lock().unwrap();
            let write = |record: ProducerRecord| {
                sizes.push(record.size_bytes());
                Ok(Written { partition: 0, offset: i64::try_from(sizes.len()).unwrap() - 1, timestamp_ms: Some(1) })
            };
            records.into_iter().map(write).collect()
        }
    }

    fn records(count: usize, bytes: usize) -> Vec<ProducerRecord> {
        let value = Some(Bytes::from(vec![b'x'; bytes]));
        vec![ProducerRecord { topic: "t".into(), value, ..ProducerRecord::default() }; count]
    }

    #[tokio::test(start_paused = true)]
    async fn unarchived_records_stay_below_the_limit_and_archiving_frees_it() {
        let (recorder, backlog) = (Recorder::default(), Arc::new(Backlog::new(["t".to_owned()])));
        let bounded = BoundedPublisher::new(recorder.clone(), Some(Arc::clone(&backlog)));
        let soon = || Instant::now() + Duration::from_secs(1);

        let outcomes = bounded.publish(records(40, 100_000), soon()).await;
        let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(written, MAX_UNARCHIVED_BYTES / (100_000 + OVERHEAD_BYTES));
        assert_eq!(recorder.0.lock().unwrap().len(), written);

        // Archiving 20 frees room for 20 more.
        backlog.mark_archived("t", 0, 20);
        let outcomes = bounded.publish(records(21, 100_000), soon()).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_publisher_continues_when_the_archive_catches_up() {
        let (recorder, backlog) = (Recorder::default(), Arc::new(Backlog::new(["t".to_owned()])));
        let bounded = BoundedPublisher::new(recorder.clone(), Some(Arc::clone(&backlog)));
        let archive = tokio::spawn({
            let (recorder, backlog) = (recorder.clone(), Arc::clone(&backlog));
            async move {
                loop {
                    backlog.publisher_waits().await;
                    let next = i64::try_from(recorder.0.lock().unwrap().len()).unwrap();
                    backlog.mark_archived("t", 0, next);
                }
            }
        });
        let outcomes = bounded.publish(records(200, 100_000), Instant::now() + Duration::from_secs(1)).await;
        assert!(outcomes.iter().all(Result::is_ok));
        archive.abort();
    }

    #[tokio::test]
    async fn a_record_without_a_timestamp_gets_the_time_of_sending() {
        let bounded = BoundedPublisher::new(Recorder::default(), Some(Arc::new(Backlog::new(["t".to_owned()]))));
        let records = records(2, 1).into_iter().zip([Some(7), None]);
        let records = records.map(|(record, timestamp_ms)| ProducerRecord { timestamp_ms, ..record }).collect();
        let begun = now_ms();
        let outcomes = bounded.publish(records, Instant::now() + Duration::from_secs(1)).await;
        let times: Vec<_> = outcomes.into_iter().map(|outcome| outcome.unwrap().timestamp_ms.unwrap()).collect();
        assert_eq!(times[0], 7);
        assert!((begun..=now_ms()).contains(&times[1]), "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_above_kafkas_default_limit_is_rejected_and_its_neighbours_are_written() {
        let recorder = Recorder::default();
        let bounded = BoundedPublisher::new(recorder.clone(), Some(Arc::new(Backlog::new(["t".to_owned()]))));
        let sizes = [1, MAX_RECORD_BYTES + 1, MAX_RECORD_BYTES, MAX_RECORD_BYTES + 1, 1];
        let records = sizes.into_iter().flat_map(|size| records(1, size)).collect();
        let outcomes = bounded.publish(records, Instant::now() + Duration::from_secs(1)).await;
        let written: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
        assert_eq!(written, [true, false, true, false, true]);
        assert_eq!(outcomes[1], Err(Failure::TooLarge));
        assert_eq!(*recorder.0.lock().unwrap(), [1, MAX_RECORD_BYTES, 1]);
    }
}
