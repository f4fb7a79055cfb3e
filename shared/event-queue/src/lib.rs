//! The events of a librdkafka producer, served by a task of the runtime.
//!
//! librdkafka puts delivery reports, errors and token requests into a queue. `rdkafka`'s own producers poll it, on a thread or in
//! a loop. This one has librdkafka write a byte to a socket when the queue fills, and a task that waits for the socket serves
//! the queue: a report costs no thread and no additional wake-up.

use std::{
    fmt, io,
    os::{fd::AsRawFd, unix::net::UnixStream},
    ptr::NonNull,
    sync::{Arc, Weak},
    time::Duration,
};

use rdkafka::{
    bindings::{
        rd_kafka_message_status, rd_kafka_msg_status_t, rd_kafka_queue_destroy, rd_kafka_queue_get_main,
        rd_kafka_queue_io_event_enable, rd_kafka_queue_length, rd_kafka_queue_t,
    },
    message::BorrowedMessage,
    producer::{BaseProducer, Producer, ProducerContext},
};
use tokio::io::AsyncReadExt;

/// The byte that librdkafka writes.
const WAKE: [u8; 1] = [1];

/// A producer whose context's callbacks run on the runtime.
pub struct EventProducer<C: ProducerContext + 'static> {
    /// Before the producer, because fields drop in this order.
    queue: EventQueue,
    producer: BaseProducer<C>,
}

/// The main queue of a producer, and the end of the socket that librdkafka writes to.
struct EventQueue {
    queue: NonNull<rd_kafka_queue_t>,
    /// Open for as long as librdkafka may write to it.
    _writer: UnixStream,
}

// SAFETY: librdkafka's queue functions lock the queue, and may be called on any thread.
#[expect(unsafe_code, reason = "the safety comment")]
unsafe impl Send for EventQueue {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "the safety comment")]
unsafe impl Sync for EventQueue {}

impl<C: ProducerContext + 'static> fmt::Debug for EventProducer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventProducer").finish_non_exhaustive()
    }
}

impl<C: ProducerContext + 'static> EventProducer<C> {
    /// Takes over a producer and serves its events, in a task that ends with the last reference to the result.
    ///
    /// # Errors
    /// When no socket can be created.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O.
    pub fn spawn(producer: BaseProducer<C>) -> io::Result<Arc<Self>> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let reader = tokio::net::UnixStream::from_std(reader)?;
        let queue = EventQueue::new(&producer, writer)?;
        let producer = Arc::new(Self { queue, producer });
        tokio::spawn(serve(reader, Arc::downgrade(&producer)));
        Ok(producer)
    }

    /// Returns the producer.
    #[must_use]
    pub const fn producer(&self) -> &BaseProducer<C> {
        &self.producer
    }

    /// Runs the callbacks of all queued events.
    fn serve(&self) {
        while self.queue.len() > 0 {
            // Serves one event, which may have many reports.
            self.producer.poll(Duration::ZERO);
        }
    }
}

/// Returns whether a record may be in its topic, though it was reported as failed: a request that held it was sent, and got
/// no answer or one that leaves this open. `report` is the record of a delivery report.
///
/// `rdkafka` has no such function, and no other crate may have unsafe code.
#[must_use]
pub fn may_be_written(report: &BorrowedMessage<'_>) -> bool {
    // SAFETY: the message is alive. librdkafka gives each record of a delivery report a status.
    #[expect(unsafe_code, reason = "the safety comment")]
    let status = unsafe { rd_kafka_message_status(report.ptr()) };
    status != rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED
}

/// Serves a producer's events until it is dropped, which closes the socket.
async fn serve<C: ProducerContext + 'static>(mut reader: tokio::net::UnixStream, producer: Weak<EventProducer<C>>) {
    // Room for more than librdkafka writes between two reads: a short read needs no second one.
    let mut wakes = [0; 64];
    loop {
        // Served before the first wait too: librdkafka is silent about a queue that was not empty when it was asked to write.
        let Some(producer) = producer.upgrade() else { return };
        producer.serve();
        drop(producer);
        if !matches!(reader.read(&mut wakes).await, Ok(1..)) {
            return;
        }
    }
}

impl EventQueue {
    fn new<C: ProducerContext>(producer: &BaseProducer<C>, writer: UnixStream) -> io::Result<Self> {
        // SAFETY: the client is alive. The result is a new reference to its queue, which `drop` releases.
        #[expect(unsafe_code, reason = "the safety comment")]
        let queue = unsafe { rd_kafka_queue_get_main(producer.client().native_ptr()) };
        let queue = NonNull::new(queue).ok_or_else(|| io::Error::other("librdkafka has no queue"))?;
        // SAFETY: the queue is alive, librdkafka copies the payload, and the descriptor stays open until `drop` disables it.
        #[expect(unsafe_code, reason = "the safety comment")]
        unsafe {
            rd_kafka_queue_io_event_enable(queue.as_ptr(), writer.as_raw_fd(), WAKE.as_ptr().cast(), WAKE.len());
        }
        Ok(Self { queue, _writer: writer })
    }

    fn len(&self) -> usize {
        // SAFETY: the queue is alive until `drop`.
        #[expect(unsafe_code, reason = "the safety comment")]
        unsafe {
            rd_kafka_queue_length(self.queue.as_ptr())
        }
    }
}

impl Drop for EventQueue {
    fn drop(&mut self) {
        // SAFETY: the queue is alive, and so is its client, which `EventProducer` drops later. Once the descriptor is disabled,
        // under the queue's lock, librdkafka writes no more, and the socket may be closed.
        #[expect(unsafe_code, reason = "the safety comment")]
        unsafe {
            rd_kafka_queue_io_event_enable(self.queue.as_ptr(), -1, std::ptr::null(), 0);
            rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}
