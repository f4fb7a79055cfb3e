//! JSON as it stands in a file: names in their order, numbers as they are spelled, and lists that say how often an element
//! stands in them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    /// A number, `true`, `false` or `null`, as it is spelled.
    Plain(String),
    Text(String),
    /// With elements that stand for several: see [`elements`].
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    /// # Errors
    /// When the text is no JSON.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        Ok(match text.trim_start().as_bytes().first() {
            Some(b'{') => serde_json::from_str::<Members>(text).map(|Members(members)| Self::Object(members))?,
            Some(b'[') => Self::List(serde_json::from_str(text)?),
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            _ => Self::Plain(serde_json::from_str::<&RawValue>(text)?.get().to_owned()),
        })
    }

    /// `X` and `n` of `{"repeat": X, "times": n}`.
    pub(crate) fn repeated(&self) -> Option<(&Self, usize)> {
        match self {
            Self::Object(members) => match members.as_slice() {
                [(repeat, of), (times, Self::Plain(count))] if repeat == "repeat" && times == "times" => {
                    Some((of, count.parse().ok()?))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// `X` of a list `[{"repeat": X, "times": "{any}"}]`.
    pub(crate) fn each(&self) -> Option<&Self> {
        let Self::List(list) = self else { return None };
        let [Self::Object(members)] = list.as_slice() else { return None };
        match members.as_slice() {
            [(repeat, of), (times, Self::Text(any))] if repeat == "repeat" && times == "times" && any == "{any}" => {
                Some(of)
            }
            _ => None,
        }
    }

    /// The member of that name, where this is an object that has no other.
    pub(crate) fn only(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => match members.as_slice() {
                [(only, member)] if only == name => Some(member),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A list's elements, each `{"repeat": X, "times": n}` as `n` times `X`.
pub(crate) fn elements(list: &[Json]) -> impl Iterator<Item = &Json> {
    list.iter().flat_map(|element| {
        let (of, times) = element.repeated().unwrap_or((element, 1));
        std::iter::repeat_n(of, times)
    })
}

/// Without whitespace.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => f.write_str(text),
            Self::Text(text) => text_to(text, f),
            Self::List(list) => {
                f.write_str("[")?;
                for (at, element) in elements(list).enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    element.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (at, (name, member)) in members.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    text_to(name, f)?;
                    f.write_str(":")?;
                    member.fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

fn text_to(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(Box::<RawValue>::deserialize(deserializer)?.get()).map_err(Error::custom)
    }
}

struct Members(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_printed_with_its_names_in_order_and_its_numbers_as_they_were() {
        let text = r#"{"b":[1.10,-0,1E5,true,null,{}],"a":"\u00e9\"","a":""}"#;
        let spaced = text.replace(',', " ,\n ");
        assert_eq!(Json::parse(&spaced).unwrap().to_string(), text.replace("\\u00e9", "é"));
    }

    #[test]
    fn an_element_that_is_repeated_stands_for_several() {
        let list = Json::parse(r#"[1,{"repeat":{"a":2},"times":3},{"repeat":4,"times":0}]"#).unwrap();
        assert_eq!(list.to_string(), r#"[1,{"a":2},{"a":2},{"a":2}]"#);
    }

    #[test]
    fn what_is_no_json_is_not_read() {
        for text in ["", "{", "[1,]", "nul", "1 2", r#""\ud800""#, r#"{"a":"\ud800"}"#] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }
}
