//! The five requests of Kafka's protocol that reading needs: <https://kafka.apache.org/protocol>.
//!
//! Their versions are the oldest that serve the purpose: all brokers from 2.1 on have them, and librdkafka's mock cluster.
//! Fetch 10 is the first in which a broker sends every topic that is compressed with zstd.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::error::RequestError;
use crate::layout::TopicPartition;

/// An API key and a version.
#[derive(Debug, Clone, Copy)]
struct Api {
    key: i16,
    version: i16,
}

const FETCH: Api = Api { key: 1, version: 10 };
const LIST_OFFSETS: Api = Api { key: 2, version: 2 };
const METADATA: Api = Api { key: 3, version: 4 };
const SASL_HANDSHAKE: Api = Api { key: 17, version: 1 };
const SASL_AUTHENTICATE: Api = Api { key: 36, version: 1 };

/// Brokers show it in their logs and quotas.
const CLIENT_ID: &str = "archive";

/// The mechanism of MSK's IAM authentication.
const MECHANISM: &str = "OAUTHBEARER";

/// Identifies a consumer, not a replica.
const NO_REPLICA: i32 = -1;

/// Hides records of open transactions, and has aborted ones listed.
const READ_COMMITTED: i8 = 1;

/// The `timestamp` that stands for the first offset.
const EARLIEST: i64 = -2;

/// The `timestamp` that stands for the next offset: that of the first open transaction, or of the next record.
const LATEST: i64 = -1;

/// A request, without its header.
#[derive(Debug)]
pub(super) struct Request {
    api: Api,
    body: BytesMut,
}

/// One end of a partition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edge {
    /// The first offset that the partition still holds.
    Earliest,
    /// The offset after the last one that a consumer of committed records may read.
    Latest,
}

/// The limits of a fetch.
#[derive(Debug, Clone, Copy)]
pub(super) struct FetchLimits {
    pub(super) max_wait_ms: i32,
    /// The maximum size of the batches, unless the first one is larger.
    pub(super) max_bytes: i32,
}

impl Request {
    fn new(api: Api) -> Self {
        Self { api, body: BytesMut::new() }
    }

    pub(super) fn sasl_handshake() -> Self {
        Self::new(SASL_HANDSHAKE).text(MECHANISM)
    }

    /// The client's only message of the mechanism: <https://www.rfc-editor.org/rfc/rfc7628#section-3.1>.
    pub(super) fn sasl_authenticate(token: &str) -> Self {
        let message = format!("n,,\x01auth=Bearer {token}\x01\x01");
        let mut request = Self::new(SASL_AUTHENTICATE);
        request.body.put_i32(length(message.len()));
        request.body.put_slice(message.as_bytes());
        request
    }

    /// Asks for all topics that may be described.
    pub(super) fn metadata() -> Self {
        let mut request = Self::new(METADATA);
        request.body.put_i32(-1);
        // Creates no topic.
        request.body.put_i8(0);
        request
    }

    pub(super) fn list_offsets(partition: &TopicPartition, edge: Edge) -> Self {
        let mut request = Self::new(LIST_OFFSETS);
        request.body.put_i32(NO_REPLICA);
        request.body.put_i8(READ_COMMITTED);
        let mut request = request.partition(partition);
        request.body.put_i64(match edge {
            Edge::Earliest => EARLIEST,
            Edge::Latest => LATEST,
        });
        request
    }

    pub(super) fn fetch(partition: &TopicPartition, offset: i64, limits: FetchLimits) -> Self {
        let mut request = Self::new(FETCH);
        request.body.put_i32(NO_REPLICA);
        request.body.put_i32(limits.max_wait_ms);
        // The minimum of bytes to wait for.
        request.body.put_i32(1);
        request.body.put_i32(limits.max_bytes);
        request.body.put_i8(READ_COMMITTED);
        // No session: every fetch lists its partition.
        request.body.put_i32(0);
        request.body.put_i32(-1);
        let mut request = request.partition(partition);
        // The leader's epoch is not checked.
        request.body.put_i32(-1);
        request.body.put_i64(offset);
        // Only replicas know the log's start.
        request.body.put_i64(-1);
        request.body.put_i32(limits.max_bytes);
        // No partitions leave the session.
        request.body.put_i32(0);
        request
    }

    /// Begins a list of one topic with one partition.
    fn partition(mut self, TopicPartition { topic, partition }: &TopicPartition) -> Self {
        self.body.put_i32(1);
        self = self.text(topic);
        self.body.put_i32(1);
        self.body.put_i32(*partition);
        self
    }

    fn text(mut self, text: &str) -> Self {
        // Kafka's names have at most 249 bytes.
        self.body.put_i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
        self.body.put_slice(text.as_bytes());
        self
    }

