//! The objects that the archive stored since the process began.

use std::collections::{BTreeMap, VecDeque};

use archive::{
    layout::{Content, TopicPartition},
    store::Stored,
};
use serde::Serialize;

/// How many of a partition are remembered: a record of the posts that are shown is in one of them.
const REMEMBERED: usize = 1_000;

/// How many of a partition are shown.
const SHOWN: usize = 8;

/// How many in quarantine are shown, of all partitions.
const SHOWN_QUARANTINED: usize = 10;

/// Objects by their partition.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    partitions: BTreeMap<TopicPartition, Partition>,
    quarantine: VecDeque<Stored>,
}

#[derive(Debug, Default)]
struct Partition {
    objects: u64,
    bytes: u64,
    /// In the order of their offsets, those in quarantine included.
    latest: VecDeque<Stored>,
}

/// What is shown of all.
#[derive(Debug, Serialize)]
pub(crate) struct Tree<'a> {
    objects: u64,
    bytes: u64,
    partitions: Vec<Branch<'a>>,
    quarantine: Vec<Leaf>,
}

#[derive(Debug, Serialize)]
struct Branch<'a> {
    topic: &'a str,
    partition: i32,
    objects: u64,
    bytes: u64,
    latest: Vec<Leaf>,
}

#[derive(Debug, Serialize)]
struct Leaf {
    path: String,
    offset: u64,
    bytes: u64,
}

impl Leaf {
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
            keep(&mut self.quarantine, stored.clone(), SHOWN_QUARANTINED);
        }
        keep(&mut partition.latest, stored, REMEMBERED);
    }

    /// The one that holds a record, if it is remembered.
    pub(crate) fn holding(&self, partition: &TopicPartition, offset: u64) -> Option<&Stored> {
        let latest = &self.partitions.get(partition)?.latest;
        let behind = latest.partition_point(|stored| stored.offset <= offset);
        latest.get(behind.checked_sub(1)?).filter(|stored| stored.holds(offset))
    }

    /// The one of that name, if it is remembered.
    pub(crate) fn named(&self, path: &str) -> Option<&Stored> {
        let remembered = self.partitions.values().flat_map(|partition| &partition.latest);
        remembered.chain(&self.quarantine).find(|stored| stored.path().as_ref() == path)
    }

    /// The newest first.
    pub(crate) fn tree(&self) -> Tree<'_> {
        let partitions = self.partitions.iter();
        Tree {
            objects: self.partitions.values().map(|partition| partition.objects).sum(),
            bytes: self.partitions.values().map(|partition| partition.bytes).sum(),
            partitions: partitions.map(|(of, partition)| partition.branch(of)).collect(),
            quarantine: self.quarantine.iter().rev().map(Leaf::of).collect(),
        }
    }
}

impl Partition {
    fn branch<'a>(&self, TopicPartition { topic, partition }: &'a TopicPartition) -> Branch<'a> {
        let lines = self.latest.iter().rev().filter(|stored| stored.content == Content::Lines);
        let latest = lines.take(SHOWN).map(Leaf::of).collect();
        Branch { topic, partition: *partition, objects: self.objects, bytes: self.bytes, latest }
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
    fn a_record_is_found_in_the_object_that_holds_it_and_in_no_other() {
        let mut objects = Objects::default();
        objects.add(stored(Content::Lines, 5, 3));
        objects.add(stored(Content::NotJson, 8, 1));
        // Another writer stored what is between.
        objects.add(stored(Content::Lines, 20, 2));
        let start = |offset| objects.holding(&pins(), offset).map(|stored| stored.offset);
        let found = [4, 5, 7, 8, 9, 19, 20, 21, 22].map(start);
        assert_eq!(found, [None, Some(5), Some(5), Some(8), None, None, Some(20), Some(20), None]);
        assert!(objects.holding(&TopicPartition { partition: 1, ..pins() }, 5).is_none());
    }

    #[test]
    fn the_tree_has_sums_and_the_newest_objects_and_a_quarantine_beside() {
        let mut objects = Objects::default();
        for offset in 0..20 {
            objects.add(stored(Content::Lines, offset, 1));
        }
        objects.add(stored(Content::NotJson, 20, 1));
        let tree = serde_json::to_value(objects.tree()).unwrap();
        assert_eq!((&tree["objects"], &tree["bytes"]), (&20.into(), &200.into()));
        let latest = tree["partitions"][0]["latest"].as_array().unwrap();
        assert_eq!((latest.len(), &latest[0]["offset"]), (SHOWN, &json!(19)));
        let path = "quarantine/demo.pin/partition=0/demo.pin+0+0000000020.bin";
        assert_eq!(tree["quarantine"], json!([{"path": path, "offset": 20, "bytes": 10}]));
        assert_eq!(objects.named(path).map(|stored| stored.offset), Some(20));
        assert!(objects.named("../secret").is_none());
    }
}
