use serde_json::json;
use shared::sample;

use super::*;

fn posts() -> Posts {
    Posts::of(&"demo,other".parse().unwrap())
}

/// A sample row of a kind, as the record that is written for a user id.
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

/// A record of the user id `demo` with the given row.
fn record_with(kind: &str, row: &serde_json::Value) -> ProducerRecord {
    let (topic, value) = (format!("demo.{kind}").into(), Some(row.to_string().into()));
    ProducerRecord { topic, key: Some("4".into()), value, ..ProducerRecord::default() }
}

fn shown(posts: &mut Posts) -> serde_json::Value {
    let rows = posts.unparsed().into_iter().map(UnparsedRow::parse).collect();
    posts.add_parsed(rows);
    serde_json::to_value(posts.view(&Objects::default())).unwrap()
}

#[test]
fn a_post_is_assembled_from_its_three_records() {
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
fn the_same_row_again_or_for_another_user_id_starts_another_post() {
    let mut posts = posts();
    for user_id in ["demo", "other", "demo"] {
        add(&mut posts, &record(user_id, "pin", 0), 0);
    }
    add(&mut posts, &record("demo", "geo", 0), 0);
    let shown = shown(&mut posts);
    let kinds: Vec<_> = shown["posts"].as_array().unwrap().iter().map(|post| post["records"].to_string()).collect();
    assert_eq!(kinds.len(), 3);
    assert!(kinds[0].contains("demo.geo") && !kinds[2].contains("geo"), "the newest post gets it: {kinds:?}");
}

#[test]
fn pass_through_records_tombstones_and_records_without_a_join_key_are_not_posts() {
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
fn a_row_is_parsed_in_every_accepted_form() {
    for (kind, row, field, expected) in [
        ("geo", json!({"latitude": "-89.9", "longitude": "1e1", "country": "Chad"}), "latitude", json!(-89.9)),
        ("geo", json!([{"latitude": 1, "longitude": 2, "country": "Chad"}]), "country", json!("Chad")),
        ("pin", json!({"title": "T", "follower_count": 12}), "follower_count", json!("12")),
        ("user", json!({"date_joined": {"$date": "2020-08-28 03:52:47"}}), "date_joined", json!("2020-08-28 03:52:47")),
        ("user", json!({"date_joined": {"$date": 1_598_586_767_000_i64}}), "date_joined", json!("2020-08-28 03:52:47")),
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
        add(&mut posts, &record_with(kind, &row), 0);
        assert_eq!(shown(&mut posts)["posts"][0][field], expected, "{row}");
    }
}

#[test]
fn the_latest_posts_are_kept_and_a_row_is_parsed_once() {
    let mut posts = posts();
    for (offset, row) in (0..).zip((0..877).cycle().take(2 * MAX_POSTS)) {
        add(&mut posts, &record("demo", "geo", row), offset);
    }
    let unparsed = posts.unparsed();
    assert_eq!(unparsed.len(), MAX_POSTS);
    // A newer post arrives while these are parsed.
    add(&mut posts, &record("demo", "geo", 0), 1_000);
    posts.add_parsed(unparsed.into_iter().map(UnparsedRow::parse).collect());
    let shown = serde_json::to_value(posts.view(&Objects::default())).unwrap();
    assert_eq!(
        (shown["posts"].as_array().unwrap().len(), shown["places"].as_array().unwrap().len()),
        (MAX_CARDS, MAX_POSTS - 1)
    );
    let all = shown["posts"].as_array().unwrap();
    assert!(all.iter().all(|post| post["country"].is_string()), "unparsed posts are not shown: {all:?}");
    assert_eq!(posts.unparsed().len(), 1, "a parsed row is not parsed again");
    let countries = shown["countries"].as_array().unwrap();
    assert!(countries.len() == RANKING_LENGTH && countries[0][1].as_u64() >= countries[1][1].as_u64(), "{countries:?}");
}