    /// The whole frame.
    pub(super) fn frame(&self, correlation_id: i32) -> BytesMut {
        let mut header = Self::new(self.api);
        header.body.put_i16(self.api.key);
        header.body.put_i16(self.api.version);
        header.body.put_i32(correlation_id);
        let header = header.text(CLIENT_ID).body;
        let mut frame = BytesMut::with_capacity(4 + header.len() + self.body.len());
        frame.put_i32(length(header.len() + self.body.len()));
        frame.put_slice(&header);
        frame.put_slice(&self.body);
        frame
    }
}

/// Converts the length of a request, which has a few kilobytes at most.
fn length(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// A partition as a broker describes it.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) partition: TopicPartition,
    /// The leader's address, if there is a leader.
    pub(super) leader: Option<String>,
}

/// A part of a partition's log.
#[derive(Debug)]
pub(super) struct Fetched {
    /// The offset of the first open transaction, or of the next record.
    pub(super) last_stable_offset: i64,
    pub(super) aborted: Vec<Aborted>,
    /// Record batches, the last of which may be cut off.
    pub(super) batches: Bytes,
}

/// An aborted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Aborted {
    pub(super) producer_id: i64,
    pub(super) first_offset: i64,
}

/// A response, read field by field.
#[derive(Debug)]
pub(super) struct Response(Bytes);

type Read<T> = Result<T, RequestError>;

impl Response {
    /// Begins to read a frame without its size.
    pub(super) fn of_frame(frame: Bytes, correlation_id: i32) -> Read<Self> {
        let mut response = Self(frame);
        if response.i32()? == correlation_id { Ok(response) } else { Err(RequestError::Malformed("another request's")) }
    }

    pub(super) fn sasl_handshake(mut self) -> Read<()> {
        RequestError::check(self.i16()?)
    }

    /// Returns the reason if the authentication was rejected.
    pub(super) fn sasl_authenticate(mut self) -> Read<Result<(), String>> {
        let code = self.i16()?;
        let message = self.text()?;
        // A broker that rejects a token may send its reason as the mechanism's next message.
        let reason = self.bytes()?.unwrap_or_default();
        Ok(match (code, reason.is_empty()) {
            (0, true) => Ok(()),
            (0, false) => Err(String::from_utf8_lossy(&reason).into_owned()),
            _ => Err(message.unwrap_or_else(|| RequestError::Code(code).to_string())),
        })
    }

    pub(super) fn metadata(mut self) -> Read<Vec<Described>> {
        let _throttle_ms = self.i32()?;
        let brokers = self.list(|broker| {
            let id = broker.i32()?;
            let host = broker.name()?;
            let port = broker.i32()?;
            let _rack = broker.text()?;
            // An IPv6 address would run into its port.
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            Ok((id, format!("{host}:{port}")))
        })?;
        let _cluster_id = self.text()?;
        let _controller = self.i32()?;
        let address = |leader| brokers.iter().find(|(id, _)| *id == leader).map(|(_, address)| address.clone());
        let topics = self.list(|topic| {
            let _code = topic.i16()?;
            let name = topic.name()?;
            let is_internal = topic.i8()? != 0;
            let partitions = topic.list(|partition| {
                let _code = partition.i16()?;
                let number = partition.i32()?;
                let leader = address(partition.i32()?);
                let _replicas = partition.list(Self::i32)?;
                let _in_sync = partition.list(Self::i32)?;
                Ok(Described { partition: TopicPartition { topic: name.clone(), partition: number }, leader })
            })?;
            Ok(if is_internal { Vec::new() } else { partitions })
        })?;
        Ok(topics.into_iter().flatten().collect())
    }

    pub(super) fn list_offsets(mut self) -> Read<i64> {
        let _throttle_ms = self.i32()?;
        self.partition(|partition| {
            let code = partition.i16()?;
            let _timestamp = partition.i64()?;
            let offset = partition.i64()?;
            RequestError::check(code).map(|()| offset)
        })
    }

    pub(super) fn fetch(mut self) -> Read<Fetched> {
        let throttle_ms = self.i32()?;
        RequestError::check(self.i16()?)?;
        let _session = self.i32()?;
        // A throttled fetch is answered without any topic.
        if throttle_ms > 0 && self.0.starts_with(&[0; 4]) {
            return Err(RequestError::Throttled);
        }
        self.partition(|partition| {
            let code = partition.i16()?;
            let _high_watermark = partition.i64()?;
            let last_stable_offset = partition.i64()?;
            let _log_start = partition.i64()?;
            let aborted =
                partition.list(|aborted| Ok(Aborted { producer_id: aborted.i64()?, first_offset: aborted.i64()? }))?;
            let batches = partition.bytes()?.unwrap_or_default();
            RequestError::check(code).map(|()| Fetched { last_stable_offset, aborted, batches })
        })
    }

    /// Reads a list of topics with partitions, which has only the requested one.
    fn partition<T>(&mut self, read: impl Fn(&mut Self) -> Read<T>) -> Read<T> {
        let topics = self.list(|topic| {
            let _name = topic.name()?;
            topic.list(|partition| {
                let _number = partition.i32()?;
                read(partition)
            })
        })?;
        let mut partitions = topics.into_iter().flatten();
        match (partitions.next(), partitions.next()) {
            (Some(partition), None) => Ok(partition),
            _ => Err(RequestError::Malformed("not about one partition")),
        }
    }

