//! The master user's password, on its way from Secrets Manager to the database.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that is not shown. Serialized it is plain: that is how the halves hand it over.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The master user, as RDS keeps it in Secrets Manager.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Master {
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: Secret,
}

/// What is wrong with JSON that may hold a password: where, and none of its text.
#[derive(Debug)]
pub struct Unreadable {
    what: &'static str,
    line: usize,
    column: usize,
}

impl Unreadable {
    pub(crate) fn new(what: &'static str, error: &serde_json::Error) -> Self {
        Self { what, line: error.line(), column: error.column() }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, line, column } = self;
        write!(f, "{what} is not as expected")?;
        // What was parsed before has no lines.
        if *line > 0 { write!(f, ", at line {line}, column {column}") } else { Ok(()) }
    }
}

impl std::error::Error for Unreadable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown_by_what_holds_it_nor_by_what_is_wrong_with_it() {
        let master: Master =
            serde_json::from_str(r#"{"username":"admin","password":"s3cret","engine":"mysql"}"#).unwrap();
        assert_eq!(format!("{master:?}"), r#"Master { username: "admin", password: … }"#);
        assert_eq!(master.password.reveal(), "s3cret");
        for wrong in [r#""s3cret""#, r#"{"username":"admin","password":["s3cret"]}"#, r#"{"s3cret":1}"#, "s3cret"] {
            let error = serde_json::from_str::<Master>(wrong).unwrap_err();
            let error = Unreadable::new("the secret", &error);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
