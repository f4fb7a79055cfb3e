//! The archive's object names: a contract with notebooks, Spark and every version of the archive itself.

use std::fmt;

use object_store::path::Path;
use serde::{Serialize, Serializer};

/// The highest offset: with more than 10 digits, names would no longer sort by offset.
pub const MAX_OFFSET: u64 = 9_999_999_999;

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: String,
    /// The partition's number, starting at 0.
    pub partition: i32,
}

/// `<topic>-<partition>`, as Kafka's own tools and Lambda's events write it.
impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl Serialize for TopicPartition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A partition's two folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// Lines of JSON for notebooks: only `.json` objects.
    Topics,
    /// Values that are not JSON.
    Quarantine,
}

impl Folder {
    /// All folders.
    pub const ALL: [Self; 2] = [Self::Topics, Self::Quarantine];

    /// The path above those of the partitions.
    #[must_use]
    pub fn root(self) -> Path {
        Path::from(self.name())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Topics => "topics",
            Self::Quarantine => "quarantine",
        }
    }
}

/// An object's content, encoded in its folder and extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Records with consecutive offsets, beginning at the name's: one compact JSON text per line.
    Lines,
    /// The bytes of one value that is not JSON.
    NotJson,
    /// Nothing: a null value, which no bytes can represent.
    Null,
}

impl Content {
    const ALL: [Self; 3] = [Self::Lines, Self::NotJson, Self::Null];

    const fn folder(self) -> Folder {
        match self {
            Self::Lines => Folder::Topics,
            Self::NotJson | Self::Null => Folder::Quarantine,
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Lines => ".json",
            Self::NotJson => ".bin",
            Self::Null => ".null",
        }
    }
}

impl TopicPartition {
    /// The path above those of a topic's partitions in `folder`.
    #[must_use]
    pub fn topic_folder(topic: &str, folder: Folder) -> Path {
        Path::from(format!("{}/{topic}", folder.name()))
    }

    /// Returns the partition of a topic whose objects are in the folder `location`; `None` for a foreign folder.
    #[must_use]
    pub fn in_folder(topic: &str, location: &Path) -> Option<Self> {
        let partition = location.filename()?.strip_prefix("partition=")?.parse().ok().filter(|number| *number >= 0)?;
        let found = Self { topic: topic.to_owned(), partition };
        Folder::ALL.into_iter().any(|folder| found.folder(folder) == *location).then_some(found)
    }

    /// The path of this partition's objects in `folder`.
    #[must_use]
    pub fn folder(&self, folder: Folder) -> Path {
        Path::from(format!("{}/{}/partition={}", folder.name(), self.topic, self.partition))
    }

    /// The path of the object that begins at `offset`, at most [`MAX_OFFSET`].
    #[must_use]
    pub fn object(&self, content: Content, offset: u64) -> Path {
        Path::from(format!("{}{}", self.stem(content.folder(), offset), content.extension()))
    }

    /// A path that sorts between the objects before `offset` and those from `offset` on: stores list the names after a given
    /// one.
    #[must_use]
    pub fn before(&self, folder: Folder, offset: u64) -> Path {
        Path::from(self.stem(folder, offset))
    }

    fn stem(&self, folder: Folder, offset: u64) -> String {
        format!("{}/{}+{}+{offset:010}", self.folder(folder), self.topic, self.partition)
    }

    /// Returns the offset in the name of an object of `folder`.
    ///
    /// `None` for a foreign object, which every listing ignores: consoles and query engines leave markers (`_SUCCESS`,
    /// `…_$folder$`). No such marker can have the name of an archive object.
    #[must_use]
    pub fn offset_of(&self, folder: Folder, location: &Path) -> Option<u64> {
        let name = location.as_ref().strip_prefix(self.folder(folder).as_ref())?.strip_prefix('/')?;
        let name = name.strip_prefix(&self.topic)?.strip_prefix('+')?;
        let name = name.strip_prefix(&self.partition.to_string())?.strip_prefix('+')?;
        let mut extensions =
            Content::ALL.into_iter().filter(|content| content.folder() == folder).map(Content::extension);
        let digits = extensions.find_map(|extension| name.strip_suffix(extension))?;
        let ten_digits = digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
        ten_digits.then(|| digits.parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins() -> TopicPartition {
        TopicPartition { topic: "0a1b2c3d4e5f.pin".to_owned(), partition: 0 }
    }

    #[test]
    fn object_names_follow_the_contract() {
        for (content, offset, name) in [
            (Content::Lines, 0, "topics/0a1b2c3d4e5f.pin/partition=0/0a1b2c3d4e5f.pin+0+0000000000.json"),
            (Content::NotJson, 42, "quarantine/0a1b2c3d4e5f.pin/partition=0/0a1b2c3d4e5f.pin+0+0000000042.bin"),
            (Content::Null, MAX_OFFSET, "quarantine/0a1b2c3d4e5f.pin/partition=0/0a1b2c3d4e5f.pin+0+9999999999.null"),
        ] {
            let path = pins().object(content, offset);
            assert_eq!(path.as_ref(), name);
            assert_eq!(pins().offset_of(content.folder(), &path), Some(offset), "{name}");
        }
    }

    #[test]
    fn the_path_before_an_offset_sorts_between_its_neighbours() {
        for content in Content::ALL {
            for offset in [1, 10, 999_999_999, MAX_OFFSET] {
                let before = pins().before(content.folder(), offset);
                assert!(pins().object(content, offset - 1) < before, "{before}");
                assert!(before < pins().object(content, offset), "{before}");
            }
        }
    }

    #[test]
    fn a_partition_is_recognized_by_its_folder() {
        for folder in Folder::ALL {
            assert_eq!(TopicPartition::in_folder(&pins().topic, &pins().folder(folder)), Some(pins()));
            assert!(pins().folder(folder).prefix_matches(&TopicPartition::topic_folder(&pins().topic, folder)));
        }
        for name in ["partition=-1", "partition=00", "partition=+0", "partition=", "other", "partition=0/deeper"] {
            let folder = Path::from(format!("topics/{}/{name}", pins().topic));
            assert_eq!(TopicPartition::in_folder(&pins().topic, &folder), None, "{name}");
        }
    }

    #[test]
    fn a_foreign_name_has_no_offset() {
        let folder = pins().folder(Folder::Topics);
        for name in [
            "_SUCCESS",
            "0a1b2c3d4e5f.pin+0+0000000000",
            "0a1b2c3d4e5f.pin+0+0000000000.bin",
            "0a1b2c3d4e5f.pin+0+0000000000.json.crc",
            "0a1b2c3d4e5f.pin+0+000000000.json",
            "0a1b2c3d4e5f.pin+0+00000000000.json",
            "0a1b2c3d4e5f.pin+0++000000000.json",
            "0a1b2c3d4e5f.pin+1+0000000000.json",
            "0a1b2c3d4e5f.geo+0+0000000000.json",
            "deeper/0a1b2c3d4e5f.pin+0+0000000000.json",
        ] {
            assert_eq!(pins().offset_of(Folder::Topics, &Path::from(format!("{folder}/{name}"))), None, "{name}");
        }
    }
}
