//! The whole way, each part as near to AWS as it gets here: the course's script to API Gateway's events, `ingest` under the
//! Lambda runtime, Kafka by IAM, `archive` under the Lambda runtime, S3, and a notebook's reader. What each stand-in proves
//! and what not is in `tests/README.md`.

use std::{collections::BTreeMap, fs, ops::Range, path::Path, sync::Arc};

use archive::{
    layout::TopicPartition,
    reader::{Kafka as Reading, Reader},
    record::ConsumerRecord,
};
use aws_credential_types::Credentials;
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::TryStreamExt;
use object_store::{
    ObjectStore, ObjectStoreExt,
    aws::{AmazonS3, AmazonS3Builder},
};
use serde_json::{Map, Value, json};
use shared::{kind::CATALOG, sample};
use stack::{
    gateway::{Api, Gateway},
    lambda::{Function, Lambda, built, deployed_timeout},
    s3::{ACCESS_KEY, Errors, Flaky, SECRET_KEY},
};
use tools::deployment::{BUCKET, Deployment};

use crate::support::{
    cloudformation::CloudFormation,
    local::{output, python},
    msk::cluster,
    rows::parse,
};

const POSTS: usize = 40;

/// A function as it is deployed, with some variables of its own.
async fn function(deployed: &Deployment, name: &str, more: &[(&'static str, String)]) -> Lambda {
    let mut variables = deployed.variables();
    variables.extend(more.iter().cloned());
    let mut function = Function::new(&built(name).await.unwrap(), variables);
    function.timeout = deployed_timeout(name).unwrap();
    Lambda::start(&function).await.unwrap()
}

fn file(event: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../events/{event}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn bucket(deployed: &Deployment) -> AmazonS3 {
    let builder = AmazonS3Builder::new().with_bucket_name(BUCKET).with_endpoint(deployed.s3.endpoint());
    let builder = builder.with_allow_http(true).with_region("us-east-1");
    builder.with_access_key_id(ACCESS_KEY).with_secret_access_key(SECRET_KEY).build().unwrap()
}

/// Every object below a prefix, by its name without the prefix.
async fn objects(bucket: &AmazonS3, prefix: &str) -> BTreeMap<String, Vec<u8>> {
    let listed: Vec<_> = bucket.list(Some(&prefix.into())).try_collect().await.unwrap();
    let mut objects = BTreeMap::new();
    for object in listed {
        let name = object.location.as_ref().strip_prefix(prefix).unwrap().trim_start_matches('/').to_owned();
        let bytes = bucket.get(&object.location).await.unwrap().bytes().await.unwrap();
        objects.insert(name, bytes.to_vec());
    }
    objects
}

/// The rows that a notebook reads from a topic, with types inferred from the objects as Spark does.
async fn read_as_a_notebook(objects: &BTreeMap<String, Vec<u8>>, topic: &str) -> Vec<Map<String, Value>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in objects {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    let objects = folder.path().join(format!("topics/{topic}/partition=0/*.json"));
    let rows = output(python("read_archive.py").arg(objects), "").await;
    rows.lines().map(parse).collect()
}

fn sample_row(table: &str, at: usize) -> Map<String, Value> {
    parse(sample::rows(table).unwrap().lines().nth(at).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka, MariaDB, S3 and the Lambda runtime: make test"]
async fn a_row_of_the_script_and_one_of_the_database_are_read_by_a_notebook_as_they_were_sent() {
    let deployed = Deployment::start(&"e2e".parse().unwrap()).await.unwrap();
    deployed.set_up_database().await.unwrap();

    // At deployment.
    let cloudformation = CloudFormation::start().await;
    let (servers, user_ids) = (deployed.kafka.bootstrap_servers(), ["e2e"]);
    let create = cloudformation.event_from_file("topics-create", |event| {
        event["ResourceProperties"] = json!({"BootstrapServers": servers, "UserIds": user_ids, "Partitions": "1"});
    });
    function(&deployed, "topics", &[]).await.invoke(&create.payload).await.unwrap();
    let answer = cloudformation.response();
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(answer["Data"]["Created"], "3", "{answer}");

    // The script.
    let gateway = Gateway::start(Arc::new(function(&deployed, "ingest", &[]).await), Api::rest("test")).await.unwrap();
    let post = |at: usize| {
        let row = |kind: &shared::kind::Kind| (kind.name.to_owned(), Value::Object(sample_row(kind.table, at)));
        Value::Object(CATALOG.iter().map(|kind| row(kind)).collect())
    };
    let posts: Vec<_> = (0..POSTS).map(|at| post(at).to_string()).collect();
    output(python("course_script.py").arg(format!("{}/topics/e2e", gateway.url())), &posts.join("\n")).await;

    // The schedule.
    let archive = function(&deployed, "archive", &[]).await;
    let report = archive.invoke(&file("archive-tick")).await.unwrap();
    assert_eq!((&report["failures"], &report["left_behind"]), (&json!([]), &json!([])), "{report}");
    let stored = objects(&bucket(&deployed), "archive").await;
    for kind in CATALOG {
        let rows = read_as_a_notebook(&stored, &format!("e2e.{kind}")).await;
        let sent: Vec<_> = (0..POSTS).map(|at| sample_row(kind.table, at)).collect();
        assert_eq!(rows, sent, "{kind}");
    }

    // The event source mapping, with another archive.
    let by_event = [("ARCHIVE_URL", Deployment::archive_url("by-event"))];
    let event = kafka_event(&deployed).await;
    function(&deployed, "archive", &by_event).await.invoke(&event).await.unwrap();
    assert!(objects(&bucket(&deployed), "by-event").await == stored, "the same objects for each kind of delivery");

    // The emulator.
    let emulator = function(&deployed, "emulator", &[]).await;
    let report = emulator.invoke(&file("emulator-five-posts")).await.unwrap();
    assert_eq!((&report["posts"], &report["records_written"]), (&json!(5), &json!(15)), "{report}");
    let report = archive.invoke(&file("archive-tick")).await.unwrap();
    assert_eq!((&report["failures"], &report["left_behind"]), (&json!([]), &json!([])), "{report}");
    let stored = objects(&bucket(&deployed), "archive").await;
    for kind in CATALOG {
        let prefix = format!("topics/e2e.{kind}/");
        let lines = stored.iter().filter(|(name, _)| name.starts_with(&prefix)).map(|(_, bytes)| bytes);
        let lines = String::from_utf8(lines.flatten().copied().collect()).unwrap();
        let emulated: Vec<_> = lines.lines().skip(POSTS).collect();
        assert_eq!(emulated.len(), 5, "{kind}");
        for line in emulated {
            let row = parse(line);
            assert!(sample::rows(kind.table).unwrap().lines().any(|sample| parse(sample) == row), "{kind}: {line}");
        }
    }

    // The tables.
    let tables = function(&deployed, "tables", &[]).await;
    for rows in [POSTS + 5, 0] {
        let report = tables.invoke(&file("tables-tick")).await.unwrap();
        assert_eq!((&report["failures"], &report["left_behind"]), (&json!([]), &json!([])), "{report}");
        for kind in CATALOG {
            assert_eq!(report["tables"][format!("e2e/{kind}")]["rows"], rows, "{report}");
        }
    }
    let stored = objects(&bucket(&deployed), "archive").await;
    for kind in CATALOG {
        let version = |version: u64| stored.contains_key(&format!("tables/e2e/{kind}/_delta_log/{version:020}.json"));
        assert!(version(0) && !version(1), "{kind}");
    }
}

/// Everything that is in a topic.
async fn read(deployed: &Deployment, topic: &str) -> Vec<ConsumerRecord> {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test");
    let cluster = cluster(&deployed.kafka, deployed.kafka.region(), credentials);
    let kafka = Reading::connect(&cluster).await.unwrap();
    // One fetch brings them all.
    kafka.read(&TopicPartition { topic: topic.to_owned(), partition: 0 }, 0).await.unwrap()
}

/// The event that an event source mapping sends, with records by topic.
fn event_of(topics: impl IntoIterator<Item = (String, Vec<ConsumerRecord>)>) -> Value {
    let mut all = Map::new();
    for (topic, records) in topics {
        let record = |record: &ConsumerRecord| {
            json!({
                "topic": topic, "partition": 0, "offset": record.offset, "timestamp": 1_598_586_767_000_u64,
                "timestampType": "CREATE_TIME", "headers": [],
                "value": BASE64_STANDARD.encode(record.value.as_ref().unwrap()),
            })
        };
        let records = records.iter().map(record).collect();
        all.insert(format!("{topic}-0"), records);
    }
    json!({"eventSource": "aws:kafka", "eventSourceArn": "arn", "bootstrapServers": "b", "records": all})
}

/// The event in which an event source mapping delivers all records of the topics.
async fn kafka_event(deployed: &Deployment) -> Value {
    let mut topics = Vec::new();
    for kind in CATALOG {
        let topic = format!("e2e.{kind}");
        let records = read(deployed, &topic).await;
        assert_eq!(records.len(), POSTS);
        topics.push((topic, records));
    }
    event_of(topics)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka, MariaDB, S3 and the Lambda runtime: make test"]
async fn what_an_event_source_mapping_gives_up_is_archived_once_all_the_same() {
    let deployed = Deployment::start(&"given".parse().unwrap()).await.unwrap();
    for kind in CATALOG {
        deployed.kafka.create_topic(&format!("given.{kind}"), 1).await.unwrap();
    }
    let topic = "given.geo";
    let flaky = Flaky::start(&deployed.s3, 1).await.unwrap();
    let by_flaky = [("AWS_ENDPOINT_URL_S3", flaky.endpoint())];
    let (ingest, archive) = (function(&deployed, "ingest", &[]).await, function(&deployed, "archive", &by_flaky).await);
    let write = async |rows: Range<usize>| {
        let rows: Vec<_> = rows.map(|at| Value::Object(sample_row("geolocation_data", at)).to_string()).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let event =
            crate::support::gateway::v1("POST", "/topics/given.geo", &crate::support::pipeline::envelope(&rows));
        assert_eq!(ingest.invoke(&event).await.unwrap()["statusCode"], 200);
    };
    let deliver = async |deployed: &Deployment, offsets: Range<usize>| {
        let records = read(deployed, topic).await[offsets].to_vec();
        archive.invoke(&event_of([(topic.to_owned(), records)])).await
    };
    let archived = async |deployed: &Deployment, rows: usize, case: &str| {
        let objects = objects(&bucket(deployed), "archive").await;
        let lines = String::from_utf8(objects.into_values().flatten().collect()).unwrap();
        let found: Vec<_> = lines.lines().map(parse).collect();
        let sent: Vec<_> = (0..rows).map(|at| sample_row("geolocation_data", at)).collect();
        assert!(found == sent, "{case}: {} of {rows}", found.len());
    };

    write(0..30).await;
    deliver(&deployed, 0..10).await.unwrap();
    archived(&deployed, 10, "a batch that follows on needs no other").await;
    let report = deliver(&deployed, 20..30).await.unwrap();
    assert_eq!((&report["topics"][topic]["records"], &report["topics"][topic]["lost"]), (&json!(20), &json!(0)));
    archived(&deployed, 30, "a batch that was never delivered").await;

    // S3 refuses a batch for as long as the mapping tries.
    write(30..50).await;
    flaky.set(Errors { refused: 100, done: 0 });
    for _ in 0..2 {
        let error = deliver(&deployed, 30..40).await.unwrap_err().to_string();
        assert!(error.contains("the archive cannot be read or written"), "{error}");
    }
    flaky.set(Errors::default());
    deliver(&deployed, 40..50).await.unwrap();
    archived(&deployed, 50, "a batch that was given up").await;
    deliver(&deployed, 30..40).await.unwrap();
    archived(&deployed, 50, "a batch that comes late").await;

    // The last records of a topic: no batch follows, and the hour's run stores them.
    write(50..60).await;
    flaky.set(Errors { refused: 100, done: 0 });
    deliver(&deployed, 50..60).await.unwrap_err();
    flaky.set(Errors::default());
    let report = archive.invoke(&file("archive-tick")).await.unwrap();
    assert_eq!((&report["topics"][topic]["records"], &report["failures"]), (&json!(10), &json!([])), "{report}");
    archived(&deployed, 60, "the last batch").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka, MariaDB, S3 and the Lambda runtime: make test"]
async fn an_archive_that_cannot_be_written_is_said_so_and_caught_up_with_later() {
    let mut deployed = Deployment::start(&"later".parse().unwrap()).await.unwrap();
    for kind in CATALOG {
        deployed.kafka.create_topic(&format!("later.{kind}"), 1).await.unwrap();
    }
    let ingest = function(&deployed, "ingest", &[]).await;
    let geo = crate::support::pipeline::envelope(&[&Value::Object(sample_row("geolocation_data", 0)).to_string()]);
    let event = crate::support::gateway::v1("POST", "/topics/later.geo", &geo);
    assert_eq!(ingest.invoke(&event).await.unwrap()["statusCode"], 200);
    for (case, change, said) in [
        ("a bucket that is not there", ("ARCHIVE_URL", "s3://elsewhere/archive".to_owned()), "elsewhere"),
        ("a role without rights", ("AWS_SECRET_ACCESS_KEY", "wrong".to_owned()), "s3://pinterest/archive"),
    ] {
        let error = function(&deployed, "archive", &[change]).await.invoke(&file("archive-tick")).await.unwrap_err();
        assert!(error.to_string().contains(said), "{case}: {error}");
    }
    let archive = function(&deployed, "archive", &[]).await;
    deployed.s3.stop().await.unwrap();
    let error = archive.invoke(&file("archive-tick")).await.unwrap_err().to_string();
    assert!(error.contains("s3://pinterest/archive"), "S3 away: {error}");
    deployed.s3.restart().await.unwrap();
    let report = archive.invoke(&file("archive-tick")).await.unwrap();
    assert_eq!(report["topics"]["later.geo"]["records"], 1, "{report}");
    assert_eq!(objects(&bucket(&deployed), "archive").await.len(), 1);
}
