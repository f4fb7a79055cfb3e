//! The objects that the archiver has stored since the start.

use std::collections::{BTreeMap, VecDeque};

use archive::{
    layout::{Content, TopicPartition},
    store::Stored,
};
use serde::Serialize;

/// The most objects kept per partition: enough to find the records of the posts shown.
const MAX_OBJECTS_PER_PARTITION: usize = 1_000;

/// The most objects listed per partition.
const MAX_LISTED_OBJECTS: usize = 8;

/// The most quarantined objects kept, over all partitions.
const MAX_QUARANTINED_OBJECTS: usize = 10;

/// The stored objects by partition.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    partitions: BTreeMap<TopicPartition, Partition>,
    quarantine: VecDeque<Stored>,
}

#[derive(Debug, Default)]
struct Partition {
    objects: u64,
    bytes: u64,
    /// In the order of their offsets, including the quarantined ones.
    latest: VecDeque<Stored>,
}

/// The part of the event about the archive.
#[derive(Debug, Serialize)]
pub(crate) struct ArchiveView<'a> {
    objects: u64,
    bytes: u64,
    partitions: Vec<PartitionView<'a>>,
    quarantine: Vec<ObjectView>,
}

#[derive(Debug, Serialize)]
struct PartitionView<'a> {
    topic: &'a str,
    partition: i32,
    objects: u64,
    bytes: u64,
    latest: Vec<ObjectView>,
}

#[derive(Debug, Serialize)]
struct ObjectView {
    path: String,
    offset: u64,
    bytes: u64,
}

impl ObjectView {
    fn of(stored: &Stored) -> Self {
        Self { path: stored.path().to_string(), offset: stored.offset, bytes: stored.bytes }
    }
}

impl Objects {
    pub(crate) fn add(&mut self, stored: Stored) {
        let partition = self.partitions.entry(stored.partition.clone()).or_default();
        if stored.content == Content::Lines {
            partition.objects += 1;
            partition.bytes += stored.bytes;
        } else {
            keep(&mut self.quarantine, stored.clone(), MAX_QUARANTINED_OBJECTS);
        }
        keep(&mut partition.latest, stored, MAX_OBJECTS_PER_PARTITION);
    }

    /// Returns the object that holds a record, if it is kept.
    pub(crate) fn holding(&self, partition: &TopicPartition, offset: u64) -> Option<&Stored> {
        let latest = &self.partitions.get(partition)?.latest;
        let behind = latest.partition_point(|stored| stored.offset <= offset);
        latest.get(behind.checked_sub(1)?).filter(|stored| stored.holds(offset))
    }

    /// Returns the object with this path, if it is kept.
    pub(crate) fn at_path(&self, path: &str) -> Option<&Stored> {
        let kept = self.partitions.values().flat_map(|partition| &partition.latest);
        kept.chain(&self.quarantine).find(|stored| stored.path().as_ref() == path)
    }

    /// Returns what the page shows, newest first.
    pub(crate) fn view(&self) -> ArchiveView<'_> {
        let partitions = self.partitions.iter();
        ArchiveView {
            objects: self.partitions.values().map(|partition| partition.objects).sum(),
            bytes: self.partitions.values().map(|partition| partition.bytes).sum(),
            partitions: partitions.map(|(of, partition)| partition.view(of)).collect(),
            quarantine: self.quarantine.iter().rev().map(ObjectView::of).collect(),
        }
    }
}

impl Partition {
    fn view<'a>(&self, TopicPartition { topic, partition }: &'a TopicPartition) -> PartitionView<'a> {
        let lines = self.latest.iter().rev().filter(|stored| stored.content == Content::Lines);
        let latest = lines.take(MAX_LISTED_OBJECTS).map(ObjectView::of).collect();
        PartitionView { topic, partition: *partition, objects: self.objects, bytes: self.bytes, latest }
    }
}

fn keep(kept: &mut VecDeque<Stored>, stored: Stored, most: usize) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(stored);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pins() -> TopicPartition {
        TopicPartition { topic: "demo.pin".to_owned(), partition: 0 }
    }

    fn stored(content: Content, offset: u64, records: u64) -> Stored {
        Stored { partition: pins(), content, offset, records, bytes: 10 * records }
    }

    #[test]
    fn a_record_is_found_only_in_the_object_that_holds_it() {
        let mut objects = Objects::default();
        objects.add(stored(Content::Lines, 5, 3));
        objects.add(stored(Content::NotJson, 8, 1));
        // Another process stored the offsets between.
        objects.add(stored(Content::Lines, 20, 2));
        let start = |offset| objects.holding(&pins(), offset).map(|stored| stored.offset);
        let found = [4, 5, 7, 8, 9, 19, 20, 21, 22].map(start);
        assert_eq!(found, [None, Some(5), Some(5), Some(8), None, None, Some(20), Some(20), None]);
        assert!(objects.holding(&TopicPartition { partition: 1, ..pins() }, 5).is_none());
    }

    #[test]
    fn the_view_has_sums_the_newest_objects_and_the_quarantine() {
        let mut objects = Objects::default();
        for offset in 0..20 {
            objects.add(stored(Content::Lines, offset, 1));
        }
        objects.add(stored(Content::NotJson, 20, 1));
        let view = serde_json::to_value(objects.view()).unwrap();
        assert_eq!((&view["objects"], &view["bytes"]), (&20.into(), &200.into()));
        let latest = view["partitions"][0]["latest"].as_array().unwrap();
        assert_eq!((latest.len(), &latest[0]["offset"]), (MAX_LISTED_OBJECTS, &json!(19)));
        let path = "quarantine/demo.pin/partition=0/demo.pin+0+0000000020.bin";
        assert_eq!(view["quarantine"], json!([{"path": path, "offset": 20, "bytes": 10}]));
        assert_eq!(objects.at_path(path).map(|stored| stored.offset), Some(20));
        assert!(objects.at_path("../secret").is_none());
    }
}
