//! The latest posts, put together from their records, and where each topic ends.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    mem,
    sync::Arc,
};

use archive::layout::TopicPartition;
use bytes::Bytes;
use serde::Serialize;
use shared::{
    kind::CATALOG,
    publish::{ProducerRecord, Written},
    topic::{Topic, UserId, UserIds},
};

use self::details::Details;
use super::objects::Objects;

mod details;

/// How many posts are kept: what the map shows and what is ranked.
pub(super) const KEPT: usize = 500;

/// Among how many of the latest a record's post is looked for: its three records are sent together, or one after the other.
const LOOKED_AT: usize = 64;

/// How many are shown as posts.
const SHOWN: usize = 12;

/// How many categories and countries are named.
const RANKED: usize = 8;

/// A longer row is not kept: what it says is not shown, while its record is.
const MAX_ROW_BYTES: usize = 8 * 1024;

/// A longer key is none of a post: those are joined by a number.
const MAX_INDEX_BYTES: usize = 32;

/// The latest posts. Their rows are read only when somebody looks.
#[derive(Debug)]
pub(crate) struct Posts {
    /// The topics of posts: whose, and which kind.
    topics: HashMap<String, (Arc<str>, &'static str)>,
    count: u64,
    /// The newest last.
    latest: VecDeque<Post>,
    /// Behind the last record that was written, by partition.
    ends: BTreeMap<TopicPartition, u64>,
}

#[derive(Debug)]
struct Post {
    id: u64,
    user_id: Arc<str>,
    /// What its records are joined by.
    index: Bytes,
    time_ms: i64,
    /// By the name of their kind.
    rows: BTreeMap<&'static str, Row>,
    /// What was read of them so far.
    read: Details,
}

#[derive(Debug)]
struct Row {
    of: TopicPartition,
    offset: u64,
    /// Until it is read.
    unread: Option<Bytes>,
}

impl Post {
    fn read_rows(&self) -> impl Iterator<Item = (&&'static str, &Row)> {
        self.rows.iter().filter(|(_, row)| row.unread.is_none())
    }
}

/// A row that is to be read, and whose it is.
pub(crate) struct Unread {
    post: u64,
    kind: &'static str,
    row: Bytes,
}

/// What one says.
pub(crate) struct Reading {
    post: u64,
    kind: &'static str,
    read: Details,
}

impl Unread {
    /// Takes its time, so nobody should wait for it.
    pub(crate) fn read(self) -> Reading {
        Reading { post: self.post, kind: self.kind, read: Details::of(&self.row) }
    }
}

/// What is shown of the latest posts.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    posts: Vec<ShownPost<'a>>,
    places: Vec<[f64; 2]>,
    categories: Vec<(&'a str, usize)>,
    countries: Vec<(&'a str, usize)>,
}

#[derive(Debug, Serialize)]
struct ShownPost<'a> {
    id: u64,
    time_ms: i64,
    #[serde(flatten)]
    read: &'a Details,
    records: BTreeMap<&'static str, ShownRecord<'a>>,
}

#[derive(Debug, Serialize)]
struct ShownRecord<'a> {
    topic: &'a str,
    partition: i32,
    offset: u64,
    /// Once it is archived.
    object: Option<String>,
}

impl Posts {
    pub(crate) fn of(user_ids: &UserIds) -> Self {
        let of_user_id = |user_id: &UserId| {
            let shown: Arc<str> = user_id.to_string().into();
            let topics = CATALOG.iter().map(|kind| Topic::of(user_id, kind));
            topics.map(|topic| (topic.name, (Arc::clone(&shown), topic.kind.name))).collect::<Vec<_>>()
        };
        Self {
            topics: user_ids.iter().flat_map(of_user_id).collect(),
            count: 0,
            latest: VecDeque::new(),
            ends: BTreeMap::new(),
        }
    }

