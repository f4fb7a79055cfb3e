//! Records read back from the served topics: what a console consumer prints, without a group.
//!
//! `parameters` reads the query, `body` the response's form.

use std::{fmt, str::FromStr, time::Duration};

use http::StatusCode;
use shared::{
    metadata::Describe,
    read_back::{ReadBack, ReadBackError, ReadLimits, Selection, Start},
    settings::Variable,
};

use self::parameters::Parameters;
pub(crate) use self::parameters::{DEFAULT_COUNT, DEFAULT_WAIT_MS, MAX_READ_RECORDS, MAX_WAIT_MS};
use crate::{
    app::App,
    error::Error,
    limits::METADATA_TIMEOUT,
    media,
    request::{Headers, Query},
    response::Response,
    routes::Target,
    topic::Topic,
};

mod body;
mod parameters;

/// The time Kafka has to respond, not counting the wait for records. A read logs in with a consumer of its own.
const READ_TIMEOUT: Duration = Duration::from_secs(8);

/// The setting that switches reading on or off.
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

/// The form that `FromStr` parses.
impl fmt::Display for ReadBackSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "on" } else { "off" })
    }
}

/// `GET /topics/{topic}/partitions/{partition}/records`: records from an offset on.
pub(crate) async fn partition<P, C: Describe + ReadBack>(
    app: &App<P, C>,
    target: Target,
    query: &Query,
    headers: &Headers,
) -> Result<Response, Error> {
    let (format, content_type) = media::embedded(headers)?;
    let topic = readable(app, &target)?;
    let Parameters { start, count, wait } = Parameters::read(query, &["offset", "count", "timeout"])?;
    let partitions = partitions(app, topic).await?;
    let partition = target.partition.unwrap_or_default();
    if !partitions.contains(&partition) {
        let last = partitions.last().copied().unwrap_or_default();
        return Err(Error::UnknownPartition { topic: topic.name().to_owned(), last });
    }
    let last_ones = Start::FromEnd(i64::try_from(count).unwrap_or(i64::MAX));
    let selection = Selection::From { partition, start: start.unwrap_or(last_ones) };
    let limits = ReadLimits { records: count, bytes: body::MAX_BYTES, wait };
    let read = app.cluster.read_back(topic.name(), selection, limits, READ_TIMEOUT).await?;
    Ok(Response::new(StatusCode::OK, content_type, body::first(topic.name(), &read, format)?))
}

/// `GET /topics/{topic}/records`: the newest records of all partitions.
pub(crate) async fn topic<P, C: Describe + ReadBack>(
    app: &App<P, C>,
    target: Target,
    query: &Query,
    headers: &Headers,
) -> Result<Response, Error> {
    let (format, content_type) = media::embedded(headers)?;
    let topic = readable(app, &target)?;
    let Parameters { count, .. } = Parameters::read(query, &["count"])?;
    let selection = Selection::Newest { partitions: partitions(app, topic).await? };
    let limits = ReadLimits { records: count, bytes: body::MAX_BYTES, wait: Duration::ZERO };
    let read = app.cluster.read_back(topic.name(), selection, limits, READ_TIMEOUT).await?;
    Ok(Response::new(StatusCode::OK, content_type, body::last(topic.name(), &read.records, format)?))
}

/// The served topic, if records may be read.
fn readable<'a, P, C>(app: &'a App<P, C>, target: &Target) -> Result<&'a Topic, Error> {
    if app.reads_back {
        app.topic(&target.topic)
    } else {
        Err(Error::NoSuchPath("reading records is switched off here"))
    }
}

/// The partitions of a topic, in ascending order.
async fn partitions<P, C: Describe>(app: &App<P, C>, topic: &Topic) -> Result<Vec<i32>, Error> {
    let partitions = app.cluster.partitions(topic.name(), METADATA_TIMEOUT).await?;
    Ok(partitions.into_iter().map(|partition| partition.partition).collect())
}

impl From<ReadBackError> for Error {
    fn from(error: ReadBackError) -> Self {
        match error {
            ReadBackError::Describe(error) => error.into(),
            ReadBackError::Busy => Self::TooManyReads,
            ReadBackError::OutOfRange { .. } => Self::BadQuery(error.to_string()),
        }
    }
}
