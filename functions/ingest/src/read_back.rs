//! Records read back from the served topics: what a console consumer prints, without a group.

use std::{
    fmt::{self, Display},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::StatusCode;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use shared::{
    json,
    metadata::Describe,
    publish::Header,
    read_back::{ReadBack, ReadBackError, ReadLimits, ReadRecords, Selection, Start, StoredRecord},
    redact::excerpt,
    settings::Variable,
};

use crate::{
    app::App,
    error::Error,
    limits::METADATA_TIMEOUT,
    media::{self, Format},
    request::{Headers, Query},
    response::{self, Response},
    routes::Target,
};

/// The setting that serves or refuses these requests.
pub static READ_BACK: Variable = Variable {
    name: "READ_BACK",
    default: Some("on"),
    meaning: "`on`: clients may read records back with GET requests; `off`: they may not",
};

/// The value of the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBackSwitch(pub bool);

/// A value that is neither of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `on` nor `off`")]
pub struct ReadBackSwitchError;

impl FromStr for ReadBackSwitch {
    type Err = ReadBackSwitchError;

    fn from_str(text: &str) -> Result<Self, ReadBackSwitchError> {
        match text {
            "on" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err(ReadBackSwitchError),
        }
    }
}

/// The value of the setting.
impl Display for ReadBackSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "on" } else { "off" })
    }
}

/// The most records per request.
pub const MAX_READ_RECORDS: usize = 1000;

/// The records of a request that names no number.
const DEFAULT_COUNT: usize = 10;

/// The most bytes of a response, as API Gateway's event holds it: with the escapes of its JSON string. Lambda's limit is 6 MB.
const MAX_READ_BYTES: usize = 5_000_000;

/// The longest wait for a first record, in milliseconds.
pub const MAX_WAIT_MS: u64 = 10_000;

/// The wait of a request that names none, in milliseconds.
const DEFAULT_WAIT_MS: u64 = 1000;

/// The time Kafka has to respond, a wait for records aside. A read logs in with a consumer of its own.
const READ_TIMEOUT: Duration = Duration::from_secs(8);

/// The parameters of a request.
#[derive(Debug, PartialEq, Eq)]
struct Parameters {
    /// `None` if the request names none.
    start: Option<Start>,
    count: usize,
    wait: Duration,
}

/// `GET /topics/{topic}/partitions/{partition}/records`: records from an offset on.
pub(crate) async fn partition<P, C: Describe + ReadBack>(
    app: &App<P, C>,
    target: Target,
    query: &Query,
    headers: &Headers,
) -> Result<Response, Error> {
    let (topic, partitions) = partitions(app, &target).await?;
    let parameters = Parameters::read(query)?;
    let partition = target.partition.unwrap_or_default();
    if !partitions.contains(&partition) {
        let last = partitions.last().copied().unwrap_or_default();
        return Err(Error::UnknownPartition { topic: topic.to_owned(), last });
    }
    let last_ones = Start::FromEnd(i64::try_from(parameters.count).unwrap_or(i64::MAX));
    let selection = Selection::From { partition, start: parameters.start.unwrap_or(last_ones) };
    read(app, topic, selection, &parameters, headers).await
}

/// `GET /topics/{topic}/records`: the newest records of all partitions.
pub(crate) async fn topic<P, C: Describe + ReadBack>(
    app: &App<P, C>,
    target: Target,
    query: &Query,
    headers: &Headers,
) -> Result<Response, Error> {
    let (topic, partitions) = partitions(app, &target).await?;
    let parameters = Parameters::read(query)?;
    if parameters.start.is_some() {
        return Err(Error::BadQuery(
            "`offset` belongs to a partition: /topics/{topic}/partitions/{partition}/records".to_owned(),
        ));
    }
    read(app, topic, Selection::Newest { partitions }, &parameters, headers).await
}

/// The served topic and its partitions, in ascending order.
async fn partitions<'a, P, C: Describe>(app: &'a App<P, C>, target: &Target) -> Result<(&'a str, Vec<i32>), Error> {
    if !app.reads_back {
        return Err(Error::NoSuchPath("reading records is switched off here"));
    }
    let topic = app.topic(&target.topic)?.name();
    let partitions = app.cluster.partitions(topic, METADATA_TIMEOUT).await?;
    Ok((topic, partitions.into_iter().map(|partition| partition.partition).collect()))
}

