//! `cargo run` runs the whole pipeline: every record that `local` acknowledges is in its archive at the end, for any client
//! and however the program stops.

use std::{collections::BTreeMap, fs, net::TcpListener, time::Duration};

use ingest::{MAX_BODY_BYTES, MAX_RECORDS};
use nix::sys::signal::Signal;
use rdkafka::{
    ClientConfig,
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use serde_json::{Value, json};
use shared::{
    kind::{CATALOG, GEO},
    sample,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    process::Command,
    time::timeout,
};

use crate::support::{
    golden::assert_golden,
    local::{Answer, Exited, Local, Process, answer, head, output, post, python},
    pipeline::{JSON, envelope},
    rows::{parse, with},
};

/// The emulator's default topics.
const TOPICS: [&str; 3] = ["demo.pin", "demo.geo", "demo.user"];
const GEO_TOPIC: &str = "demo.geo";

/// In bytes. The course's pin table, 8.4 MB, is too large as well, but what the server leaves unread of it would fit into the
/// system's buffers: no client would notice.
const TOO_LARGE: usize = 32_000_000;

const TOO_LARGE_TEXT: &str =
    r#"{"error_code":413,"message":"the body is larger than 6291456 bytes: send fewer records per request"}"#;

/// Longer than the attempts to reach a missing Kafka and a missing database.
const TIME_TO_FAIL: Duration = Duration::from_secs(20);

/// `count` geo rows, repeating the sample's.
fn geo_rows(count: usize) -> String {
    let rows: Vec<_> = sample::rows(GEO.table).unwrap().lines().cycle().take(count).collect();
    envelope(&rows)
}

fn geo_row() -> String {
    envelope(&[&with(&GEO, &[])])
}

/// The answer for one record with this offset.
fn written(offset: u64) -> Answer {
    let body = format!(
        r#"{{"offsets":[{{"partition":0,"offset":{offset},"error_code":null,"error":null}}],"key_schema_id":null,"value_schema_id":null}}"#
    );
    (200, body)
}

fn assert_offsets((status, body): &Answer, count: usize) {
    assert_eq!(*status, 200, "{body}");
    let answer: Value = serde_json::from_str(body).unwrap();
    let offsets = answer["offsets"].as_array().unwrap();
    let expected =
        (0..count).map(|offset| json!({"partition": 0, "offset": offset, "error_code": null, "error": null}));
    assert!(offsets.iter().cloned().eq(expected), "{body}");
}

fn assert_all_archived(ended: &Exited, records: u64) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.figure(" records written"), records, "{}", ended.summary());
    assert_eq!(ended.figure(" archived"), records, "{}", ended.summary());
    let archived: usize = TOPICS.iter().map(|topic| ended.archived(topic).len()).sum();
    assert_eq!(archived as u64, records, "{}", ended.summary());
}

#[tokio::test]
async fn a_timed_run_archives_everything_the_emulator_sent_and_prints_a_json_summary() {
    let local = Local::start(&["--for", "3s", "--posts-per-second", "20", "--summary", "json"]).await;
    let ended = local.process.wait_for_exit().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let summary: BTreeMap<String, Value> = serde_json::from_str(ended.summary()).unwrap();
    let names = [
        "objects",
        "peak_memory_bytes",
        "posts",
        "quarantined",
        "records_archived",
        "records_lost",
        "records_passed_through",
        "records_refused",
        "records_unconfirmed",
        "records_written",
        "requests_refused",
        "seconds",
    ];
    assert_eq!(summary.keys().collect::<Vec<_>>(), names);
    let figure = |name: &str| summary[name].as_u64().unwrap();
    assert!(figure("posts") > 0);
    assert_eq!(figure("records_written"), 3 * figure("posts"));
    assert_eq!(figure("records_archived"), figure("records_written"));
    assert_eq!((figure("records_refused"), figure("quarantined")), (0, 0));
    assert!(summary["seconds"].as_f64().unwrap() >= 3.0);

    let mut objects = 0;
    for topic in TOPICS {
        assert_eq!(ended.archived(topic).len() as u64, figure("posts"), "{topic}");
        objects += ended.objects(topic).len() as u64;
    }
    assert_eq!(objects, figure("objects"));
}

