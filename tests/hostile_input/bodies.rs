//! Hostile bodies, each with its expected response.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compress, Compression, FlushCompress, write::GzEncoder};
use ingest::{MAX_BODY_BYTES, MAX_RECORDS};
use shared::kind::MAX_ROWS;

use crate::support::pipeline::{BINARY, JSON};

/// A valid row.
pub(super) const ROW: &str = r#"{"ind":1,"timestamp":"2020-08-28 03:52:47","latitude":1,"longitude":1}"#;

/// The nesting depth of deep values.
const DEEP: usize = 100_000;

/// A body and its expected response.
pub(super) struct HostileBody {
    pub(super) what: &'static str,
    /// The kind of the topic.
    pub(super) kind: &'static str,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) status: u16,
    pub(super) code: u32,
    /// A part of the response.
    pub(super) says: &'static str,
}

const NOT_JSON: (u16, u32) = (400, 400);
const TOO_LARGE: (u16, u32) = (413, 413);
const NO_ENVELOPE: (u16, u32) = (422, 422);
const INVALID: (u16, u32) = (422, 42203);
/// Valid, and larger than a topic's limit.
const RECORD_TOO_LARGE: (u16, u32) = (413, 50002);

fn hostile(
    what: &'static str,
    body: impl Into<Vec<u8>>,
    (status, code): (u16, u32),
    says: &'static str,
) -> HostileBody {
    HostileBody { what, kind: "geo", content_type: JSON, body: body.into(), status, code, says }
}