    /// A partition ends at `next`, or behind that.
    pub(crate) fn add_end(&mut self, of: TopicPartition, next: u64) {
        let end = self.ends.entry(of).or_default();
        *end = next.max(*end);
    }

    /// A record was written.
    pub(crate) fn add(&mut self, record: &ProducerRecord, written: Written, time_ms: i64) {
        let of = TopicPartition { topic: record.topic.to_string(), partition: written.partition };
        let Ok(offset) = u64::try_from(written.offset) else { return };
        // What is passed through is no post, and neither is a null.
        let Some((user_id, kind)) = self.topics.get(&of.topic).cloned() else { return };
        let (Some(index), Some(value)) = (&record.key, &record.value) else { return };
        if index.len() > MAX_INDEX_BYTES {
            return;
        }
        // A copy, so that the request's whole body is not kept with it.
        let unread = (value.len() <= MAX_ROW_BYTES).then(|| Bytes::copy_from_slice(value));
        let row = Row { of, offset, unread };
        let recent = self.latest.iter_mut().rev().take(LOOKED_AT);
        let mut of_index = recent.filter(|post| post.user_id == user_id && post.index == index);
        if let Some(post) = of_index.next().filter(|post| !post.rows.contains_key(kind)) {
            post.rows.insert(kind, row);
            return;
        }
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        self.count += 1;
        let (index, rows) = (Bytes::copy_from_slice(index), BTreeMap::from([(kind, row)]));
        self.latest.push_back(Post { id: self.count, user_id, index, time_ms, rows, read: Details::default() });
    }

    /// The rows that nobody has read.
    pub(crate) fn unread(&self) -> Vec<Unread> {
        let rows = self.latest.iter().flat_map(|post| post.rows.iter().map(|(kind, row)| (post.id, *kind, row)));
        rows.filter_map(|(post, kind, row)| Some(Unread { post, kind, row: row.unread.clone()? })).collect()
    }

    /// Adds what was read, as far as the posts are still kept.
    pub(crate) fn add_read(&mut self, readings: Vec<Reading>) {
        let Some(first) = self.latest.front().map(|post| post.id) else { return };
        for Reading { post, kind, read } in readings {
            // Ids have no gaps.
            let at = post.checked_sub(first).and_then(|at| usize::try_from(at).ok());
            if let Some(post) = at.and_then(|at| self.latest.get_mut(at)) {
                post.read = mem::take(&mut post.read).and(read);
                if let Some(row) = post.rows.get_mut(kind) {
                    row.unread = None;
                }
            }
        }
    }

    /// Behind each partition's last record, as far as records were written here.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (&TopicPartition, u64)> {
        self.ends.iter().map(|(partition, next)| (partition, *next))
    }

    /// Newest first.
    pub(crate) fn shown<'a>(&'a self, objects: &Objects) -> Shown<'a> {
        let newest = || self.latest.iter().rev();
        let object = |row: &Row| objects.holding(&row.of, row.offset).map(|stored| stored.path().to_string());
        let record = |row: &'a Row| ShownRecord {
            topic: &row.of.topic,
            partition: row.of.partition,
            offset: row.offset,
            object: object(row),
        };
        let post = |post: &'a Post| ShownPost {
            id: post.id,
            time_ms: post.time_ms,
            read: &post.read,
            // What is not read yet is shown with what it says.
            records: post.read_rows().map(|(kind, row)| (*kind, record(row))).collect(),
        };
        Shown {
            posts: newest().filter(|post| post.read_rows().next().is_some()).take(SHOWN).map(post).collect(),
            places: newest().filter_map(|post| post.read.place()).collect(),
            categories: ranked(newest().filter_map(|post| post.read.category.as_deref())),
            countries: ranked(newest().filter_map(|post| post.read.country.as_deref())),
        }
    }
}

/// The most frequent first; of those that are equally frequent the first by the alphabet.
fn ranked<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    ranked.truncate(RANKED);
    ranked
}

#[cfg(test)]
mod tests;