#[tokio::test]
async fn records_sent_before_ctrl_c_or_sigterm_are_archived() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let local = Local::start(&["--posts-per-second", "50"]).await;
        local.first_record("demo.user");
        local.process.signal(signal);
        let ended = local.process.wait_for_exit().await;
        let posts = ended.figure(" posts sent");
        assert!(posts > 0);
        assert_all_archived(&ended, 3 * posts);
    }
}

/// Sends a request's head and waits until it is being served. The body is still to come.
async fn begin(local: &Local, body: &str) -> TcpStream {
    let mut client = local.connect().await;
    let head = format!("{}Expect: 100-continue\r\n\r\n", head(GEO_TOPIC, body.len()));
    client.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    client.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    client
}

#[tokio::test]
async fn a_request_in_flight_at_ctrl_c_is_answered_and_archived() {
    let mut local = Local::start_without_emulator().await;
    let body = geo_rows(MAX_RECORDS);
    let mut client = begin(&local, &body).await;
    local.process.signal(Signal::SIGINT);
    local.process.wait_for_line("Stopping").await;
    client.write_all(body.as_bytes()).await.unwrap();
    assert_offsets(&answer(&mut client).await, MAX_RECORDS);
    assert_all_archived(&local.process.wait_for_exit().await, MAX_RECORDS as u64);
}

#[tokio::test]
async fn a_second_ctrl_c_stops_at_once() {
    let mut local = Local::start_without_emulator().await;
    // The first Ctrl-C waits for this request.
    let _client = begin(&local, &geo_row()).await;
    local.process.signal(Signal::SIGINT);
    local.process.wait_for_line("Stopping").await;
    local.process.signal(Signal::SIGINT);
    let ended = local.process.wait_for_exit_within(Duration::from_secs(10)).await;
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
}

