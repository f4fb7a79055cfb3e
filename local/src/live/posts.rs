//! The latest posts, put together from their records, and where each topic ends.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use archive::layout::TopicPartition;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use shared::{
    kind::CATALOG,
    publish::{Record, Written},
    topic::{Topic, UserId, UserIds},
};

use super::objects::Objects;

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
    read: Read,
}

#[derive(Debug)]
struct Row {
    of: TopicPartition,
    offset: u64,
    /// Until it is read.
    unread: Option<Bytes>,
}

/// What the rows of a post say, as far as people want to know. Each is of one kind alone.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
struct Read {
    title: Option<String>,
    poster_name: Option<String>,
    follower_count: Option<String>,
    category: Option<String>,
    #[serde(rename(serialize = "media"))]
    is_image_or_video: Option<String>,
    country: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    #[serde(skip_serializing)]
    first_name: Option<String>,
    #[serde(skip_serializing)]
    last_name: Option<String>,
    age: Option<f64>,
    date_joined: Option<String>,
}

impl Read {
    /// What either says.
    fn and(self, more: Self) -> Self {
        Self {
            title: more.title.or(self.title),
            poster_name: more.poster_name.or(self.poster_name),
            follower_count: more.follower_count.or(self.follower_count),
            category: more.category.or(self.category),
            is_image_or_video: more.is_image_or_video.or(self.is_image_or_video),
            country: more.country.or(self.country),
            latitude: more.latitude.or(self.latitude),
            longitude: more.longitude.or(self.longitude),
            first_name: more.first_name.or(self.first_name),
            last_name: more.last_name.or(self.last_name),
            age: more.age.or(self.age),
            date_joined: more.date_joined.or(self.date_joined),
        }
    }

    fn place(&self) -> Option<[f64; 2]> {
        // To a hundredth of a degree: the map has no room for more.
        let rounded = |degrees: f64| (degrees * 100.0).round() / 100.0;
        Some([rounded(self.latitude?), rounded(self.longitude?)])
    }

    fn user(&self) -> Option<String> {
        Some(format!("{} {}", self.first_name.as_deref()?, self.last_name.as_deref()?))
    }
}

/// A row that is to be read, and whose it is.
pub(crate) struct Unread {
    post: u64,
    row: Bytes,
}

/// What one says.
pub(crate) struct Reading {
    post: u64,
    read: Read,
}