async fn read<P, C: ReadBack>(
    app: &App<P, C>,
    topic: &str,
    selection: Selection,
    parameters: &Parameters,
    headers: &Headers,
) -> Result<Response, Error> {
    let (format, content_type) = media::embedded(headers)?;
    let is_newest = matches!(selection, Selection::Newest { .. });
    let limits = ReadLimits { records: parameters.count, bytes: MAX_READ_BYTES, wait: parameters.wait };
    let read = app.cluster.read_back(topic, selection, limits, READ_TIMEOUT).await?;
    Ok(Response::new(StatusCode::OK, content_type, body(topic, read, format, is_newest)))
}

impl Parameters {
    fn read(query: &Query) -> Result<Self, Error> {
        let known = ["offset", "count", "timeout"];
        if let Some((unknown, _)) = query.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            let unknown = excerpt(unknown);
            return Err(Error::BadQuery(format!("`{unknown}` is no parameter; there are {}", known.join(", "))));
        }
        let start = query.get("offset").map(offset).transpose()?;
        let count = number(query, "count", 1..=MAX_READ_RECORDS, DEFAULT_COUNT)?;
        let wait_ms = number(query, "timeout", 0..=MAX_WAIT_MS, DEFAULT_WAIT_MS)?;
        Ok(Self { start, count, wait: Duration::from_millis(wait_ms) })
    }
}

fn offset(text: &str) -> Result<Start, Error> {
    match text {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        number => match number.parse::<i64>() {
            Ok(offset) if offset >= 0 => Ok(Start::Offset(offset)),
            Ok(from_end) => Ok(Start::FromEnd(from_end.saturating_neg())),
            Err(_) => Err(Error::BadQuery(format!(
                "`offset` must be `earliest`, `latest`, a whole number, or a negative one to count from the end; it is `{}`",
                excerpt(text)
            ))),
        },
    }
}

fn number<N: FromStr + PartialOrd + Display>(
    query: &Query,
    name: &str,
    range: RangeInclusive<N>,
    default: N,
) -> Result<N, Error> {
    let Some(text) = query.get(name) else { return Ok(default) };
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        Error::BadQuery(format!("`{name}` must be a whole number from {least} to {most}; it is `{}`", excerpt(text)))
    })
}

impl From<ReadBackError> for Error {
    fn from(error: ReadBackError) -> Self {
        match error {
            ReadBackError::Describe(error) => error.into(),
            ReadBackError::OutOfRange { .. } => Self::BadQuery(error.to_string()),
        }
    }
}

/// The response's body.
#[derive(Serialize)]
struct Body {
    records: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<i64>,
}

/// A record, in the order of the REST Proxy's consumers, which know only the first five members.
#[derive(Serialize)]
struct Entry<'a> {
    topic: &'a str,
    key: Option<Data>,
    value: Option<Data>,
    partition: i32,
    offset: i64,
    timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<HeaderEntry<'a>>,
    /// The members that are base64 although the format is JSON, because they are not JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    base64: Vec<&'static str>,
}

#[derive(Serialize)]
struct HeaderEntry<'a> {
    key: &'a str,
    /// Base64.
    value: Option<String>,
}

/// A key or value.
enum Data {
    Json(Bytes),
    Base64(String),
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Base64(text) => text.serialize(serializer),
            Self::Json(json) => match serde_json::from_slice::<&RawValue>(json) {
                Ok(json) => json.serialize(serializer),
                Err(_) => serializer.serialize_unit(),
            },
        }
    }
}

/// The records that fit into a response: the first ones, or of the newest the last ones.
fn body(topic: &str, read: ReadRecords, format: Format, is_newest: bool) -> Vec<u8> {
    let ReadRecords { records, mut next_offset } = read;
    let mut entries = Vec::with_capacity(records.len());
    let mut bytes = 0;
    let order: Box<dyn Iterator<Item = &StoredRecord>> =
        if is_newest { Box::new(records.iter().rev()) } else { Box::new(records.iter()) };
    for record in order {
        let entry = entry(topic, record, format);
        // The escapes that a JSON string adds to JSON.
        bytes += entry.get().len() + entry.get().bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        if bytes > MAX_READ_BYTES && !entries.is_empty() {
            next_offset = next_offset.map(|_| record.offset);
            break;
        }
        entries.push(entry);
    }
    if is_newest {
        entries.reverse();
    }
    response::json(&Body { records: entries, next_offset })
}

