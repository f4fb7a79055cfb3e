//! The streams, and the topics of each.

use shared::{
    kind::Invalid,
    stream::{PREFIX, SharedStream},
};

use crate::{app::App, error::Error, topic::Topic};

/// A stream.
#[derive(Debug)]
pub(super) enum Stream<'a> {
    /// The stream of one topic.
    Single(&'a Topic),
    /// A stream for all kinds of a user id.
    Shared(Vec<&'a Topic>),
}

/// The names of all streams, sorted.
pub(crate) fn names<P, C>(app: &App<P, C>) -> Vec<String> {
    let of_topics = app.topics().iter().filter_map(|topic| {
        let (user_id, kind) = topic.name().rsplit_once('.').filter(|_| topic.takes_json_only())?;
        Some(format!("{PREFIX}{user_id}-{kind}"))
    });
    let mut names: Vec<_> = of_topics.chain(app.shared_streams.iter().map(|stream| stream.name.clone())).collect();
    names.sort_unstable();
    names
}

impl<'a> Stream<'a> {
    /// Finds a stream by its name.
    pub(super) fn find<P, C>(app: &'a App<P, C>, name: &str) -> Result<Self, Error> {
        let kinds = || app.topics().iter().filter(|topic| topic.takes_json_only());
        // A user id may contain hyphens.
        let single = name.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('-')).and_then(|(user_id, kind)| {
            let topic_name = format!("{user_id}.{kind}");
            kinds().find(|topic| topic.name() == topic_name)
        });
        if let Some(topic) = single {
            return Ok(Self::Single(topic));
        }
        let shared = app.shared_streams.iter().find(|stream| stream.name == name);
        let shared = shared.map(|SharedStream { user_id, .. }| {
            let user_id = user_id.to_string();
            kinds().filter(|topic| topic.name().rsplit_once('.').is_some_and(|(id, _)| id == user_id)).collect()
        });
        shared.map(Self::Shared).ok_or_else(|| Error::unknown_stream(name, names(app)))
    }

    /// The topics to which its records go.
    pub(super) fn into_topics(self) -> Vec<&'a Topic> {
        match self {
            Self::Single(topic) => vec![topic],
            Self::Shared(topics) => topics,
        }
    }

    /// The topic of a record. In a shared stream the kind is the one that the key names, if the row meets its rules, otherwise the
    /// one whose rules the row meets or whose fields it has.
    pub(super) fn topic_of(&self, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<&'a Topic, String> {
        let topics = match self {
            Self::Single(topic) => return Ok(topic),
            Self::Shared(topics) => topics,
        };
        let key = String::from_utf8_lossy(key.unwrap_or_default()).to_ascii_lowercase();
        let row = value.and_then(|value| std::str::from_utf8(value).ok());
        let by_key = only(topics.iter().filter(|topic| key.contains(topic.label())));
        // Many words contain `pin`: a key does not outweigh a row that meets only another kind's rules.
        by_key
            .filter(|topic| row.is_some_and(|row| topic.check(row).is_ok()))
            .or_else(|| Self::by_row(topics, row?))
            .or(by_key)
            .copied()
            .ok_or_else(|| {
                let labels: Vec<_> = topics.iter().map(|topic| topic.label()).collect();
                format!(
                    "its kind is unclear from PartitionKey and Data: include one of {} in PartitionKey",
                    labels.join(", ")
                )
            })
    }

    /// The topic whose rules the row meets, if it is only one, otherwise the one whose kind it resembles.
    fn by_row<'t>(topics: &'t [&'a Topic], row: &str) -> Option<&'t &'a Topic> {
        let checked: Vec<_> = topics.iter().map(|topic| (topic, topic.check(row))).collect();
        only(checked.iter().filter(|(_, checked)| checked.is_ok()).map(|(topic, _)| *topic)).or_else(|| {
            let resembled = checked.iter().find_map(|(_, checked)| match checked {
                Err(Invalid::Rules(broken)) => broken.listed.iter().find_map(|violation| violation.belongs_to),
                _ => None,
            })?;
            topics.iter().find(|topic| topic.label() == resembled.name)
        })
    }
}

/// The only element, unless there are several.
fn only<T>(mut elements: impl Iterator<Item = T>) -> Option<T> {
    elements.next().filter(|_| elements.next().is_none())
}
