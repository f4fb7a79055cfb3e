//! The placeholders of a vector: names that depend on the API.

use crate::json::Json;

/// The values of a vector's placeholders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    user_id: String,
    topics: Vec<String>,
    pass_through: Option<String>,
    streams: Vec<String>,
    shared_stream: Option<String>,
}

impl Names {
    /// Requests go to the topics of `user_id`; the API serves `topics`.
    #[must_use]
    pub fn new(user_id: &str, topics: &[String]) -> Self {
        let mut topics = topics.to_vec();
        topics.sort_unstable();
        Self { user_id: user_id.to_owned(), topics, ..Self::default() }
    }

    /// Sets the topic that accepts any record.
    #[must_use]
    pub fn passing_through(self, topic: &str) -> Self {
        Self { pass_through: Some(topic.to_owned()), ..self }
    }

    /// The topic that accepts any record, if there is one.
    #[must_use]
    pub fn pass_through(&self) -> Option<&str> {
        self.pass_through.as_deref()
    }

    /// Sets the streams that the API serves.
    #[must_use]
    pub fn streaming(self, streams: &[String]) -> Self {
        Self { streams: streams.to_vec(), ..self }
    }

    /// Sets the stream that takes all kinds of the user id.
    #[must_use]
    pub fn sharing(self, stream: &str) -> Self {
        Self { shared_stream: Some(stream.to_owned()), ..self }
    }

    /// The stream that takes all kinds, if there is one.
    #[must_use]
    pub fn shared_stream(&self) -> Option<&str> {
        self.shared_stream.as_deref()
    }

    /// Replaces the placeholders in a text.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let filled = text.replace("{user_id}", &self.user_id).replace("{topics}", &self.topics.join(", "));
        let filled = filled.replace("{streams}", &self.streams.join(", "));
        let filled = self.pass_through.iter().fold(filled, |filled, topic| filled.replace("{pass_through}", topic));
        self.shared_stream.iter().fold(filled, |filled, stream| filled.replace("{shared_stream}", stream))
    }

    /// Replaces the placeholders in each text, including members' names.
    pub(crate) fn fill_json(&self, json: &Json) -> Json {
        match json {
            Json::Plain(text) => Json::Plain(text.clone()),
            Json::Text(text) if text == "{topic_list}" => {
                Json::List(self.topics.iter().cloned().map(Json::Text).collect())
            }
            Json::Text(text) if text == "{stream_list}" => {
                Json::List(self.streams.iter().cloned().map(Json::Text).collect())
            }
            Json::Text(text) => Json::Text(self.fill(text)),
            Json::List(list) => Json::List(list.iter().map(|element| self.fill_json(element)).collect()),
            Json::Object(members) => {
                let filled = members.iter().map(|(name, member)| (self.fill(name), self.fill_json(member)));
                Json::Object(filled.collect())
            }
        }
    }
}
