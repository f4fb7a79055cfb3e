//! The names of a table's objects: a contract with query engines.

use std::fmt;

use object_store::path::Path;
use serde::{Serialize, Serializer};
use shared::{kind::Kind, topic::UserId};
use uuid::Uuid;

/// The table of one user id and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    user_id: UserId,
    kind: &'static Kind,
}

/// `<user_id>/<kind>`, its folder in `tables`.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.user_id, self.kind)
    }
}

impl Serialize for TableName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TableName {
    /// The table of a user id and a kind.
    #[must_use]
    pub const fn new(user_id: UserId, kind: &'static Kind) -> Self {
        Self { user_id, kind }
    }

    /// The kind of its rows.
    #[must_use]
    pub const fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// The topic of its records.
    #[must_use]
    pub fn topic(&self) -> String {
        format!("{}.{}", self.user_id, self.kind)
    }

    /// The table's folder.
    #[must_use]
    pub fn folder(&self) -> Path {
        Path::from(format!("tables/{self}"))
    }

    /// The folder of its log.
    pub(crate) fn log(&self) -> Path {
        self.folder().join("_delta_log")
    }

    /// The object of a version.
    pub(crate) fn version(&self, version: u64) -> Path {
        self.log().join(format!("{version:020}.json"))
    }

    /// The path of a data file.
    pub(crate) fn data_file(&self, name: &str) -> Path {
        self.folder().join(name)
    }
}

/// A new name for a data file. It is random, so that no two writers ever write the same file.
pub(crate) fn new_data_file() -> String {
    format!("part-{}.snappy.parquet", Uuid::new_v4().simple())
}

/// Returns whether a file of a table, by its path there, has a name of [`new_data_file`]. Only such files are merged and deleted.
pub(crate) fn is_data_file(path: &str) -> bool {
    let digits = path.strip_prefix("part-").and_then(|rest| rest.strip_suffix(".snappy.parquet"));
    digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use shared::kind::PIN;

    use super::*;

    #[test]
    fn object_names_follow_the_contract() {
        let table = TableName::new("0a1b".parse().unwrap(), &PIN);
        assert_eq!(table.topic(), "0a1b.pin");
        assert_eq!(table.version(12).as_ref(), "tables/0a1b/pin/_delta_log/00000000000000000012.json");
        let name = new_data_file();
        assert_eq!(table.data_file(&name).as_ref(), format!("tables/0a1b/pin/{name}"));
        assert_ne!(name, new_data_file());
        assert!(is_data_file(&name));
        for other in ["part-00000-0a1b.snappy.parquet", "_delta_log", &format!("x/{name}"), &format!("{name}.crc")] {
            assert!(!is_data_file(other), "{other}");
        }
    }
}