#[expect(clippy::expect_used, reason = "unwrap safety: texts, numbers and checked JSON always serialize")]
fn entry(topic: &str, record: &StoredRecord, format: Format) -> Box<RawValue> {
    let StoredRecord { partition, offset, timestamp_ms, key, value, headers } = record;
    let mut base64 = Vec::new();
    let mut data = |name: &'static str, bytes: &Option<Bytes>| {
        let bytes = bytes.as_ref()?;
        if format == Format::Json && json::check(bytes).is_ok() {
            return Some(Data::Json(bytes.clone()));
        }
        if format == Format::Json {
            base64.push(name);
        }
        Some(Data::Base64(STANDARD.encode(bytes)))
    };
    let (key, value) = (data("key", key), data("value", value));
    let header =
        |Header { name, value }: &'_ Header| (name.clone(), value.as_ref().map(|value| STANDARD.encode(value)));
    let headers: Vec<_> = headers.iter().map(header).collect();
    let headers = headers.iter().map(|(key, value)| HeaderEntry { key, value: value.clone() }).collect();
    let entry =
        Entry { topic, key, value, partition: *partition, offset: *offset, timestamp: *timestamp_ms, headers, base64 };
    serde_json::value::to_raw_value(&entry).expect("JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn query(parameters: &[(&str, &str)]) -> Query {
        Query(parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn parameters_have_defaults_and_bounds() {
        let default = Parameters { start: None, count: DEFAULT_COUNT, wait: Duration::from_secs(1) };
        assert_eq!(Parameters::read(&query(&[])).unwrap(), default);
        for (offset, start) in [
            ("earliest", Start::Earliest),
            ("latest", Start::Latest),
            ("7", Start::Offset(7)),
            ("-7", Start::FromEnd(7)),
            ("-9223372036854775808", Start::FromEnd(i64::MAX)),
        ] {
            assert_eq!(Parameters::read(&query(&[("offset", offset)])).unwrap().start, Some(start));
        }
        for (name, value) in [
            ("offset", "soon"),
            ("offset", ""),
            ("offset", "1.5"),
            ("count", "0"),
            ("count", "1001"),
            ("timeout", "-1"),
            ("timeout", "10001"),
            ("counts", "1"),
        ] {
            let error = Parameters::read(&query(&[(name, value)])).unwrap_err();
            assert!(error.code() == 400 && error.to_string().contains(name), "{name}={value}: {error}");
        }
    }

    fn record(offset: i64, key: &'static str, value: &str) -> StoredRecord {
        StoredRecord {
            partition: 0,
            offset,
            timestamp_ms: Some(5),
            key: Some(Bytes::from_static(key.as_bytes())),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            headers: vec![Header { name: "h".to_owned(), value: None }],
        }
    }

    fn parsed(records: Vec<StoredRecord>, format: Format, is_newest: bool) -> Value {
        let next_offset = (!is_newest).then(|| records.last().map_or(0, |record| record.offset + 1));
        serde_json::from_slice(&body("t", ReadRecords { records, next_offset }, format, is_newest)).unwrap()
    }

    #[test]
    fn json_is_shown_as_it_is_and_anything_else_as_base64() {
        let records = vec![record(3, "7", "{\"a\":1.10}"), record(4, "key", "\"")];
        let headers = json!([{"key": "h", "value": null}]);
        let bodies = String::from_utf8(body(
            "t",
            ReadRecords { records: records.clone(), next_offset: Some(5) },
            Format::Json,
            false,
        ));
        assert!(bodies.unwrap().contains("{\"a\":1.10}"), "numbers stay as written");
        assert_eq!(
            parsed(records.clone(), Format::Json, false),
            json!({"records": [
                {"topic": "t", "key": 7, "value": {"a": 1.1}, "partition": 0, "offset": 3, "timestamp": 5, "headers": headers},
                {"topic": "t", "key": "a2V5", "value": "Ig==", "partition": 0, "offset": 4, "timestamp": 5, "headers": headers,
                 "base64": ["key", "value"]},
            ], "next_offset": 5})
        );
        let binary = parsed(records, Format::Binary, false);
        assert_eq!((&binary["records"][0]["key"], &binary["records"][0]["base64"]), (&json!("Nw=="), &Value::Null));
    }

    #[test]
    fn a_response_fits_into_lambdas_limit_and_says_where_to_read_on() {
        // Quotes double in an event's body.
        let value = format!("[{}]", vec!["\"\""; 200_000].join(","));
        let records: Vec<_> = (0..8).map(|offset| record(offset, "1", &value)).collect();
        let forward = parsed(records.clone(), Format::Json, false);
        let count = forward["records"].as_array().unwrap().len();
        assert!((2..8).contains(&count), "{count}");
        assert_eq!(forward["next_offset"], count);
        assert!(serde_json::to_string(&forward.to_string()).unwrap().len() < 6 * 1024 * 1024);
        let newest = parsed(records, Format::Json, true);
        assert_eq!(
            (newest["records"].as_array().unwrap().len(), &newest["records"][count - 1]["offset"]),
            (count, &json!(7))
        );
        assert_eq!(newest["next_offset"], Value::Null);
    }
}
