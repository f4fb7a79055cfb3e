//! Collects the delivery reports of one request's records. librdkafka sends one per record; the request is woken once,
//! by the last one.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use event_queue::may_be_written;
use rdkafka::{error::KafkaError, message::Message, producer::DeliveryResult};
use tokio::sync::Notify;

use crate::publish::{UNKNOWN_OFFSET, Written};

/// librdkafka's report of one record: acknowledged, or failed.
pub(super) type DeliveryReport = Result<Written, Undelivered>;

/// A record that librdkafka reported as failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Undelivered {
    /// The answer to the last attempt.
    pub(super) error: KafkaError,
    /// Set if an earlier attempt may have written it.
    pub(super) may_be_written: bool,
}

/// The delivery reports of one request, in the order of its records.
#[derive(Debug)]
pub(super) struct Deliveries {
    reports: Mutex<Vec<Option<DeliveryReport>>>,
    outstanding: AtomicUsize,
    all_reported: Notify,
}

/// A record whose report is outstanding. It must be completed exactly once.
#[derive(Debug)]
pub(super) struct Pending {
    deliveries: Arc<Deliveries>,
    index: usize,
}

impl Deliveries {
    /// Creates a tracker for `records` unacknowledged records.
    pub(super) fn new(records: usize) -> Arc<Self> {
        let reports = Mutex::new(std::iter::repeat_with(|| None).take(records).collect());
        Arc::new(Self { reports, outstanding: AtomicUsize::new(records), all_reported: Notify::new() })
    }

    /// The request's record at `index`.
    pub(super) fn pending(self: &Arc<Self>, index: usize) -> Pending {
        Pending { deliveries: Arc::clone(self), index }
    }

    /// Waits until every record has its report.
    ///
    /// # Cancellation
    /// Loses nothing.
    pub(super) async fn all_reported(&self) {
        while self.outstanding.load(Ordering::Acquire) > 0 {
            self.all_reported.notified().await;
        }
    }

    /// Takes the reports received so far.
    pub(super) fn take(&self) -> Vec<Option<DeliveryReport>> {
        std::mem::take(&mut *self.reports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Converts librdkafka's report.
pub(super) fn report(result: &DeliveryResult<'_>) -> DeliveryReport {
    match result {
        Ok(message) => Ok(Written {
            partition: message.partition(),
            // librdkafka has a negative number of its own for an unknown offset.
            offset: message.offset().max(UNKNOWN_OFFSET),
            timestamp_ms: message.timestamp().to_millis(),
        }),
        Err((error, message)) => Err(Undelivered { error: error.clone(), may_be_written: may_be_written(message) }),
    }
}

impl Pending {
    /// Completes a record that was never queued.
    pub(super) fn rejected(self, error: KafkaError) {
        self.complete(Err(Undelivered { error, may_be_written: false }));
    }

    /// Completes the record with its report.
    pub(super) fn complete(self, report: DeliveryReport) {
        let Deliveries { reports, outstanding, all_reported } = &*self.deliveries;
        // The reports are gone once the deadline has taken them.
        if let Some(entry) = reports.lock().unwrap_or_else(PoisonError::into_inner).get_mut(self.index) {
            *entry = Some(report);
        }
        if outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            // The permit is kept for a request that does not wait yet.
            all_reported.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::error::RDKafkaErrorCode;
    use tokio::time::timeout;

    use super::*;

    const REJECTED: KafkaError = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);

    const UNDELIVERED: DeliveryReport = Err(Undelivered { error: REJECTED, may_be_written: false });

    const WRITTEN: DeliveryReport = Ok(Written { partition: 0, offset: 7, timestamp_ms: None });

    async fn is_complete(deliveries: &Deliveries) -> bool {
        timeout(Duration::from_millis(10), deliveries.all_reported()).await.is_ok()
    }

    #[tokio::test]
    async fn a_request_that_waits_after_the_last_report_returns_at_once() {
        let deliveries = Deliveries::new(2);
        deliveries.pending(1).complete(WRITTEN);
        deliveries.pending(0).rejected(REJECTED);
        assert!(is_complete(&deliveries).await);
        assert_eq!(deliveries.take(), [Some(UNDELIVERED), Some(WRITTEN)]);
    }

    #[tokio::test]
    async fn a_waiting_request_is_woken_by_the_last_report_and_by_none_before() {
        let deliveries = Deliveries::new(2);
        let waiting = tokio::spawn({
            let deliveries = Arc::clone(&deliveries);
            async move { deliveries.all_reported().await }
        });
        deliveries.pending(0).complete(WRITTEN);
        assert!(!is_complete(&deliveries).await);
        deliveries.pending(1).complete(WRITTEN);
        timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn late_delivery_reports_are_ignored() {
        let deliveries = Deliveries::new(1);
        assert_eq!(deliveries.take(), [None]);
        deliveries.pending(0).complete(WRITTEN);
        assert_eq!(deliveries.take(), []);
    }
}
