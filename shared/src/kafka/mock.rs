//! Creates topics on librdkafka's mock cluster.

use std::{
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use rdkafka::{ClientContext, error::KafkaError, mocking::MockCluster};

/// The interval of the connections that wake the brokers' thread while topics are created.
const WAKE_INTERVAL: Duration = Duration::from_millis(1);

/// Creates topics, each with its number of partitions.
///
/// librdkafka 2.12.1 serves the queued operations first and then drains the signals that announced them. An operation that
/// arrives in between loses its signal and waits until the thread polls again, after a second: about one topic in ten when
/// they are created in sequence. Connections to a broker keep the thread awake meanwhile.
///
/// # Errors
/// When a topic exists already, or its name is not legal.
pub fn create_topics<'a, C: ClientContext>(
    cluster: &MockCluster<'_, C>,
    topics: impl IntoIterator<Item = (&'a str, i32)>,
    replicas: i32,
) -> Result<(), KafkaError> {
    let servers = cluster.bootstrap_servers();
    let first = servers.split(',').next().unwrap_or_default();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // The connection itself is the signal. Nothing is sent on it.
                drop(TcpStream::connect(first));
                thread::sleep(WAKE_INTERVAL);
            }
        });
        let created =
            topics.into_iter().try_for_each(|(name, partitions)| cluster.create_topic(name, partitions, replicas));
        done.store(true, Ordering::Relaxed);
        created
    })
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn three_hundred_topics_are_created_within_seconds() {
        let cluster = MockCluster::new(3).unwrap();
        let topics: Vec<_> = (0..300).map(|topic| format!("t{topic}.pin")).collect();
        let start = Instant::now();
        create_topics(&cluster, topics.iter().map(|topic| (topic.as_str(), 1)), 3).unwrap();
        // A second for one topic in ten would add up to half a minute.
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}
