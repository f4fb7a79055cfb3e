//! The latest posts, put together from their records, and where each topic ends.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    mem,
    sync::Arc,
};

use archive::layout::TopicPartition;
use bytes::Bytes;
use chrono::DateTime;
use serde::Serialize;
use serde_json::Value;
use shared::{
    kind::CATALOG,
    publish::{ProducerRecord, Written},
    topic::{Topic, UserId, UserIds},
};

use super::objects::Objects;

/// How many posts are kept: what the map shows and what is ranked.
pub(super) const KEPT: usize = 500;

/// Among how many of the latest a record's post is looked for: its three records are sent together, or one after the other.
const LOOKED_AT: usize = 64;

/// The names of the field that holds when a user joined.
const USER_DATES: [&str; 2] = ["date_joined", "date-joined"];

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
    read: Read,
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

/// What the rows of a post say, as far as people want to know. Each is of one kind alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Read {
    title: Option<String>,
    poster_name: Option<String>,
    follower_count: Option<String>,
    category: Option<String>,
    media: Option<String>,
    country: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    user: Option<String>,
    age: Option<f64>,
    date_joined: Option<String>,
}

impl Read {
    /// Reads a row in any form that is accepted: a number may be its text, a date an object. A list of rows is shown by its
    /// first row, whose join key is the record's key.
    fn of(row: &[u8]) -> Self {
        let row: Value = serde_json::from_slice(row).unwrap_or_default();
        let row = row.get(0).unwrap_or(&row);
        let text = |name: &str| match &row[name] {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let number = |name: &str| row[name].as_f64().or_else(|| row[name].as_str()?.parse().ok());
        let name = |name: &str| row[name].as_str();
        Self {
            title: text("title"),
            poster_name: text("poster_name"),
            follower_count: text("follower_count"),
            category: text("category"),
            media: text("is_image_or_video"),
            country: text("country"),
            latitude: number("latitude"),
            longitude: number("longitude"),
            user: name("first_name").zip(name("last_name")).map(|(first, last)| format!("{first} {last}")),
            age: number("age"),
            date_joined: USER_DATES.iter().find_map(|name| text(name).or_else(|| bson_date(&row[*name]["$date"]))),
        }
    }

    /// What either says.
    fn and(self, more: Self) -> Self {
        Self {
            title: more.title.or(self.title),
            poster_name: more.poster_name.or(self.poster_name),
            follower_count: more.follower_count.or(self.follower_count),
            category: more.category.or(self.category),
            media: more.media.or(self.media),
            country: more.country.or(self.country),
            latitude: more.latitude.or(self.latitude),
            longitude: more.longitude.or(self.longitude),
            user: more.user.or(self.user),
            age: more.age.or(self.age),
            date_joined: more.date_joined.or(self.date_joined),
        }
    }

    fn place(&self) -> Option<[f64; 2]> {
        // To a hundredth of a degree: the map has no room for more.
        let rounded = |degrees: f64| (degrees * 100.0).round() / 100.0;
        Some([rounded(self.latitude?), rounded(self.longitude?)])
    }
}

/// A text, milliseconds since 1970, or those as `{"$numberLong": "…"}`.
fn bson_date(date: &Value) -> Option<String> {
    if let Some(text) = date.as_str() {
        return Some(text.to_owned());
    }
    let milliseconds = date.as_i64().or_else(|| date["$numberLong"].as_str()?.parse().ok())?;
    Some(DateTime::from_timestamp_millis(milliseconds)?.format("%F %T").to_string())
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
    read: Read,
}

impl Unread {
    /// Takes its time, so nobody should wait for it.
    pub(crate) fn read(self) -> Reading {
        Reading { post: self.post, kind: self.kind, read: Read::of(&self.row) }
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
    read: &'a Read,
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
        self.latest.push_back(Post { id: self.count, user_id, index, time_ms, rows, read: Read::default() });
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
mod tests {
    use serde_json::json;
    use shared::sample;

    use super::*;

    fn posts() -> Posts {
        Posts::of(&"demo,other".parse().unwrap())
    }

    /// The sample's row of a kind, as it is written for a user id.
    fn record(user_id: &str, kind: &str, row: usize) -> ProducerRecord {
        let kind = CATALOG.iter().find(|known| known.name == kind).unwrap();
        let row = sample::rows(kind.table).unwrap().lines().nth(row).unwrap();
        let key = kind.check(row).unwrap().key();
        ProducerRecord {
            topic: format!("{user_id}.{kind}").into(),
            key: Some(key),
            value: Some(row.into()),
            ..ProducerRecord::default()
        }
    }

    fn add(posts: &mut Posts, record: &ProducerRecord, offset: i64) {
        posts.add(record, Written { partition: 0, offset, timestamp_ms: None }, 7);
    }

    /// A record of demo's with a row of one's own.
    fn own(kind: &str, row: &serde_json::Value) -> ProducerRecord {
        let (topic, value) = (format!("demo.{kind}").into(), Some(row.to_string().into()));
        ProducerRecord { topic, key: Some("4".into()), value, ..ProducerRecord::default() }
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
            ("time_ms", json!(7)),
        ] {
            assert_eq!(post[field], expected, "{field}: {post}");
        }
        let of = json!({"topic": "demo.pin", "partition": 0, "offset": 6, "object": null});
        assert_eq!(post["records"]["pin"], of);
        assert_eq!((&shown["places"], &shown["categories"]), (&json!([[-88.83, -170.19]]), &json!([["art", 1]])));
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
    fn what_is_no_post_is_not_shown_as_one() {
        let mut posts = posts();
        let passed_through = ProducerRecord {
            topic: "any".into(),
            key: Some("4".into()),
            value: Some("x".into()),
            ..ProducerRecord::default()
        };
        add(&mut posts, &passed_through, 3);
        add(&mut posts, &ProducerRecord { value: None, ..record("demo", "pin", 0) }, 4);
        add(&mut posts, &ProducerRecord { key: None, ..record("demo", "pin", 0) }, 5);
        add(&mut posts, &ProducerRecord { key: Some(vec![b'k'; 900_000].into()), ..record("demo", "pin", 0) }, 6);
        assert_eq!((shown(&mut posts)["posts"].clone(), posts.latest.len()), (json!([]), 0));
    }

    #[test]
    fn a_partitions_end_only_grows() {
        let (mut posts, partition) = (posts(), TopicPartition { topic: "demo.pin".to_owned(), partition: 1 });
        for next in [5, 9, 7] {
            posts.add_end(partition.clone(), next);
        }
        assert_eq!(posts.ends().collect::<Vec<_>>(), [(&partition, 9)]);
    }

    #[test]
    fn a_row_is_read_in_every_form_that_is_accepted() {
        for (kind, row, field, expected) in [
            ("geo", json!({"latitude": "-89.9", "longitude": "1e1", "country": "Chad"}), "latitude", json!(-89.9)),
            ("geo", json!([{"latitude": 1, "longitude": 2, "country": "Chad"}]), "country", json!("Chad")),
            ("pin", json!({"title": "T", "follower_count": 12}), "follower_count", json!("12")),
            (
                "user",
                json!({"date_joined": {"$date": "2020-08-28 03:52:47"}}),
                "date_joined",
                json!("2020-08-28 03:52:47"),
            ),
            (
                "user",
                json!({"date_joined": {"$date": 1_598_586_767_000_i64}}),
                "date_joined",
                json!("2020-08-28 03:52:47"),
            ),
            (
                "user",
                json!({"date_joined": {"$date": {"$numberLong": "1598586767000"}}}),
                "date_joined",
                json!("2020-08-28 03:52:47"),
            ),
            ("user", json!({"date-joined": "2020-08-28 03:52:47"}), "date_joined", json!("2020-08-28 03:52:47")),
            ("user", json!({"first_name": "A", "last_name": null}), "user", json!(null)),
            ("geo", json!([{"country": "Chad"}, {"country": "Peru"}]), "country", json!("Chad")),
        ] {
            let mut posts = posts();
            add(&mut posts, &own(kind, &row), 0);
            assert_eq!(shown(&mut posts)["posts"][0][field], expected, "{row}");
        }
    }

    #[test]
    fn a_bounded_number_is_kept_and_a_row_is_read_once() {
        let mut posts = posts();
        for (offset, row) in (0..).zip((0..877).cycle().take(2 * KEPT)) {
            add(&mut posts, &record("demo", "geo", row), offset);
        }
        let unread = posts.unread();
        assert_eq!(unread.len(), KEPT);
        // Newer ones came while these were read.
        add(&mut posts, &record("demo", "geo", 0), 1_000);
        posts.add_read(unread.into_iter().map(Unread::read).collect());
        let shown = serde_json::to_value(posts.shown(&Objects::default())).unwrap();
        assert_eq!(
            (shown["posts"].as_array().unwrap().len(), shown["places"].as_array().unwrap().len()),
            (SHOWN, KEPT - 1)
        );
        let all = shown["posts"].as_array().unwrap();
        assert!(all.iter().all(|post| post["country"].is_string()), "what is not read is not shown: {all:?}");
        assert_eq!(posts.unread().len(), 1, "what is read is not read again");
        let countries = shown["countries"].as_array().unwrap();
        assert!(countries.len() == RANKED && countries[0][1].as_u64() >= countries[1][1].as_u64(), "{countries:?}");
    }
}
