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

/// A record's place among them.
#[derive(Debug)]
pub(super) struct Place {
    deliveries: Arc<Deliveries>,
    at: usize,
}

impl Deliveries {
    /// Of so many records, none of which is told of.
    pub(super) fn of(records: usize) -> Arc<Self> {
        let told = Mutex::new(std::iter::repeat_with(|| None).take(records).collect());
        Arc::new(Self { told, untold: AtomicUsize::new(records), all_told: Notify::new() })
    }

    /// That of one record.
    pub(super) fn place(self: &Arc<Self>, at: usize) -> Place {
        Place { deliveries: Arc::clone(self), at }
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

impl Place {
    /// Takes what librdkafka says of the record.
    pub(super) fn delivered(&self, result: &DeliveryResult<'_>) {
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
    pub(super) fn refused(&self, error: KafkaError) {
        self.settle(Err(error));
    }

    fn settle(&self, delivery: Delivery) {
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
