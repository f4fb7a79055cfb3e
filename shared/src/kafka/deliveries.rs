//! What becomes of the records of one request, as librdkafka tells it: a record at a time, on a thread of its own. Whoever
//! waits is woken once.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use rdkafka::{error::KafkaError, message::Message, producer::DeliveryResult};
use tokio::sync::Notify;

use crate::publish::Written;

/// What librdkafka says of a record.
pub(super) type Delivery = Result<Written, KafkaError>;

/// The records of one request, in its order.
#[derive(Debug)]
pub(super) struct Deliveries {
    told: Mutex<Vec<Option<Delivery>>>,
    untold: AtomicUsize,
    all_told: Notify,
}

/// A record that is not told of yet. It has to be told of once.
#[derive(Debug)]
pub(super) struct Pending {
    deliveries: Arc<Deliveries>,
    at: usize,
}

impl Deliveries {
    /// Of so many records, none of which is told of.
    pub(super) fn of(records: usize) -> Arc<Self> {
        let told = Mutex::new(std::iter::repeat_with(|| None).take(records).collect());
        Arc::new(Self { told, untold: AtomicUsize::new(records), all_told: Notify::new() })
    }

    /// The record at a place in the request.
    pub(super) fn pending(self: &Arc<Self>, at: usize) -> Pending {
        Pending { deliveries: Arc::clone(self), at }
    }

    /// Waits until each is told of.
    ///
    /// # Cancellation
    /// Loses nothing.
    pub(super) async fn all_told(&self) {
        while self.untold.load(Ordering::Acquire) > 0 {
            self.all_told.notified().await;
        }
    }

    /// What was told so far.
    pub(super) fn take(&self) -> Vec<Option<Delivery>> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Pending {
    /// Takes what librdkafka says of the record.
    pub(super) fn delivered(self, result: &DeliveryResult<'_>) {
        self.settle(match result {
            Ok(message) => Ok(Written {
                partition: message.partition(),
                offset: message.offset(),
                timestamp_ms: message.timestamp().to_millis(),
            }),
            Err((error, _)) => Err(error.clone()),
        });
    }

    /// It is not sent.
    pub(super) fn refused(self, error: KafkaError) {
        self.settle(Err(error));
    }

    fn settle(self, delivery: Delivery) {
        let Deliveries { told, untold, all_told } = &*self.deliveries;
        // Nobody waits for what comes after the deadline.
        if let Some(place) = told.lock().unwrap_or_else(PoisonError::into_inner).get_mut(self.at) {
            *place = Some(delivery);
        }
        if untold.fetch_sub(1, Ordering::AcqRel) == 1 {
            // It is kept for one who has not yet begun to wait.
            all_told.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::error::RDKafkaErrorCode;
    use tokio::time::timeout;

    use super::*;

    const REFUSED: KafkaError = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);

    const WRITTEN: Delivery = Ok(Written { partition: 0, offset: 7, timestamp_ms: None });

    async fn is_told(deliveries: &Deliveries) -> bool {
        timeout(Duration::from_millis(10), deliveries.all_told()).await.is_ok()
    }

    #[tokio::test]
    async fn who_begins_to_wait_after_the_last_one_is_told_of_does_not_wait() {
        let deliveries = Deliveries::of(2);
        deliveries.pending(1).settle(WRITTEN);
        deliveries.pending(0).refused(REFUSED);
        assert!(is_told(&deliveries).await);
        assert_eq!(deliveries.take(), [Some(Err(REFUSED)), Some(WRITTEN)]);
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_last_one_and_by_none_before() {
        let deliveries = Deliveries::of(2);
        let waiting = tokio::spawn({
            let deliveries = Arc::clone(&deliveries);
            async move { deliveries.all_told().await }
        });
        deliveries.pending(0).settle(WRITTEN);
        assert!(!is_told(&deliveries).await);
        deliveries.pending(1).settle(WRITTEN);
        timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_is_told_of_after_the_deadline_falls_on_deaf_ears() {
        let deliveries = Deliveries::of(1);
        assert_eq!(deliveries.take(), [None]);
        deliveries.pending(0).settle(WRITTEN);
        assert_eq!(deliveries.take(), []);
    }
}
