//! What a vector cannot know of the API that it is run on.

/// What stands for `{user_id}` and `{topics}` in a vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    user_id: String,
    topics: String,
}

impl Names {
    /// Requests go to the topics of `user_id`; the API serves `topics`.
    #[must_use]
    pub fn new(user_id: &str, topics: &[String]) -> Self {
        let mut topics = topics.to_vec();
        topics.sort_unstable();
        Self { user_id: user_id.to_owned(), topics: topics.join(", ") }
    }

    /// A text with its names filled in.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        text.replace("{user_id}", &self.user_id).replace("{topics}", &self.topics)
    }
}