fn binary(what: &'static str, value: &[u8], (status, code): (u16, u32), says: &'static str) -> HostileBody {
    let body = format!(r#"{{"records":[{{"value":"{}"}}]}}"#, STANDARD.encode(value)).into_bytes();
    HostileBody { what, kind: "geo", content_type: BINARY, body, status, code, says }
}

/// One record with this value.
fn valued(value: &[u8]) -> Vec<u8> {
    [br#"{"records":[{"value":"#, value, b"}]}"].concat()
}

/// The row with one more field.
fn with(field: &[u8]) -> Vec<u8> {
    valued(&[&ROW.as_bytes()[..ROW.len() - 1], b",", field, b"}"].concat())
}

/// A body of `size` bytes or slightly less: `fill` repeated between `before` and `after`.
fn full(size: usize, before: &str, fill: &str, after: &str) -> Vec<u8> {
    let times = (size - before.len() - after.len()) / fill.len();
    [before, &fill.repeat(times), after].concat().into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A gigabyte of zeros in about a megabyte. A block that ends with a full flush is independent, so it can be repeated.
fn bomb() -> Vec<u8> {
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut block = Vec::with_capacity(64 * 1024);
    let mut compress = Compress::new(Compression::best(), false);
    compress.compress_vec(&vec![0; 1024 * 1024], &mut block, FlushCompress::Full).unwrap();
    [HEADER.to_vec(), block.repeat(1024)].concat()
}

/// Bodies that are refused before anything is written. Those that are hostile by size have `size` bytes. They are created
/// group by group, since all of them take 200 MB.
pub(super) fn refused(size: usize) -> impl Iterator<Item = HostileBody> {
    let groups = [nested, numbers, many, twice, strings, compressed, in_base64];
    groups.into_iter().flat_map(move |group: fn(usize) -> Vec<HostileBody>| group(size))
}

fn nested(size: usize) -> Vec<HostileBody> {
    let says = "recursion limit exceeded";
    let lists = [b"[".repeat(DEEP), b"]".repeat(DEEP)].concat();
    let objects = [br#"{"a":"#.repeat(DEEP), b"1".to_vec(), b"}".repeat(DEEP)].concat();
    let key = [br#"{"records":[{"key":"#, &lists[..], br#","value":"#, ROW.as_bytes(), b"}]}"].concat();
    vec![
        hostile("lists in lists", lists.clone(), NOT_JSON, says),
        hostile("a value of lists in lists", valued(&lists), NOT_JSON, says),
        hostile("a value of objects in objects", valued(&objects), NOT_JSON, says),
        hostile("a key of lists in lists", key, NOT_JSON, says),
        hostile("a field of lists in lists", with(&[br#""a":"#, &lists[..]].concat()), NOT_JSON, says),
        hostile("a schema of lists in lists", [br#"{"key_schema":"#, &lists[..], b"}"].concat(), NOT_JSON, says),
        hostile("lists that never end", full(size, "", "[", ""), NOT_JSON, says),
        hostile("a value of lists that never end", full(size, r#"{"records":[{"value":"#, "[", ""), NOT_JSON, says),
        hostile("records of lists that never end", full(size, r#"{"records":["#, "[", ""), NOT_JSON, says),
    ]
}

fn numbers(size: usize) -> Vec<HostileBody> {
    let row = &ROW[..ROW.len() - 1];
    let number = |before: &str| full(size, &format!(r#"{{"records":[{{"value":{row},"n":{before}"#), "1", "}}]}");
    let latitude = r#"{"records":[{"value":{"ind":1,"timestamp":"2020-08-28 03:52:47","longitude":1,"latitude":""#;
    let range = "number out of range";
    vec![
        hostile("a number of 10 MB", with(&[br#""n":"#, &b"1".repeat(10_000_000)[..]].concat()), TOO_LARGE, "6291456"),
        hostile("a number of 6 MB", number(""), NOT_JSON, range),
        hostile("a number whose exponent has 6 MiB", number("1e"), NOT_JSON, range),
        hostile("a partition of 6 MB", full(size, r#"{"records":[{"partition":"#, "1", "}]}"), NOT_JSON, range),
        hostile(
            "a latitude of 6 MB in a string",
            full(size, latitude, "1", r#""}}]}"#),
            INVALID,
            "must be a number from -90 to 90",
        ),
    ]
}

fn many(size: usize) -> Vec<HostileBody> {
    let records = |record: &str, count: usize| format!(r#"{{"records":[{}]}}"#, vec![record; count].join(","));
    let twice = ('a'..='j').map(|name| format!(r#""{name}":0,"{name}":0"#));
    let repeated = format!(r#"{{"value":{{{}}}}}"#, twice.collect::<Vec<_>>().join(","));
    let wide = format!(r#"{{"value":{{{}}}}}"#, vec![r#""":0"#; 25].join(","));
    vec![
        hostile("a million empty records", records("{}", 1_000_000), TOO_LARGE, "the request has 1000000 records"),
        hostile("40000 empty records", records("{}", MAX_RECORDS), INVALID, "(and 39999 more)"),
        hostile("40000 empty rows", records(r#"{"value":{}}"#, MAX_RECORDS), INVALID, "(and 159999 more)"),
        HostileBody {
            // The kind with the most fields that can be missing.
            kind: "pin",
            ..hostile(
                "40000 rows of ten names twice",
                records(&repeated, MAX_RECORDS),
                INVALID,
                "appears more than once",
            )
        },
        hostile(
            "300000 headers",
            format!(r#"{{"records":[{{"value":{ROW},"headers":[{}]}}]}}"#, vec![r#"{"key":""}"#; 300_000].join(",")),
            NO_ENVELOPE,
            "more than 1000",
        ),
        hostile("40000 rows of one name", records(&wide, MAX_RECORDS), INVALID, "appears more than once"),
        hostile("commas alone", full(size, "", ",", ""), NOT_JSON, "expected value"),
        hostile("whitespace alone", full(size, "", " ", ""), NO_ENVELOPE, "the body is empty"),
        hostile("whitespace of 8 MiB", b" ".repeat(8 * 1024 * 1024), TOO_LARGE, "6291456"),
    ]
}

fn twice(size: usize) -> Vec<HostileBody> {
    let name = "x".repeat(2_900_000);
    vec![
        hostile(
            "one name again and again",
            full(size, r#"{"records":[{"value":{"a":0"#, r#","a":0"#, "}}]}"),
            INVALID,
            "more than 10000",
        ),
        hostile(
            "a name of 2.9 MB, twice",
            with(format!(r#""{name}":0,"{name}":0"#).as_bytes()),
            INVALID,
            "appears more than once",
        ),
        hostile("a field twice, once in escapes", with(br#""lat\u0069tude":1"#), INVALID, "appears more than once"),
        hostile(
            "records twice",
            format!(r#"{{"records":[{{"value":{ROW}}}],"records":[]}}"#),
            NO_ENVELOPE,
            "`records` appears twice",
        ),
        hostile(
            "a value twice",
            format!(r#"{{"records":[{{"value":{ROW},"value":{ROW}}}]}}"#),
            NO_ENVELOPE,
            "`value` appears twice",
        ),
        hostile(
            "a name of 6 MB beside the records",
            full(size, r#"{""#, "x", r#"":1}"#),
            NO_ENVELOPE,
            "Unrecognized field: xxx",
        ),
        hostile(
            "a name of 6 MB in a record",
            full(size, r#"{"records":[{""#, "x", r#"":1}]}"#),
            NO_ENVELOPE,
            "Unrecognized field: xxx",
        ),
    ]
}

fn strings(size: usize) -> Vec<HostileBody> {
    let half = "half of a surrogate pair";
    let utf8 = "invalid UTF-8";
    vec![
        hostile("the first half of a pair", with(br#""a":"\ud800""#), NOT_JSON, half),
        hostile("the second half of a pair", with(br#""a":"\udc00""#), NOT_JSON, half),
        hostile("a pair the wrong way round", with(br#""a":"\udc00\ud800""#), NOT_JSON, half),
        hostile("half a pair in a name", with(br#""\ud800":1"#), NOT_JSON, half),
        hostile("half a pair in a key", format!(r#"{{"records":[{{"key":"\ud800","value":{ROW}}}]}}"#), NOT_JSON, half),
        hostile("NUL in a string", with(b"\"a\":\"\0\""), NOT_JSON, "control character"),
        hostile("NUL in a name", with(b"\"\0\":1"), NOT_JSON, "control character"),
        hostile("NULs alone", vec![0; 1_000], NOT_JSON, "expected value"),
        hostile("a byte that is not UTF-8", with(b"\"a\":\"\xff\""), NOT_JSON, utf8),
        hostile("a slash in two bytes", with(b"\"a\":\"\xc0\xaf\""), NOT_JSON, utf8),
        hostile("half a pair in three bytes", with(b"\"a\":\"\xed\xa0\x80\""), NOT_JSON, utf8),
        hostile("UTF-16", ROW.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), NOT_JSON, "UTF-16"),
        hostile("UTF-16 with its mark", b"\xff\xfe{\0}\0".as_slice(), NOT_JSON, "UTF-16"),
        hostile("a megabyte of bytes that are not UTF-8", vec![0xff; 1_000_000], NOT_JSON, utf8),
        hostile(
            "a string that never ends",
            full(size, r#"{"records":[{"value":""#, "a", ""),
            NOT_JSON,
            "EOF while parsing a string",
        ),
    ]
}

fn compressed(_: usize) -> Vec<HostileBody> {
    let lists = vec!["{}"; 2_000_000].join(",");
    let wrong = format!("[{}]", vec!["{}"; MAX_ROWS].join(","));
    let gzip_of = "is not valid gzip";
    vec![
        hostile("a gzip bomb", bomb(), TOO_LARGE, "6291456"),
        hostile("a gzip bomb in gzip", gzip(&bomb()), NOT_JSON, "invalid UTF-8"),
        hostile(
            "gzip of 6 MB of objects",
            gzip(&valued(format!("[{lists}]").as_bytes())),
            INVALID,
            "a list of 2000000",
        ),
        hostile(
            "gzip of as many wrong rows as a list may hold",
            gzip(&valued(wrong.as_bytes())),
            INVALID,
            "and 159999 more",
        ),
        hostile("gzip of nothing, very often", gzip(b"").repeat(DEEP), NOT_JSON, gzip_of),
        hostile("invalid gzip", [b"\x1f\x8b".as_slice(), &[0xff; 1_000]].concat(), NOT_JSON, gzip_of),
        hostile("zstd", b"\x28\xb5\x2f\xfd\x04\x00\x01".as_slice(), NOT_JSON, "invalid UTF-8"),
        hostile("zlib", b"\x78\x9c\xab\xae\x05\x00".as_slice(), NOT_JSON, "invalid UTF-8"),
    ]
}

fn in_base64(size: usize) -> Vec<HostileBody> {
    // The decoded size of `size` bytes of base64.
    let decoded = size / 4 * 3 - 100;
    vec![
        binary("digits in base64", &b"1".repeat(decoded), INVALID, "number out of range"),
        binary("lists in lists in base64", &b"[".repeat(decoded), INVALID, "recursion limit exceeded"),
        binary("NULs in base64", &vec![0; decoded], INVALID, "is not JSON"),
        binary("gzip in base64", &gzip(ROW.as_bytes()), INVALID, "is not JSON"),
    ]
}

/// Valid bodies with a record larger than a topic's usual limit, which Kafka rejects.
pub(super) fn too_large_for_a_topic() -> Vec<HostileBody> {
    let row = &ROW[..ROW.len() - 1];
    let field = |before: &str, fill: &str, after: &str| {
        full(MAX_BODY_BYTES, &format!(r#"{{"records":[{{"value":{row},"n":{before}"#), fill, &format!("{after}}}}}]}}"))
    };
    let key = format!(r#"{{"records":[{{"key":"{}","value":{ROW}}}]}}"#, "k".repeat(5_000_000));
    let says = "larger than the topic allows";
    vec![
        hostile("a key of 5 MB", key, RECORD_TOO_LARGE, says),
        hostile("a fraction of 6 MB", field("0.", "1", ""), RECORD_TOO_LARGE, says),
        hostile("an exponent of 6 MB of zeros", field("1e", "0", ""), RECORD_TOO_LARGE, says),
        hostile("a string of 6 MB of escapes", field("\"", r"\u0000", "\""), RECORD_TOO_LARGE, says),
        hostile("a list of 6 MB of nothing", field("[0", ",{}", "]"), RECORD_TOO_LARGE, says),
    ]
}
