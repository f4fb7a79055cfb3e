//! The members of a JSON object, with each value as the client wrote it.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use shared::{json::Key, redact::excerpt};

use crate::error::Error;

/// The most members that an object may have.
const MAX_MEMBERS: usize = 7;

/// The members of an object, in order. A null value counts as missing.
#[derive(Debug)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// Parses `object`. Only members in `known` are allowed, each once. `what` names the object in errors.
    pub(crate) fn read(object: &'a str, what: &str, known: &[&str]) -> Result<Self, Error> {
        debug_assert!(known.len() <= MAX_MEMBERS, "{known:?}");
        let members: Self = serde_json::from_str(object).map_err(|_| {
            let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Error::BadRecord(format!("{what} must be an object with no other members than {known}"))
        })?;
        for (at, (name, _)) in members.0.iter().enumerate() {
            if !known.contains(&name.as_ref()) {
                return Err(Error::UnrecognizedField { name: excerpt(name) });
            }
            if members.0[..at].iter().any(|(other, _)| other == name) {
                return Err(Error::BadRecord(format!("{what}: `{name}` appears twice")));
            }
        }
        Ok(members)
    }

    /// A member's value, unless it is missing or null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value).filter(|value| *value != "null")
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Key(name)) = map.next_key()? {
            let value = map.next_value::<&RawValue>()?.get();
            // One more than any valid object has, so that an unknown or duplicate one is among them.
            if members.len() <= MAX_MEMBERS {
                members.push((name, value));
            }
        }
        Ok(Members(members))
    }
}
