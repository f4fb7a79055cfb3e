//! The needs of vectors: properties that some require of the API.

use serde::Deserialize;

/// A property that a vector requires of the API. The README defines each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
#[expect(missing_docs, reason = "the README's table is their documentation")]
pub enum Need {
    Bytes,
    ExactPaths,
    AnyMethod,
    LargeBodies,
    SmallRecords,
    ThreePartitions,
    PassThrough,
    SharedStream,
    HonestStatuses,
    ConfluentStatuses,
}

impl Need {
    /// Each of them.
    pub const ALL: [Self; 10] = [
        Self::Bytes,
        Self::ExactPaths,
        Self::AnyMethod,
        Self::LargeBodies,
        Self::SmallRecords,
        Self::ThreePartitions,
        Self::PassThrough,
        Self::SharedStream,
        Self::HonestStatuses,
        Self::ConfluentStatuses,
    ];

    /// Its name in the vectors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::ExactPaths => "exact-paths",
            Self::AnyMethod => "any-method",
            Self::LargeBodies => "large-bodies",
            Self::SmallRecords => "small-records",
            Self::ThreePartitions => "three-partitions",
            Self::PassThrough => "pass-through",
            Self::SharedStream => "shared-stream",
            Self::HonestStatuses => "honest-statuses",
            Self::ConfluentStatuses => "confluent-statuses",
        }
    }
}

/// An unknown need.
#[derive(Debug, thiserror::Error)]
#[error("unknown need `{name}`; there are {}", Need::ALL.map(Need::name).join(", "))]
pub struct UnknownNeed {
    name: String,
}

impl TryFrom<String> for Need {
    type Error = UnknownNeed;

    fn try_from(name: String) -> Result<Self, UnknownNeed> {
        Self::ALL.into_iter().find(|need| need.name() == name).ok_or(UnknownNeed { name })
    }
}

impl std::str::FromStr for Need {
    type Err = UnknownNeed;

    fn from_str(name: &str) -> Result<Self, UnknownNeed> {
        name.to_owned().try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_defines_every_need() {
        let readme = include_str!("../README.md");
        let (_, table) = readme.split_once("| need | requirement |\n| --- | --- |\n").unwrap();
        let rows: Vec<_> = table.lines().map_while(|row| row.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(rows, Need::ALL.map(Need::name));
    }

    #[test]
    fn an_unknown_need_is_an_error() {
        let error = serde_json::from_str::<Vec<Need>>(r#"["bytes","gold"]"#).unwrap_err().to_string();
        assert!(error.contains("`gold`; there are bytes, exact-paths, "), "{error}");
    }
}
