//! The topics: one per user id and kind, `<user_id>.<kind>`, and pass-through topics.

use std::{fmt, str::FromStr};

use serde::Deserialize;

use crate::{
    kind::{BrokenRules, CATALOG, Invalid, JoinKey, Kind, ValidStart},
    settings::Variable,
};

/// The longest name of a topic in Kafka, in characters.
const MAX_TOPIC_CHARS: usize = 249;

/// A prefix of topic names. The course uses 12 hexadecimal or decimal digits; any legal prefix is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserId(String);

/// A text is not a user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a user id has 1 to {} characters: letters, digits, `.`, `_` and `-`, and begins with neither `.` nor `_`: Spark and Athena skip \
     folders that do",
    UserId::MAX_CHARS
)]
pub struct UserIdError;

impl UserId {
    /// Leaves room in a file's name of 255 bytes for a kind of up to 16 characters, partition, offset and a temporary suffix:
    /// the archive may be a folder.
    const MAX_CHARS: usize = 200;
}

impl FromStr for UserId {
    type Err = UserIdError;

    fn from_str(text: &str) -> Result<Self, UserIdError> {
        let good = text.len() <= Self::MAX_CHARS && is_legal(text) && !text.starts_with(['.', '_']);
        if good { Ok(Self(text.to_owned())) } else { Err(UserIdError) }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The user ids that have topics.
pub static USER_IDS: Variable = Variable {
    name: "USER_IDS",
    default: None,
    meaning: "the user ids whose topics `<user_id>.pin`, `.geo` and `.user` are served, written to and archived, comma separated",
};

/// The user ids of a deployment: at least one, without duplicates, in the order of the setting.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct UserIds(Vec<UserId>);

/// The reason why a list of user ids is invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum UserIdsError {
    #[error("`{0}`: {UserIdError}")]
    Invalid(String),
    #[error("`{0}` is given twice")]
    Twice(UserId),
    #[error("there is no user id")]
    None,
}

impl UserIds {
    /// Validates the list.
    ///
    /// # Errors
    /// When the list is empty or has duplicates.
    pub fn new(ids: Vec<UserId>) -> Result<Self, UserIdsError> {
        if ids.is_empty() {
            return Err(UserIdsError::None);
        }
        match ids.iter().enumerate().find(|(at, id)| ids[..*at].contains(id)) {
            Some((_, twice)) => Err(UserIdsError::Twice(twice.clone())),
            None => Ok(Self(ids)),
        }
    }

    /// The user ids.
    pub fn iter(&self) -> impl Iterator<Item = &UserId> {
        self.0.iter()
    }

    /// The names of all user ids' topics.
    #[must_use]
    pub fn topic_names(&self) -> Vec<String> {
        self.topics().into_iter().map(|topic| topic.name).collect()
    }

    /// The topics of all user ids.
    #[must_use]
    pub fn topics(&self) -> Vec<Topic> {
        self.0.iter().flat_map(|user_id| CATALOG.iter().map(|kind| Topic::of(user_id, kind))).collect()
    }
}

/// The form that `FromStr` parses.
impl fmt::Display for UserIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&ids.join(","))
    }
}

/// Comma separated, as in an environment variable.
impl FromStr for UserIds {
    type Err = UserIdsError;

    fn from_str(text: &str) -> Result<Self, UserIdsError> {
        Self::new(text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(user_id).collect::<Result<_, _>>()?)
    }
}

/// A list, as in a template.
impl TryFrom<Vec<String>> for UserIds {
    type Error = UserIdsError;

    fn try_from(ids: Vec<String>) -> Result<Self, UserIdsError> {
        Self::new(ids.iter().map(|id| user_id(id)).collect::<Result<_, _>>()?)
    }
}

fn user_id(id: &str) -> Result<UserId, UserIdsError> {
    id.parse().map_err(|UserIdError| UserIdsError::Invalid(id.to_owned()))
}