impl Unread {
    /// Takes its time, so nobody should wait for it.
    pub(crate) fn read(self) -> Reading {
        Reading { post: self.post, read: serde_json::from_slice(&self.row).unwrap_or_default() }
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
    user_id: &'a str,
    index: String,
    time_ms: i64,
    #[serde(flatten)]
    read: &'a Read,
    user: Option<String>,
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

    /// A record was written.
    pub(crate) fn add(&mut self, record: &Record, written: Written, time_ms: i64) {
        let of = TopicPartition { topic: record.topic.to_string(), partition: written.partition };
        let Ok(offset) = u64::try_from(written.offset) else { return };
        let end = self.ends.entry(of.clone()).or_default();
        *end = (*end).max(offset + 1);
        // What is passed through is no post, and neither is a null.
        let Some((user_id, kind)) = self.topics.get(&of.topic).cloned() else { return };
        let (Some(index), Some(value)) = (&record.key, &record.value) else { return };
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
        self.latest.push_back(Post { id: self.count, user_id, index, time_ms, rows, read: Read::default() });
    }

    /// The rows that nobody has read.
    pub(crate) fn unread(&mut self) -> Vec<Unread> {
        let rows = self.latest.iter_mut().flat_map(|post| {
            let id = post.id;
            post.rows.values_mut().filter_map(move |row| Some(Unread { post: id, row: row.unread.take()? }))
        });
        rows.collect()
    }

    /// Adds what was read, as far as the posts are still kept.
    pub(crate) fn add_read(&mut self, readings: Vec<Reading>) {
        let Some(first) = self.latest.front().map(|post| post.id) else { return };
        for Reading { post, read } in readings {
            // Ids have no gaps.
            let at = post.checked_sub(first).and_then(|at| usize::try_from(at).ok());
            if let Some(post) = at.and_then(|at| self.latest.get_mut(at)) {
                post.read = std::mem::take(&mut post.read).and(read);
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
            user_id: &post.user_id,
            index: String::from_utf8_lossy(&post.index).into_owned(),
            time_ms: post.time_ms,
            read: &post.read,
            user: post.read.user(),
            records: post.rows.iter().map(|(kind, row)| (*kind, record(row))).collect(),
        };
        Shown {
            posts: newest().take(SHOWN).map(post).collect(),
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

/// The records that may be among the latest once they are written: a request can have more than are kept.
pub(super) fn latest(records: &[Record]) -> (usize, Arc<[Record]>) {
    let first = records.len().saturating_sub(3 * KEPT);
    (first, records[first..].into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::sample;

    use super::*;

    fn posts() -> Posts {
        Posts::of(&"demo,other".parse().unwrap())
    }

    /// The sample's row of a kind, as it is written for a user id.
    fn record(user_id: &str, kind: &str, row: usize) -> Record {
        let kind = CATALOG.iter().find(|known| known.name == kind).unwrap();
        let row = sample::rows(kind.table).unwrap().lines().nth(row).unwrap();
        let key = kind.check(row, |_| String::new()).unwrap().key();
        Record {
            topic: format!("{user_id}.{kind}").into(),
            key: Some(key),
            value: Some(row.into()),
            ..Record::default()
        }
    }

    fn add(posts: &mut Posts, record: &Record, offset: i64) {
        posts.add(record, Written { partition: 0, offset, timestamp_ms: None }, 7);
    }

    fn shown(posts: &mut Posts) -> serde_json::Value {
        let readings = posts.unread().into_iter().map(Unread::read).collect();
        posts.add_read(readings);
        serde_json::to_value(posts.shown(&Objects::default())).unwrap()
    }

    #[test]
    fn a_post_is_put_together_from_its_three_records() {
        let mut posts = posts();
        for (offset, kind) in (5..).zip(["geo", "pin", "user"]) {
            add(&mut posts, &record("demo", kind, 0), offset);
        }
        let shown = shown(&mut posts);
        let post = &shown["posts"][0];
        for (field, expected) in [
            ("poster_name", json!("Bored Panda")),
            ("follower_count", json!("2M")),
            ("category", json!("art")),
            ("media", json!("image")),
            ("country", json!("Albania")),
            ("user", json!("Adam Acosta")),
            ("index", json!("4")),
            ("user_id", json!("demo")),
            ("time_ms", json!(7)),
        ] {
            assert_eq!(post[field], expected, "{field}: {post}");
        }
        let of = json!({"topic": "demo.pin", "partition": 0, "offset": 6, "object": null});
        assert_eq!(post["records"]["pin"], of);
        assert_eq!((&shown["places"], &shown["categories"]), (&json!([[-88.83, -170.19]]), &json!([["art", 1]])));
        let ends: Vec<_> = posts.ends().map(|(partition, next)| (partition.to_string(), next)).collect();
        assert_eq!(ends, [("demo.geo-0".to_owned(), 6), ("demo.pin-0".to_owned(), 7), ("demo.user-0".to_owned(), 8)]);
    }

    #[test]
    fn the_same_row_again_or_of_another_user_id_is_another_post() {
        let mut posts = posts();
        for user_id in ["demo", "other", "demo"] {
            add(&mut posts, &record(user_id, "pin", 0), 0);
        }
        add(&mut posts, &record("demo", "geo", 0), 0);
        let shown = shown(&mut posts);
        let kinds: Vec<_> = shown["posts"].as_array().unwrap().iter().map(|post| post["records"].to_string()).collect();
        assert_eq!(kinds.len(), 3);
        assert!(kinds[0].contains("demo.geo") && !kinds[2].contains("geo"), "the newest one gets it: {kinds:?}");
    }

    #[test]
    fn what_is_no_post_moves_its_partitions_end_alone() {
        let mut posts = posts();
        let passed_through =
            Record { topic: "any".into(), key: Some("4".into()), value: Some("x".into()), ..Record::default() };
        add(&mut posts, &passed_through, 3);
        add(&mut posts, &Record { value: None, ..record("demo", "pin", 0) }, 4);
        assert_eq!(shown(&mut posts)["posts"], json!([]));
        let ends: Vec<_> = posts.ends().map(|(partition, next)| (partition.to_string(), next)).collect();
        assert_eq!(ends, [("any-0".to_owned(), 4), ("demo.pin-0".to_owned(), 5)]);
    }

    #[test]
    fn a_bounded_number_is_kept_and_a_row_is_read_once() {
        let mut posts = posts();
        for (offset, row) in (0..).zip((0..877).cycle().take(2 * KEPT)) {
            add(&mut posts, &record("demo", "geo", row), offset);
        }
        let unread = posts.unread();
        assert_eq!((unread.len(), posts.unread().len()), (KEPT, 0));
        // Newer ones came while these were read.
        add(&mut posts, &record("demo", "geo", 0), 1_000);
        posts.add_read(unread.into_iter().map(Unread::read).collect());
        let shown = serde_json::to_value(posts.shown(&Objects::default())).unwrap();
        assert_eq!(
            (shown["posts"].as_array().unwrap().len(), shown["places"].as_array().unwrap().len()),
            (SHOWN, KEPT - 1)
        );
        assert_eq!(shown["posts"][0]["country"], json!(null));
        assert!(shown["posts"][1]["country"].is_string());
        let countries = shown["countries"].as_array().unwrap();
        assert!(countries.len() == RANKED && countries[0][1].as_u64() >= countries[1][1].as_u64(), "{countries:?}");
    }
}
