//! What stands before the embedded Kafka: it lets no more through than is kept there until it is archived.

use std::sync::Arc;

use shared::publish::{Failure, Outcome, ProducerRecord, Publish, Written};
use tokio::time::Instant;

use super::backlog::Backlog;
use crate::clock::now_ms;

/// The largest record, key and value, in bytes: Kafka's own default. The embedded one admits more, and then drops even a new
/// record when it and the one before it pass what is kept.
const MAX_RECORD_BYTES: usize = 1_048_588;

/// Counted on top of each record's key and value: a batch of its own has a header of 61 bytes.
const OVERHEAD_BYTES: usize = 100;

/// Counted on top of each header's name and value: the lengths of both.
const HEADER_OVERHEAD_BYTES: usize = 10;

/// How much is admitted at once.
const MAX_CHUNK_BYTES: usize = 512 * 1024;

/// A publisher that lets no more through than the embedded Kafka can keep, or anything where Kafka is a real one.
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
                // Neither this one nor what follows is sent.
                outcomes.push(Err(Failure::Unconfirmed));
                outcomes.extend(records.map(|_| Err(Failure::Unconfirmed)));
                break;
            }
            let mut bytes = size(&first);
            let mut admitted = vec![(Arc::clone(&first.topic), bytes, first.timestamp_ms)];
            let mut chunk = vec![first];
            // What is admitted is sent before anything waits for room again: it may be what takes the room.
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
                // The embedded Kafka keeps the time that a record was given, and tells another.
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

    /// Writes everything, one offset after the other.
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
    async fn what_is_not_archived_never_passes_the_bound_and_archiving_makes_room() {
        let (recorder, backlog) = (Recorder::default(), Arc::new(Backlog::new(["t".to_owned()])));
        let bounded = BoundedPublisher::new(recorder.clone(), Some(Arc::clone(&backlog)));
        let soon = || Instant::now() + Duration::from_secs(1);

        let outcomes = bounded.publish(records(40, 100_000), soon()).await;
        let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(written, MAX_UNARCHIVED_BYTES / (100_000 + OVERHEAD_BYTES));
        assert_eq!(recorder.0.lock().unwrap().len(), written);

        // 20 of them archived leave room for 20 more.
        backlog.archived("t", 0, 20);
        let outcomes = bounded.publish(records(21, 100_000), soon()).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_waits_goes_on_when_the_archive_catches_up() {
        let (recorder, backlog) = (Recorder::default(), Arc::new(Backlog::new(["t".to_owned()])));
        let bounded = BoundedPublisher::new(recorder.clone(), Some(Arc::clone(&backlog)));
        let archive = tokio::spawn({
            let (recorder, backlog) = (recorder.clone(), Arc::clone(&backlog));
            async move {
                loop {
                    backlog.wanted().await;
                    let next = i64::try_from(recorder.0.lock().unwrap().len()).unwrap();
                    backlog.archived("t", 0, next);
                }
            }
        });
        let outcomes = bounded.publish(records(200, 100_000), Instant::now() + Duration::from_secs(1)).await;
        assert!(outcomes.iter().all(Result::is_ok));
        archive.abort();
    }

    #[tokio::test]
    async fn the_time_of_a_record_is_its_own_or_when_it_was_sent() {
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
    async fn a_record_larger_than_kafkas_default_is_refused_and_its_neighbours_are_written() {
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