/// Further topics, whose records are not validated.
pub static PASS_THROUGH_TOPICS: Variable = Variable {
    name: "PASS_THROUGH_TOPICS",
    default: Some(""),
    meaning: "further topics, which take any record as it is, comma separated; they are not archived",
};

/// The names of topics that accept any record, without duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PassThroughTopics(Vec<String>);

/// The reason why a list of pass-through topics is invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum PassThroughError {
    #[error("`{0}`: a topic's name has 1 to {MAX_TOPIC_CHARS} characters: letters, digits, `.`, `_` and `-`")]
    Illegal(String),
    #[error("`{0}` is given twice")]
    Twice(String),
    #[error("`{0}`: topics that begin with `__` are Kafka's own")]
    Internal(String),
    #[error("`{0}` is a user id's topic, whose records are validated")]
    Validated(String),
}

impl PassThroughTopics {
    /// Validates the names.
    ///
    /// # Errors
    /// When a name is illegal in Kafka or appears twice.
    pub fn new(names: Vec<String>) -> Result<Self, PassThroughError> {
        let legal = |name: &str| name.len() <= MAX_TOPIC_CHARS && is_legal(name) && name != "." && name != "..";
        for (at, name) in names.iter().enumerate() {
            if !legal(name) {
                return Err(PassThroughError::Illegal(name.clone()));
            }
            if name.starts_with("__") {
                return Err(PassThroughError::Internal(name.clone()));
            }
            if names[..at].contains(name) {
                return Err(PassThroughError::Twice(name.clone()));
            }
        }
        Ok(Self(names))
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Checks that no name is that of a user id's topic.
    ///
    /// # Errors
    /// When a name is that of a user id's topic.
    pub fn checked_against(self, user_ids: &UserIds) -> Result<Self, PassThroughError> {
        let validated = user_ids.topic_names();
        match self.0.iter().find(|name| validated.contains(name)) {
            Some(name) => Err(PassThroughError::Validated(name.clone())),
            None => Ok(self),
        }
    }
}

/// The form that `FromStr` parses.
impl fmt::Display for PassThroughTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// Comma separated, as in an environment variable. An empty text is an empty list.
impl FromStr for PassThroughTopics {
    type Err = PassThroughError;

    fn from_str(text: &str) -> Result<Self, PassThroughError> {
        Self::new(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }
}

/// The same text, as in a template.
impl TryFrom<String> for PassThroughTopics {
    type Error = PassThroughError;

