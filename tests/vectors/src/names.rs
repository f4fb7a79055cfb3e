//! The placeholders of a vector: names that depend on the API.

use crate::json::Json;

/// The values of `{user_id}`, `{pass_through}`, `{topics}` and `{topic_list}` in a vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    user_id: String,
    topics: Vec<String>,
    pass_through: Option<String>,
}

impl Names {
    /// Requests go to the topics of `user_id`; the API serves `topics`.
    #[must_use]
    pub fn new(user_id: &str, topics: &[String]) -> Self {
        let mut topics = topics.to_vec();
        topics.sort_unstable();
        Self { user_id: user_id.to_owned(), topics, pass_through: None }
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

    /// Replaces the placeholders in a text.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let filled = text.replace("{user_id}", &self.user_id).replace("{topics}", &self.topics.join(", "));
        self.pass_through.iter().fold(filled, |filled, topic| filled.replace("{pass_through}", topic))
    }

    /// Replaces the placeholders in each text, including members' names.
    pub(crate) fn fill_json(&self, json: &Json) -> Json {
        match json {
            Json::Plain(text) => Json::Plain(text.clone()),
            Json::Text(text) if text == "{topic_list}" => {
                Json::List(self.topics.iter().cloned().map(Json::Text).collect())
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
