//! The format of a vector.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use bytes::Bytes;
use flate2::{Compression, bufread::GzEncoder};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{VectorError, content::Content, json::Json, names::Names, need::Need};

/// A request, its response, and the records then in Kafka.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// The name of its file, without `.json`.
    #[serde(skip)]
    pub file: String,
    /// A sentence, which no other vector has.
    pub name: String,
    /// The needs of the vector: it runs only on an API that meets them.
    #[serde(default)]
    pub needs: BTreeSet<Need>,
    request: Request,
    pub(crate) answer: Answer,
    #[serde(default)]
    kafka: Vec<Several<KeyValue>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, Values>,
    body: Option<Content>,
    #[serde(default)]
    gzip: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// `None` where it has to be empty, unless there are results.
    pub(crate) body: Option<Json>,
    /// A body of several texts of JSON.
    pub(crate) results: Option<Vec<Json>>,
}

/// A header's value, or those of one that is sent several times.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl Values {
    fn all(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// An element of a list, and how often it stands there.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Json", bound = "T: DeserializeOwned")]
struct Several<T> {
    of: T,
    times: usize,
}

impl<T: DeserializeOwned> TryFrom<Json> for Several<T> {
    type Error = serde_json::Error;

    fn try_from(json: Json) -> Result<Self, serde_json::Error> {
        let (of, times) = json.repeated().unwrap_or((&json, 1));
        Ok(Self { of: serde_json::from_str(&of.to_string())?, times })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    topic: String,
    partition: Option<i32>,
    key: Option<Content>,
    value: Option<Content>,
    #[serde(default)]
    headers: Vec<RecordHeader>,
    timestamp: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordHeader {
    name: String,
    value: Option<Content>,
}

/// A record expected in Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its topic.
    pub topic: String,
    /// Its partition, where the contract says which.
    pub partition: Option<i32>,
    /// `None` is Kafka's null.
    pub key: Option<Vec<u8>>,
    /// As the key.
    pub value: Option<Vec<u8>>,
    /// Names and values, in this order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// In milliseconds since 1970, where the contract says which.
    pub timestamp_ms: Option<i64>,
}

impl Vector {
    /// Builds the request.
    ///
    /// # Errors
    /// When HTTP cannot express the request.
    pub fn request(&self, names: &Names) -> Result<http::Request<Bytes>, VectorError> {
        let Request { method, path, headers, body, gzip } = &self.request;
        let body = body.as_ref().map(|body| body.bytes(names)).unwrap_or_default();
        let body = if *gzip { zipped(&body) } else { body };
        let mut request = http::Request::builder().method(method.as_str()).uri(names.fill(path));
        for (name, values) in headers {
            for value in values.all() {
                request = request.header(name, names.fill(value));
            }
        }
        request.body(body.into()).map_err(|source| VectorError::NoRequest { vector: self.to_string(), source })
    }

    /// The only records expected in Kafka, in order.
    pub fn records(&self, names: &Names) -> impl Iterator<Item = Record> {
        self.kafka.iter().flat_map(move |Several { of, times }| {
            let bytes = |content: &Option<Content>| content.as_ref().map(|content| content.bytes(names));
            let record = Record {
                topic: names.fill(&of.topic),
                partition: of.partition,
                key: bytes(&of.key),
                value: bytes(&of.value),
                headers: of.headers.iter().map(|header| (names.fill(&header.name), bytes(&header.value))).collect(),
                timestamp_ms: of.timestamp,
            };
            std::iter::repeat_n(record, *times)
        })
    }

    /// The body of its answer as JSON, if there is one.
    #[must_use]
    pub fn answers(&self, names: &Names) -> Option<String> {
        self.answer.body.as_ref().map(|body| names.fill_json(body).to_string())
    }

    /// Its status, and the `error_code` if its body has one.
    #[must_use]
    pub fn answered(&self) -> (u16, Option<u32>) {
        (self.answer.status, self.answer.body.as_ref().and_then(error_code))
    }
}

/// The `error_code` of an error body, or of the first record that has one.
fn error_code(body: &Json) -> Option<u32> {
    let member = |of: &Json, wanted: &str| match of {
        Json::Object(members) => members.iter().find(|(name, _)| name == wanted).map(|(_, member)| member.clone()),
        _ => None,
    };
    let number = |json: Json| if let Json::Plain(number) = json { number.parse().ok() } else { None };
    match member(body, "offsets") {
        Some(Json::List(entries)) => entries.iter().find_map(|entry| number(member(entry, "error_code")?)),
        _ => number(member(body, "error_code")?),
    }
}

/// Never fails: it is read from memory.
fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut zipped = Vec::new();
    match GzEncoder::new(bytes, Compression::default()).read_to_end(&mut zipped) {
        Ok(_) | Err(_) => zipped,
    }
}

/// The file and the name.
impl std::fmt::Display for Vector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file, self.name)
    }
}
