//! The latest posts, assembled from their records, and the end offsets of the partitions.

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

/// The most posts kept: those on the map and in the rankings.
pub(super) const MAX_POSTS: usize = 500;

/// The number of latest posts in which a record's post is searched. A post's three records are sent together or in sequence.
const POST_SEARCH_WINDOW: usize = 64;

/// The most posts shown as cards.
const MAX_CARDS: usize = 12;

/// The length of each ranking.
const RANKING_LENGTH: usize = 8;

/// The size limit of a kept row, in bytes. The page shows the record of a longer one without its contents.
const MAX_ROW_BYTES: usize = 8 * 1024;

/// The size limit of a post's key, in bytes: a number joins the records of a post.
const MAX_INDEX_BYTES: usize = 32;

/// The latest posts. Their rows are parsed only while a browser is connected.
#[derive(Debug)]
pub(crate) struct Posts {
    /// The user id and the kind of each topic of posts.
    topics: HashMap<String, (Arc<str>, &'static str)>,
    count: u64,
    /// Oldest first.
    latest: VecDeque<Post>,
    /// The end offset of each partition.
    ends: BTreeMap<TopicPartition, u64>,
}

#[derive(Debug)]
struct Post {
    id: u64,
    user_id: Arc<str>,
    /// The key that joins its records.
    index: Bytes,
    time_ms: i64,
    /// The row of each kind.
    rows: BTreeMap<&'static str, Row>,
    /// The details parsed so far.
    details: Details,
}

#[derive(Debug)]
struct Row {
    partition: TopicPartition,
    offset: u64,
    /// The row, until it is parsed.
    unparsed: Option<Bytes>,
}

impl Post {
    fn parsed_rows(&self) -> impl Iterator<Item = (&&'static str, &Row)> {
        self.rows.iter().filter(|(_, row)| row.unparsed.is_none())
    }
}

/// A row to be parsed, with its post.
pub(crate) struct UnparsedRow {
    post: u64,
    kind: &'static str,
    row: Bytes,
}

/// The details of one row.
pub(crate) struct ParsedRow {
    post: u64,
    kind: &'static str,
    details: Details,
}

impl UnparsedRow {
    /// Parses the row. That takes long, so call it without holding a lock.
    pub(crate) fn parse(self) -> ParsedRow {
        ParsedRow { post: self.post, kind: self.kind, details: Details::of(&self.row) }
    }
}

/// The part of the event about posts.
#[derive(Debug, Serialize)]
pub(crate) struct PostsView<'a> {
    posts: Vec<PostView<'a>>,
    places: Vec<[f64; 2]>,
    categories: Vec<(&'a str, usize)>,
    countries: Vec<(&'a str, usize)>,
}

#[derive(Debug, Serialize)]
struct PostView<'a> {
    id: u64,
    time_ms: i64,
    #[serde(flatten)]
    details: &'a Details,
    records: BTreeMap<&'static str, RecordView<'a>>,
}

#[derive(Debug, Serialize)]
struct RecordView<'a> {
    topic: &'a str,
    partition: i32,
    offset: u64,
    /// The object that holds the record, once it is archived.
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

    /// Raises the end offset of a partition to `next`.
    pub(crate) fn add_end(&mut self, partition: TopicPartition, next: u64) {
        let end = self.ends.entry(partition).or_default();
        *end = next.max(*end);
    }

    /// Adds a written record to its post, or starts a new post.
    pub(crate) fn add(&mut self, record: &ProducerRecord, written: Written, time_ms: i64) {
        let partition = TopicPartition { topic: record.topic.to_string(), partition: written.partition };
        let Ok(offset) = u64::try_from(written.offset) else { return };
        // Neither pass-through records nor tombstones belong to a post.
        let Some((user_id, kind)) = self.topics.get(&partition.topic).cloned() else { return };
        let (Some(index), Some(value)) = (&record.key, &record.value) else { return };
        if index.len() > MAX_INDEX_BYTES {
            return;
        }
        // A copy: a slice would keep the whole body of the request in memory.
        let unparsed = (value.len() <= MAX_ROW_BYTES).then(|| Bytes::copy_from_slice(value));
        let row = Row { partition, offset, unparsed };
        let recent = self.latest.iter_mut().rev().take(POST_SEARCH_WINDOW);
        let mut of_index = recent.filter(|post| post.user_id == user_id && post.index == index);
        if let Some(post) = of_index.next().filter(|post| !post.rows.contains_key(kind)) {
            post.rows.insert(kind, row);
            return;
        }
        if self.latest.len() == MAX_POSTS {
            self.latest.pop_front();
        }
        self.count += 1;
        let (index, rows) = (Bytes::copy_from_slice(index), BTreeMap::from([(kind, row)]));
        self.latest.push_back(Post { id: self.count, user_id, index, time_ms, rows, details: Details::default() });
    }

    /// Returns the rows that are not parsed yet.
    pub(crate) fn unparsed(&self) -> Vec<UnparsedRow> {
        let rows = self.latest.iter().flat_map(|post| post.rows.iter().map(|(kind, row)| (post.id, *kind, row)));
        rows.filter_map(|(post, kind, row)| Some(UnparsedRow { post, kind, row: row.unparsed.clone()? })).collect()
    }

    /// Adds parsed details to the posts that are still kept.
    pub(crate) fn add_parsed(&mut self, rows: Vec<ParsedRow>) {
        let Some(first) = self.latest.front().map(|post| post.id) else { return };
        for ParsedRow { post, kind, details } in rows {
            // Ids have no gaps.
            let at = post.checked_sub(first).and_then(|at| usize::try_from(at).ok());
            if let Some(post) = at.and_then(|at| self.latest.get_mut(at)) {
                post.details = mem::take(&mut post.details).merge(details);
                if let Some(row) = post.rows.get_mut(kind) {
                    row.unparsed = None;
                }
            }
        }
    }

    /// The end offset of each partition with a record.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (&TopicPartition, u64)> {
        self.ends.iter().map(|(partition, next)| (partition, *next))
    }

    /// Returns what the page shows, newest first.
    pub(crate) fn view<'a>(&'a self, objects: &Objects) -> PostsView<'a> {
        let newest = || self.latest.iter().rev();
        let object = |row: &Row| objects.holding(&row.partition, row.offset).map(|stored| stored.path().to_string());
        let record = |row: &'a Row| RecordView {
            topic: &row.partition.topic,
            partition: row.partition.partition,
            offset: row.offset,
            object: object(row),
        };
        let post = |post: &'a Post| PostView {
            id: post.id,
            time_ms: post.time_ms,
            details: &post.details,
            // A record appears together with its details.
            records: post.parsed_rows().map(|(kind, row)| (*kind, record(row))).collect(),
        };
        PostsView {
            posts: newest().filter(|post| post.parsed_rows().next().is_some()).take(MAX_CARDS).map(post).collect(),
            places: newest().filter_map(|post| post.details.place()).collect(),
            categories: ranked(newest().filter_map(|post| post.details.category.as_deref())),
            countries: ranked(newest().filter_map(|post| post.details.country.as_deref())),
        }
    }
}

/// Returns the most frequent names with their counts. Ties are in alphabetical order.
fn ranked<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    ranked.truncate(RANKING_LENGTH);
    ranked
}

#[cfg(test)]
mod tests;