    fn i8(&mut self) -> Read<i8> {
        self.0.try_get_i8().map_err(|_| RequestError::CUT_OFF)
    }

    fn i16(&mut self) -> Read<i16> {
        self.0.try_get_i16().map_err(|_| RequestError::CUT_OFF)
    }

    fn i32(&mut self) -> Read<i32> {
        self.0.try_get_i32().map_err(|_| RequestError::CUT_OFF)
    }

    fn i64(&mut self) -> Read<i64> {
        self.0.try_get_i64().map_err(|_| RequestError::CUT_OFF)
    }

    fn text(&mut self) -> Read<Option<String>> {
        let length = self.i16()?;
        let bytes = self.take(length.into())?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn name(&mut self) -> Read<String> {
        self.text()?.ok_or(RequestError::Malformed("without a name"))
    }

    fn bytes(&mut self) -> Read<Option<Bytes>> {
        let length = self.i32()?;
        self.take(length)
    }

    /// `None` for a negative length, which stands for null.
    fn take(&mut self, length: i32) -> Read<Option<Bytes>> {
        match usize::try_from(length) {
            Err(_) => Ok(None),
            Ok(length) if length <= self.0.len() => Ok(Some(self.0.split_to(length))),
            Ok(_) => Err(RequestError::CUT_OFF),
        }
    }

    /// Empty for null.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        (0..self.i32()?).map(|_| item(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(build: impl FnOnce(&mut BytesMut)) -> Response {
        let mut frame = BytesMut::new();
        frame.put_i32(3);
        build(&mut frame);
        Response::of_frame(frame.freeze(), 3).unwrap()
    }

    fn put_text(frame: &mut BytesMut, text: &str) {
        frame.put_i16(i16::try_from(text.len()).unwrap());
        frame.put_slice(text.as_bytes());
    }

    #[test]
    fn a_response_to_another_request_is_not_read() {
        let error = Response::of_frame(Bytes::from_static(&[0, 0, 0, 1]), 2).unwrap_err();
        assert_eq!(error.to_string(), "the response is another request's");
        assert!(Response::of_frame(Bytes::from_static(&[0, 0]), 2).is_err());
    }

    #[test]
    fn a_throttled_fetch_is_not_the_end_of_the_topic() {
        let fetch = |throttle_ms| {
            response(|frame| {
                frame.put_i32(throttle_ms);
                frame.put_i16(0);
                frame.put_i32(0);
                frame.put_i32(0);
            })
        };
        assert!(matches!(fetch(200).fetch(), Err(RequestError::Throttled)));
        assert!(matches!(fetch(0).fetch(), Err(RequestError::Malformed("not about one partition"))));
    }

    #[test]
    fn internal_topics_are_left_out_and_a_leaders_ipv6_address_has_brackets() {
        let metadata = response(|frame| {
            frame.put_i32(0);
            frame.put_i32(2);
            for (id, host) in [(1, "b-1"), (2, "2001:db8::7")] {
                frame.put_i32(id);
                put_text(frame, host);
                frame.put_i32(9098);
                frame.put_i16(-1);
            }
            put_text(frame, "cluster");
            frame.put_i32(1);
            frame.put_i32(2);
            for (topic, is_internal) in [("__offsets", 1), ("a.pin", 0)] {
                frame.put_i16(0);
                put_text(frame, topic);
                frame.put_i8(is_internal);
                frame.put_i32(3);
                for (number, leader) in [(0, 1), (1, 2), (2, -1)] {
                    frame.put_i16(0);
                    frame.put_i32(number);
                    frame.put_i32(leader);
                    frame.put_i32(-1);
                    frame.put_i32(0);
                }
            }
        });
        let described = metadata.metadata().unwrap();
        let described: Vec<_> = described
            .iter()
            .map(|Described { partition, leader }| (partition.to_string(), leader.as_deref()))
            .collect();
        let expected = [("a.pin-0", Some("b-1:9098")), ("a.pin-1", Some("[2001:db8::7]:9098")), ("a.pin-2", None)];
        assert_eq!(described, expected.map(|(partition, leader)| (partition.to_owned(), leader)));
    }

    #[test]
    fn a_rejected_token_has_the_brokers_reason() {
        let answer = |code, message: &str, reason: &str| {
            let response = response(|frame| {
                frame.put_i16(code);
                put_text(frame, message);
                frame.put_i32(length(reason.len()));
                frame.put_slice(reason.as_bytes());
                frame.put_i64(0);
            });
            response.sasl_authenticate().unwrap()
        };
        assert_eq!(answer(0, "", ""), Ok(()));
        assert_eq!(answer(58, "Access denied", ""), Err("Access denied".to_owned()));
        let invalid = r#"{"status":"invalid_token"}"#;
        assert_eq!(answer(0, "", invalid), Err(invalid.to_owned()));
    }
}