#[tokio::test]
async fn wrong_usage_is_a_one_line_error() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = busy.local_addr().unwrap().to_string();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let used = folder.path().join("used");
    fs::create_dir_all(used.join("topics/demo.pin/partition=0")).unwrap();
    fs::write(used.join("topics/demo.pin/partition=0/demo.pin+0+0000000000.json"), "{}\n").unwrap();
    let (file, used) = (file.to_str().unwrap(), used.to_str().unwrap());

    let cases: &[(&[&str], &[&str])] = &[
        (&["--nonsense"], &["--nonsense"]),
        (&["--posts-per-second", "-1"], &["--posts-per-second", "not a number from 0 to 10000"]),
        (&["--listen", "nonsense"], &["--listen", "nonsense"]),
        (&["--listen", &busy], &["--listen", &busy, "another address"]),
        (&["--user-id", "a b"], &["--user-id", "a b", "letters, digits"]),
        (&["--user-id", "_a"], &["--user-id", "_a", "begins with neither `.` nor `_`: Spark and Athena skip"]),
        (&["--allow-host", "http://a"], &["--allow-host", "http://a", "without a port"]),
        (&["--allow-origin", "localhost:3000"], &["--allow-origin", "localhost:3000", "http://localhost:3000"]),
        (&["--user-id", "a", "--user-id", "a"], &["--user-id", "`a`", "twice"]),
        (&["--bootstrap-servers", "127.0.0.1:1"], &["Kafka at 127.0.0.1:1", "no Kafka broker answered"]),
        (&["--database-url", "mysql://root@127.0.0.1:1/x"], &["--database-url", "127.0.0.1:1"]),
        (&["--database-url", "postgres://u:s3cret@h/d"], &["--database-url: not `mysql://"]),
        (&["--database-url", "mysql://u:s3cret@h"], &["--database-url: the URL names no database"]),
        (&["--database-url", "mysql://u:s3cret@h:port/d"], &["--database-url: not a URL as `mysql://"]),
        (
            &["--bootstrap-servers=a:1", "--ssl-ca-location", file],
            &["--ssl-ca-location has no effect without --security-protocol SASL_SSL"],
        ),
        (
            &["--bootstrap-servers=a:1", "--security-protocol=SASL_SSL", "--ssl-ca-location=/no.pem"],
            &["--ssl-ca-location", "/no.pem cannot be read: No such file"],
        ),
        (&["--archive", "s3://"], &["--archive s3://", "s3://bucket/prefix"]),
        (&["--archive", file], &["--archive", file, "cannot be created"]),
        (&["--archive", used], &["--archive", used, "choose another place"]),
        (&["--for", "soon"], &["--for", "soon"]),
    ];
    // In parallel: two of them wait for a connection timeout.
    let mut started = Vec::new();
    for (args, _) in cases {
        let listen: &[&str] = if args[0] == "--listen" { &[] } else { &["--listen", "127.0.0.1:0"] };
        started.push(Process::start(&[listen, args].concat()).await);
    }
    for ((args, parts), process) in cases.iter().zip(started) {
        let ended = process.wait_for_exit_within(TIME_TO_FAIL).await;
        assert!(matches!(ended.code, Some(1 | 2)), "{args:?}: {:?}\n{}", ended.code, ended.stderr);
        assert_eq!(ended.stdout, "", "{args:?}");
        assert!(!ended.stderr.contains("s3cret"), "{args:?}: {}", ended.stderr);
        // A slow start reports its steps.
        let said: Vec<_> = ended.stderr.lines().filter(|line| !line.starts_with("Starting: ")).collect();
        let said = said.join("\n");
        let (error, hints) = said.split_once('\n').unwrap_or((&said, ""));
        assert!(error.starts_with("error: "), "{args:?}: {}", ended.stderr);
        for part in *parts {
            assert!(error.contains(part), "{args:?}, `{part}`: {error}");
        }
        for hint in hints.lines() {
            let usual = hint.is_empty() || hint.starts_with("Usage: ") || hint == "For more information, try '--help'.";
            assert!(usual, "{args:?}: {}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn a_slow_start_reports_its_step() {
    let mut process = Process::start(&["--listen", "0", "--bootstrap-servers", "127.0.0.1:1"]).await;
    assert_eq!(process.wait_for_line("Starting").await, "Starting: connecting to Kafka at 127.0.0.1:1");
    assert_eq!(process.wait_for_exit().await.code, Some(1));
}

#[tokio::test]
async fn an_archive_belongs_to_one_embedded_kafka_at_a_time() {
    let folder = TempDir::new().unwrap();
    let archive = folder.path().to_str().unwrap();
    let args = ["--posts-per-second", "0", "--archive", archive];
    let first = Local::start(&args).await;
    let second = Process::start(&[&["--listen", "0"], &args[..]].concat()).await.wait_for_exit().await;
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("another process archives there"), "{}", second.stderr);
    assert_eq!(first.stop().await.code, Some(0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "an unused archive is left as it was");
    assert_eq!(Local::start(&args).await.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_client_gets_the_answer_to_a_request_whose_body_no_handler_reads() {
    let local = Local::start_without_emulator().await;
    for (request, expected) in [
        ("OPTIONS /topics/demo.geo", 200),
        ("OPTIONS /live/pipeline", 405),
        ("POST /live/pipeline", 405),
        ("POST /live/main.js", 405),
        ("GET /live/record?topic=demo.geo", 400),
        ("GET /docs", 200),
        ("GET /topics", 200),
    ] {
        let mut client = local.connect().await;
        let head = format!(
            "{request} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {TOO_LARGE}\r\nConnection: close\r\n\r\n"
        );
        client.write_all((head + &" ".repeat(TOO_LARGE)).as_bytes()).await.unwrap();
        let (status, body) = answer(&mut client).await;
        assert_eq!(status, expected, "{request}: {body}");
    }
}

#[tokio::test]
async fn a_request_to_a_foreign_host_gets_a_421_that_names_the_right_address() {
    let local = Local::start(&["--posts-per-second", "0", "--allow-host", "my-laptop.lan"]).await;
    for (host, expected) in [("my-laptop.lan:8082", 200), ("host.docker.internal", 200), ("evil.example", 421)] {
        let mut client = local.connect().await;
        let head = format!("GET /topics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let (status, body) = answer(&mut client).await;
        assert_eq!(status, expected, "{host}: {body}");
        assert!(status == 200 || body.contains(&format!("ask for http://{}", local.address)), "{body}");
    }
}

#[tokio::test]
async fn help_describes_every_flag() {
    let ended = Process::start(&["--help"]).await.wait_for_exit().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_golden("help.txt", &ended.stdout);
}

#[tokio::test]
async fn a_kafka_client_reaches_the_embedded_kafka_by_the_settings_file() {
    let local = Local::start_without_emulator().await;
    assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(0));
    assert_eq!(parse(&local.first_record(GEO_TOPIC)), parse(&with(&GEO, &[])));
}

#[tokio::test]
#[ignore = "needs Python with confluent-kafka: make test"]
async fn confluent_kafka_reads_the_embedded_kafka_as_a_consumer_group() {
    let local = Local::start_without_emulator().await;
    assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(0));
    let printed = output(python("consume_confluent.py").args([&local.bootstrap_servers(), GEO_TOPIC]), "").await;
    assert_eq!(parse(printed.trim_end()), parse(&with(&GEO, &[])));
}

#[tokio::test]
async fn the_settings_file_has_no_password_and_leaves_the_database_url_to_the_environment() {
    for (args, expected) in [
        (&[][..], "\nDATABASE_URL=sample\n"),
        (&["--database-url", "mysql://u:s3cret@127.0.0.1:1/d"], "\n# Export DATABASE_URL: "),
    ] {
        let local = Local::start(&[&["--posts-per-second", "0"], args].concat()).await;
        let settings = fs::read_to_string(local.settings_file()).unwrap();
        assert!(settings.contains(expected) && settings.matches("DATABASE_URL").count() == 1, "{settings}");
        assert!(!settings.contains("s3cret"), "{settings}");
    }
}

#[tokio::test]
async fn another_kafka_can_replace_the_embedded_one() {
    let first = Local::start_without_emulator().await;
    let servers = first.bootstrap_servers();
    let second = ["--bootstrap-servers", &servers, "--posts-per-second", "20", "--for", "2s"];
    let second = Local::start(&second).await.process.wait_for_exit().await;
    let records = second.figure(" records written");
    assert!(records > 0, "{}", second.summary());
    assert_all_archived(&second, records);
    let first = first.stop().await;
    assert_eq!(first.figure(" archived"), records, "both archives hold them: {}", first.summary());
    for topic in TOPICS {
        assert_eq!(first.archived(topic), second.archived(topic), "{topic}");
    }
}

#[tokio::test]
async fn another_process_can_write_the_archive() {
    let first = Local::start_without_emulator().await;
    let servers = first.bootstrap_servers();
    let second = ["--bootstrap-servers", &servers, "--no-archive", "--posts-per-second", "20", "--for", "2s"];
    let second = Local::start(&second).await.process.wait_for_exit().await;
    let records = second.figure(" records written");
    assert!(records > 0 && second.code == Some(0), "{}", second.stderr);
    assert!(!second.summary().contains("archived"), "{}", second.summary());
    let first = first.stop().await;
    assert_eq!(first.figure(" archived"), records, "{}", first.summary());
}

#[tokio::test]
async fn the_loss_of_records_in_the_embedded_kafka_stops_local_with_an_error() {
    let local = Local::start_without_emulator().await;
    // A Kafka client has no backpressure from the archive, unlike the HTTP API.
    let producer: ThreadedProducer<DefaultProducerContext> =
        ClientConfig::new().set("bootstrap.servers", local.bootstrap_servers()).create().unwrap();
    let value = format!(r#"{{"a":"{}"}}"#, "x".repeat(100_000));
    for _ in 0..200 {
        producer.send(BaseRecord::<(), _>::to(GEO_TOPIC).payload(&value)).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_mins(1)).unwrap();
    let ended = local.process.wait_for_exit().await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("records were dropped by the embedded Kafka"), "{}", ended.stderr);
}

/// 6 MB of empty objects, lists and fields, of which a gzip body of 6 kB could hold as many.
#[tokio::test]
async fn only_the_validated_parts_of_a_value_are_parsed_into_memory() {
    let local = Local::start(&["--posts-per-second", "0", "--summary", "json"]).await;
    for nested in ["{}", "[]", r#"{"":0}"#, r#"[{"":[]}]"#] {
        let list = vec![nested; (MAX_BODY_BYTES - 100) / (nested.len() + 1)].join(",");
        for body in [envelope(&[&format!("[{list}]")]), envelope(&[&format!(r#"{{"tag_list":[{list}]}}"#)])] {
            let (status, answer) = local.post(GEO_TOPIC, &body).await;
            assert_eq!(status, 422, "{answer}");
        }
    }
    let fields = vec![r#""":0"#; (MAX_BODY_BYTES - 100) / 5].join(",");
    let (status, answer) = local.post(GEO_TOPIC, &envelope(&[&format!("{{{fields}}}")])).await;
    assert_eq!(status, 422, "{answer}");
    let ended = local.stop().await;
    let summary: Value = serde_json::from_str(ended.summary()).unwrap();
    let peak = summary["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak < 100_000_000, "{peak}");
}

#[tokio::test]
async fn large_records_are_written_and_one_beyond_kafkas_limit_is_rejected() {
    let local = Local::start_without_emulator().await;
    let of_size = |bytes| envelope(&[&with(&GEO, &[("filler", Some(json!("x".repeat(bytes))))])]);
    for offset in 0..12 {
        assert_eq!(local.post(GEO_TOPIC, &of_size(1_000_000)).await, written(offset));
        let (status, body) = local.post(GEO_TOPIC, &of_size(4_300_000)).await;
        assert_eq!(status, 413, "{body}");
        assert!(body.contains(r#""error_code":50002,"error":"the record is larger than the topic admits"#), "{body}");
    }
    assert_all_archived(&local.stop().await, 12);
}

#[tokio::test]
async fn a_large_post_to_a_wrong_path_is_answered_with_the_right_one() {
    let local = Local::start_without_emulator().await;
    let (status, body) = local.post("demo.geo/nope", &" ".repeat(TOO_LARGE)).await;
    assert_eq!(status, 404);
    assert!(body.contains("records are sent to POST /topics/{topic}; the topics here are demo.geo,"), "{body}");
}

#[tokio::test]
async fn a_client_that_disconnects_within_its_body_writes_nothing_and_the_next_one_is_served() {
    let local = Local::start_without_emulator().await;
    let body = geo_row();
    let mut client = begin(&local, &body).await;
    client.write_all(&body.as_bytes()[..body.len() / 2]).await.unwrap();
    drop(client);
    assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(0));
    assert_all_archived(&local.stop().await, 1);
}

#[tokio::test]
async fn records_in_flight_are_archived_despite_a_disconnect_and_ctrl_c() {
    let local = Local::start_without_emulator().await;
    let mut client = local.connect().await;
    client.write_all(post(GEO_TOPIC, &geo_rows(MAX_RECORDS)).as_bytes()).await.unwrap();
    // Earlier the server may not have read the request, and would not have to serve it.
    local.first_record(GEO_TOPIC);
    drop(client);
    assert_all_archived(&local.stop().await, MAX_RECORDS as u64);
}

/// A half-closed connection, like that of `nc -N`.
#[tokio::test]
async fn a_client_that_half_closes_after_its_request_reads_its_answer() {
    let local = Local::start_without_emulator().await;
    let mut client = local.connect().await;
    client.write_all(post(GEO_TOPIC, &geo_row()).as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(answer(&mut client).await, written(0));
    assert_all_archived(&local.stop().await, 1);
}

#[tokio::test]
async fn an_unfinished_request_head_times_out() {
    let local = Local::start_without_emulator().await;
    let mut client = local.connect().await;
    client.write_all(&head(GEO_TOPIC, 1).as_bytes()[..10]).await.unwrap();
    let mut rest = Vec::new();
    timeout(TIME_TO_FAIL, client.read_to_end(&mut rest)).await.expect("an end in time").unwrap();
}

#[tokio::test]
async fn a_body_sent_in_pieces_between_other_requests_is_one_body() {
    let local = Local::start_without_emulator().await;
    let body = geo_row();
    let mut client = begin(&local, &body).await;
    client.set_nodelay(true).unwrap();
    let (start, end) = (body.len() / 3, body.len() / 3 * 2);
    for (offset, piece) in [&body[..start], &body[start..end]].into_iter().enumerate() {
        for byte in piece.as_bytes() {
            client.write_u8(*byte).await.unwrap();
        }
        assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(offset as u64));
    }
    client.write_all(&body.as_bytes()[end..]).await.unwrap();
    assert_eq!(answer(&mut client).await, written(2));
    assert_all_archived(&local.stop().await, 3);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_delays_no_other() {
    let local = Local::start_without_emulator().await;
    let socket = TcpSocket::new_v4().unwrap();
    // Two answers of 2.4 MB exceed the system's socket buffers for a client with such a small one.
    socket.set_recv_buffer_size(4096).unwrap();
    let (mut answers, mut requests) = socket.connect(local.address).await.unwrap().into_split();
    let last = post(GEO_TOPIC, &geo_rows(MAX_RECORDS));
    let first = last.replace("Connection: close", "Connection: keep-alive");
    let sent = tokio::spawn(async move {
        requests.write_all([first, last].concat().as_bytes()).await.unwrap();
        // Dropping it would close the connection.
        requests
    });
    answers.readable().await.unwrap();

    let (status, body) = local.post(GEO_TOPIC, &geo_row()).await;
    assert_eq!(status, 200, "{body}");
    let ((_, bodies), _) = tokio::join!(answer(&mut answers), sent);
    assert_eq!(bodies.matches(r#""error_code":null"#).count(), 2 * MAX_RECORDS);
}

#[tokio::test]
async fn the_most_rows_of_one_request_are_written_and_archived_in_order() {
    let local = Local::start_without_emulator().await;
    assert_offsets(&local.post(GEO_TOPIC, &geo_rows(MAX_RECORDS)).await, MAX_RECORDS);
    let ended = local.stop().await;
    assert_all_archived(&ended, MAX_RECORDS as u64);
    let sent = sample::rows(GEO.table).unwrap().lines().map(|row| Value::Object(parse(row)));
    assert!(ended.archived(GEO_TOPIC).into_iter().eq(sent.collect::<Vec<_>>().into_iter().cycle().take(MAX_RECORDS)));
}

#[tokio::test]
async fn a_client_that_sends_all_of_a_too_large_body_reads_the_error() {
    let local = Local::start_without_emulator().await;
    let answer = local.post(GEO_TOPIC, &" ".repeat(TOO_LARGE)).await;
    assert_eq!(answer, (413, TOO_LARGE_TEXT.to_owned()));
    assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(0));
}

#[tokio::test]
#[ignore = "needs Python with requests: make test"]
async fn requests_and_urllib_read_the_error_for_a_too_large_body() {
    let local = Local::start_without_emulator().await;
    let url = format!("http://{}/topics/{GEO_TOPIC}", local.address);
    for script in ["post_requests.py", "post_urllib.py"] {
        let printed = output(python(script).arg(&url), &" ".repeat(TOO_LARGE)).await;
        assert_eq!(printed.trim_end(), format!("413 {TOO_LARGE_TEXT}"), "{script}");
    }
}

#[tokio::test]
#[ignore = "needs curl: make test"]
async fn curl_reads_the_error_for_a_too_large_body() {
    let local = Local::start_without_emulator().await;
    let url = format!("http://{}/topics/{GEO_TOPIC}", local.address);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--data-binary", "@-", "--write-out", " %{http_code}"]);
    curl.args(["--header", &format!("Content-Type: {JSON}"), &url]);
    let printed = output(&mut curl, &" ".repeat(TOO_LARGE)).await;
    assert_eq!(printed, format!("{TOO_LARGE_TEXT} 413"));
}

#[tokio::test]
#[ignore = "needs Python with requests: make test"]
async fn the_courses_script_finds_its_rows_in_the_archive() {
    let local = Local::start_without_emulator().await;
    let rows: Vec<Vec<Value>> = CATALOG
        .iter()
        .map(|kind| sample::rows(kind.table).unwrap().lines().take(50).map(|row| Value::Object(parse(row))).collect())
        .collect();
    let post = |at: usize| {
        let of_kind = CATALOG.iter().zip(&rows).map(|(kind, rows)| (kind.name.to_owned(), rows[at].clone()));
        Value::Object(of_kind.collect())
    };
    let posts: Vec<_> = (0..50).map(|at| post(at).to_string()).collect();
    let topics = format!("http://{}/test/topics/demo", local.address);
    output(python("course_script.py").arg(topics), &posts.join("\n")).await;

    let ended = local.stop().await;
    assert_all_archived(&ended, 150);
    for (kind, rows) in CATALOG.iter().zip(&rows) {
        assert_eq!(ended.archived(&format!("demo.{}", kind.name)), *rows, "{kind}");
    }
}
