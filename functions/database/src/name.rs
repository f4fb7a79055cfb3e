//! Names that are spliced into SQL, which takes no parameters there.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name of ASCII letters, digits, `_` and `-`, which needs no escaping inside any quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name<const MAX: usize>(String);

/// A database's name. MySQL's limit is 64 characters.
pub(crate) type DatabaseName = Name<64>;

/// A user's name. MySQL's limit is 32 characters.
pub(crate) type UserName = Name<32>;

/// The error of parsing a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a name of 1 to {max} ASCII letters, digits, `_` and `-`")]
pub struct NameError {
    text: String,
    max: usize,
}

impl<const MAX: usize> TryFrom<String> for Name<MAX> {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if plain && (1..=MAX).contains(&text.len()) { Ok(Self(text)) } else { Err(NameError { text, max: MAX }) }
    }
}

impl<const MAX: usize> From<Name<MAX>> for String {
    fn from(Name(text): Name<MAX>) -> Self {
        text
    }
}

impl<const MAX: usize> fmt::Display for Name<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_quotes() {
        let read = |text: &str| UserName::try_from(text.to_owned());
        assert_eq!(read("pinterest-data_2").unwrap().to_string(), "pinterest-data_2");
        for text in ["", "a`b", "a'b", "a\\b", "a b", "a;b", "a.b", "ä", "a\0", "a%", &"a".repeat(33)] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.ends_with("is not a name of 1 to 32 ASCII letters, digits, `_` and `-`"), "{error}");
        }
    }
}