    fn try_from(text: String) -> Result<Self, PassThroughError> {
        text.parse()
    }
}

/// Returns whether Kafka allows every character of the name.
fn is_legal(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// A user id's topic, with the kind of its records.
#[derive(Debug, Clone)]
pub struct Topic {
    /// The name, `<user_id>.<kind>`.
    pub name: String,
    /// The kind of its records.
    pub kind: &'static Kind,
}

impl Topic {
    /// The topic of one user id for one kind.
    #[must_use]
    pub fn of(user_id: &UserId, kind: &'static Kind) -> Self {
        Self { name: format!("{user_id}.{}", kind.name), kind }
    }

    /// Validates a record's value like [`Kind::check`]. A row of another kind is reported with its topic.
    ///
    /// # Errors
    /// When the value is not JSON, or breaks rules.
    pub fn check(&self, value: &str) -> Result<JoinKey, Invalid> {
        self.kind.check(value).map_err(|invalid| match invalid {
            Invalid::Rules(broken) => Invalid::Rules(self.naming_topics(broken)),
            Invalid::NotJson(error) => Invalid::NotJson(error),
        })
    }

    /// Validates the value at the start of `text` like [`Topic::check`], and returns where it ends. `copies` gets the valid value
    /// as from [`Kind::check_start`].
    ///
    /// # Errors
    /// When `text` does not start with a JSON value.
    pub fn check_start<'a>(
        &self,
        text: &'a str,
        copies: &mut Vec<u8>,
    ) -> Result<(Result<ValidStart<'a>, BrokenRules>, usize), serde_json::Error> {
        let (checked, end) = self.kind.check_start(text, copies)?;
        Ok((checked.map_err(|broken| self.naming_topics(broken)), end))
    }

    /// Adds the topic to each row that belongs to another kind: a kind has no user id.
    fn naming_topics(&self, mut broken: BrokenRules) -> BrokenRules {
        let user_id = self.name.strip_suffix(self.kind.name).unwrap_or(&self.name);
        for violation in &mut broken.listed {
            if let Some(kind) = violation.belongs_to {
                violation.problem = format!("{}; its topic is {user_id}{kind}", violation.problem);
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_id_has_one_topic_per_kind() {
        let ids: UserIds = "0a1b2c3d4e5f, demo".parse().unwrap();
        let topics = ids.topics();
        assert_eq!(topics.len(), 2 * CATALOG.len());
        assert!(topics.iter().any(|topic| topic.name == "0a1b2c3d4e5f.pin"));
    }

    #[test]
    fn a_row_of_another_kind_is_reported_with_its_topic() {
        let user = r#"{"ind":1,"first_name":"A","last_name":"B","age":"20","date_joined":"2017-01-01 00:00:00"}"#;
        let topic = Topic::of(&"a.pin".parse().unwrap(), CATALOG[0]);
        let Err(Invalid::Rules(whole)) = topic.check(user) else { panic!("the row is accepted") };
        assert_eq!(whole.listed[0].problem, "looks like a user record; its topic is a.pin.user");
        assert_eq!(topic.check_start(user, &mut Vec::new()).unwrap(), (Err(whole), user.len()));
    }

    #[test]
    fn illegal_user_ids_are_rejected() {
        for (text, reason) in [("", "there is no user id"), ("a,a", "`a` is given twice")] {
            assert_eq!(text.parse::<UserIds>().unwrap_err().to_string(), reason, "{text:?}");
        }
        let rule = "a user id has 1 to 200 characters: letters, digits, `.`, `_` and `-`, and begins with neither `.` nor `_`: \
                    Spark and Athena skip folders that do";
        let long = "a".repeat(201);
        for text in ["a b", "_a", "_", ".a", "a,_b", &long] {
            let wrong = text.rsplit(',').next().unwrap();
            assert_eq!(text.parse::<UserIds>().unwrap_err().to_string(), format!("`{wrong}`: {rule}"));
        }
        for text in ["a_b", "a.", "-a", "0"] {
            assert!(text.parse::<UserIds>().is_ok(), "{text}");
        }
    }

    #[test]
    fn pass_through_topics_have_legal_names_that_no_other_topic_has() {
        assert_eq!("".parse(), Ok(PassThroughTopics::default()));
        let topics: PassThroughTopics = "clicks, views.v1".parse().unwrap();
        assert_eq!(
            (topics.iter().collect::<Vec<_>>(), topics.to_string()),
            (vec!["clicks", "views.v1"], "clicks,views.v1".to_owned())
        );
        for (text, reason) in [
            ("a/b", "`a/b`: a topic's name has 1 to 249 characters: letters, digits, `.`, `_` and `-`"),
            ("..", "`..`: a topic's name has 1 to 249 characters: letters, digits, `.`, `_` and `-`"),
            ("a,a", "`a` is given twice"),
            ("__consumer_offsets", "`__consumer_offsets`: topics that begin with `__` are Kafka's own"),
        ] {
            assert_eq!(text.parse::<PassThroughTopics>().unwrap_err().to_string(), reason, "{text:?}");
        }
        let error = "a,u.pin".parse::<PassThroughTopics>().unwrap().checked_against(&"u".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "`u.pin` is a user id's topic, whose records are validated");
    }

    #[test]
    fn every_kind_fits_after_the_longest_user_id() {
        for kind in CATALOG {
            let topic = Topic::of(&"u".repeat(UserId::MAX_CHARS).parse().unwrap(), kind).name;
            assert!(topic.len() <= MAX_TOPIC_CHARS, "{topic}");
            assert!(format!("{topic}+999+{}.json#99", i64::MAX).len() <= 255, "{topic}");
        }
    }
}
