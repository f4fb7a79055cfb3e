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
