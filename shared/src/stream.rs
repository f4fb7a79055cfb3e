//! Streams of `/streams`: one per topic, and those that take all kinds of a user id, such as the course's `Kinesis-Prod-Stream`.

use std::{fmt, str::FromStr};

use serde::Deserialize;

use crate::{
    settings::Variable,
    topic::{UserId, UserIds},
};

/// The longest name of a stream in Kinesis, in characters.
const MAX_NAME_CHARS: usize = 128;

/// The prefix of the streams of one kind.
pub const PREFIX: &str = "streaming-";

/// Streams that hold all kinds of a user id.
pub static SHARED_STREAMS: Variable = Variable {
    name: "SHARED_STREAMS",
    default: Some(""),
    meaning: "streams of `/streams` that take all kinds of a user id, each as `NAME=USER_ID`, comma separated",
};

/// A stream for all kinds of a user id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedStream {
    /// The name.
    pub name: String,
    /// The user id to whose topics its records go.
    pub user_id: UserId,
}

/// The shared streams of a deployment, without duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SharedStreams(Vec<SharedStream>);

/// The reason why a list of shared streams is invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum SharedStreamsError {
    #[error(
        "`{0}`: expected NAME=USER_ID, with a name of 1 to {MAX_NAME_CHARS} letters, digits, `.`, `_` and `-` that does not begin \
         with `{PREFIX}` and is neither `record` nor `records`"
    )]
    Illegal(String),
    #[error("`{0}` is given twice")]
    Twice(String),
    #[error("`{0}` is not a user id of this deployment")]
    UnknownUserId(UserId),
}

impl SharedStreams {
    /// Parses each `NAME=USER_ID`.
    ///
    /// # Errors
    /// When one is malformed, or a name appears twice.
    pub fn new<'a>(streams: impl IntoIterator<Item = &'a str>) -> Result<Self, SharedStreamsError> {
        let streams = streams.into_iter().map(SharedStream::parse).collect::<Result<Vec<_>, _>>()?;
        let is_repeated =
            |(at, stream): &(usize, &SharedStream)| streams[..*at].iter().any(|other| other.name == stream.name);
        match streams.iter().enumerate().find(is_repeated) {
            Some((_, twice)) => Err(SharedStreamsError::Twice(twice.name.clone())),
            None => Ok(Self(streams)),
        }
    }

    /// Checks that each user id has topics.
    ///
    /// # Errors
    /// When a user id is not among `user_ids`.
    pub fn checked_against(self, user_ids: &UserIds) -> Result<Self, SharedStreamsError> {
        match self.0.iter().find(|stream| user_ids.iter().all(|user_id| *user_id != stream.user_id)) {
            Some(stream) => Err(SharedStreamsError::UnknownUserId(stream.user_id.clone())),
            None => Ok(self),
        }
    }

    /// The streams.
    pub fn iter(&self) -> impl Iterator<Item = &SharedStream> {
        self.0.iter()
    }
}

impl SharedStream {
    fn parse(text: &str) -> Result<Self, SharedStreamsError> {
        let is_legal = |name: &str| {
            (1..=MAX_NAME_CHARS).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
                && !name.starts_with(PREFIX)
                // The paths `/streams/record` and `/streams/records` have the stream in their query.
                && !["record", "records"].contains(&name)
        };
        let parts = text.split_once('=').filter(|(name, _)| is_legal(name));
        let stream = parts.and_then(|(name, id)| Some(Self { name: name.to_owned(), user_id: id.parse().ok()? }));
        stream.ok_or_else(|| SharedStreamsError::Illegal(text.to_owned()))
    }
}

/// The form that `FromStr` parses.
impl fmt::Display for SharedStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams = self.0.iter().map(|SharedStream { name, user_id }| format!("{name}={user_id}"));
        f.write_str(&streams.collect::<Vec<_>>().join(","))
    }
}

/// Comma separated, as in an environment variable. An empty text is an empty list.
impl FromStr for SharedStreams {
    type Err = SharedStreamsError;

    fn from_str(text: &str) -> Result<Self, SharedStreamsError> {
        Self::new(text.split(',').map(str::trim).filter(|stream| !stream.is_empty()))
    }
}

/// The same text, as in a template.
impl TryFrom<String> for SharedStreams {
    type Error = SharedStreamsError;

    fn try_from(text: String) -> Result<Self, SharedStreamsError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_stream_names_a_user_id_of_the_deployment() {
        let user_ids: UserIds = "u-1,u".parse().unwrap();
        let parse = |text: &str| text.parse::<SharedStreams>().and_then(|streams| streams.checked_against(&user_ids));
        assert_eq!(parse(""), Ok(SharedStreams::default()));
        let streams = "Kinesis-Prod-Stream=u,other=u-1";
        assert_eq!(parse(streams).unwrap().to_string(), streams);
        let long = format!("{}=u", "n".repeat(MAX_NAME_CHARS + 1));
        for text in ["u", "=u", "a b=u", "a=", "streaming-u=u", "records=u", &long] {
            assert_eq!(parse(text), Err(SharedStreamsError::Illegal(text.to_owned())), "{text}");
        }
        assert_eq!(parse("a=u,a=u-1").unwrap_err().to_string(), "`a` is given twice");
        assert_eq!(parse("a=v").unwrap_err().to_string(), "`v` is not a user id of this deployment");
    }
}
