//! The metrics in the functions' logs, as CloudWatch extracts them: each event is counted once, with its response.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, SystemTime},
};

use axum::{
    body::Body,
    http::{Request, header},
};
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use serde_json::{Value, json};
use shared::{
    kind::{CATALOG, GEO},
    metrics::{Metric, Metrics, archive, ingest, producer},
};
use stack::lambda::{Function, Lambda, built};

use crate::support::{
    gateway::v1,
    golden::assert_golden,
    pipeline::{JSON, Pipeline, envelope},
    rows::with,
};

fn geo() -> String {
    envelope(&[&with(&GEO, &[])])
}

/// Two valid records and an invalid one.
fn one_of_three_wrong() -> String {
    let (right, wrong) = (with(&GEO, &[]), with(&GEO, &[("latitude", Some(json!(91)))]));
    envelope(&[&right, &wrong, &right])
}

#[test]
fn a_line_is_in_the_embedded_metric_format() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_785_000_000_123);
    let mut text = String::new();
    let metrics = Metrics::default();
    metrics.add(&ingest::COLD_STARTS, 1);
    metrics.record_duration(&producer::CONNECT_TIME, Duration::from_micros(45_678));
    metrics.record_duration(&ingest::PRODUCE_TIME, Duration::from_millis(7));
    metrics.add_by(&ingest::RECORDS_WRITTEN, "pin", 3);
    text += &metrics.take().lines("stack-ingest", now);
    metrics.add_by(&ingest::RECORDS_REFUSED, "42203", 2);
    metrics.add_by(&ingest::REQUESTS_REFUSED, "42203", 1);
    text += &metrics.take().lines("stack-ingest", now);
    metrics.add(&archive::RECORDS_ARCHIVED, 180);
    metrics.set(&archive::ARCHIVE_LAG, 0);
    text += &metrics.take().lines("stack-archive", now);
    assert_golden("metrics.jsonl", &text);
}

/// The metrics since the last call: names, each with its dimension's value if it has one, and values.
fn taken(metrics: &Metrics) -> BTreeMap<String, u64> {
    let lines = metrics.take().lines("ingest", SystemTime::UNIX_EPOCH);
    lines.lines().flat_map(|line| counted(&serde_json::from_str(line).unwrap())).collect()
}

fn counted(line: &Value) -> Vec<(String, u64)> {
    let mut counted = Vec::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        let finest = directive["Dimensions"].as_array().unwrap().last().unwrap();
        let of = finest
            .get(1)
            .map_or_else(String::new, |name| format!(" {}", line[name.as_str().unwrap()].as_str().unwrap()));
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            if let Some(value) = line[name].as_u64() {
                counted.push((format!("{name}{of}"), value));
            }
        }
    }
    counted
}

fn map<const N: usize>(counted: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counted.map(|(name, value)| (name.to_owned(), value)).into()
}

#[tokio::test]
async fn each_request_is_counted_once_by_its_response() {
    let pipeline = Pipeline::start().await;
    let connected = pipeline.metrics.take();
    assert_eq!(connected.measured(&producer::CONNECT_TIME).len(), 1, "at the start");

    pipeline.post("/topics/u.geo", geo()).await;
    let recorded = pipeline.metrics.take();
    assert_eq!(recorded.measured(&ingest::PRODUCE_TIME).len(), 1);
    assert_eq!((recorded.sum(&ingest::RECORDS_WRITTEN), recorded.sum(&ingest::REQUESTS_REFUSED)), (1, 0));

    for (path, content_type, body, expected) in [
        ("/topics/v.geo", JSON, geo(), map([("RecordsWritten geo", 1)])),
        ("/topics/u.geo", JSON, one_of_three_wrong(), map([("RecordsRefused 42203", 3), ("RequestsRefused 42203", 1)])),
        ("/topics/u.geo", JSON, r#"{"records":[{"value":{"ind":01}}]}"#.to_owned(), map([("RequestsRefused 400", 1)])),
        ("/topics/x.geo", JSON, geo(), map([("RequestsRefused 40401", 1)])),
        ("/topics/u.geo", "text/html", geo(), map([("RequestsRefused 415", 1)])),
        ("/consumers/x", JSON, geo(), map([("RequestsRefused 501", 1)])),
        ("/", JSON, geo(), map([("RequestsRefused 404", 1)])),
    ] {
        pipeline.post_as(content_type, path, body).await;
        assert_eq!(taken(&pipeline.metrics), expected, "{path} {content_type}");
    }
    let preflight = Request::options("/topics/u.geo").header(header::ORIGIN, "http://a").body(Body::empty()).unwrap();
    pipeline.send(preflight).await;
    assert_eq!(taken(&pipeline.metrics), map([]), "a preflight request is neither");
}

#[tokio::test]
async fn an_unconfirmed_record_is_counted_with_the_code_of_its_response() {
    let mut pipeline = Pipeline::start().await;
    drop(pipeline.metrics.take());
    pipeline.request_timeout = Duration::from_secs(1);
    pipeline.cluster.broker_down(1).unwrap();
    pipeline.post("/topics/u.geo", geo()).await;
    assert_eq!(taken(&pipeline.metrics), map([("RecordsUnconfirmed", 1), ("RequestsRefused 50003", 1)]));
}

#[tokio::test]
async fn a_record_too_large_for_its_topic_counts_as_a_clients_error() {
    let pipeline = Pipeline::start().await;
    drop(pipeline.metrics.take());
    pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    assert_eq!(pipeline.post("/topics/u.geo", geo()).await.status, 413);
    assert_eq!(taken(&pipeline.metrics), map([("RecordsRefused 50002", 1), ("RequestsRefused 50002", 1)]));
}

/// The lines of metrics in a function's log.
fn lines(lambda: &Lambda) -> Vec<Value> {
    let log = lambda.log();
    log.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["_aws"].is_object())
        .collect()
}

/// The deployed programs, without a log-in: their metrics are in their logs once they have responded.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Lambda runtime: make test"]
async fn each_function_prints_its_metrics_and_a_cold_start_once() {
    let kafka: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).unwrap();
    for kind in CATALOG {
        kafka.create_topic(&format!("m.{kind}"), 1, 1).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let start = async |name: &str| {
        let variables = [
            ("BOOTSTRAP_SERVERS", kafka.bootstrap_servers()),
            ("SECURITY_PROTOCOL", "PLAINTEXT".to_owned()),
            ("USER_IDS", "m".to_owned()),
            ("DATABASE_URL", "sample".to_owned()),
            ("ARCHIVE_URL", folder.path().display().to_string()),
        ];
        let function = Function::new(&built(name).await.unwrap(), variables);
        Lambda::start(&function).await.unwrap()
    };
    let names = |line: &Value, metrics: &[&Metric]| {
        let has = |metric: &&Metric| line.get(metric.name).is_some();
        assert!(metrics.iter().all(has), "{line}");
        // `_aws`, the function and perhaps the dimension's value.
        line.as_object().unwrap().len() - metrics.len()
    };

    let functions = start("ingest").await;
    for body in [geo(), geo(), one_of_three_wrong()] {
        functions.invoke(&v1("POST", "/topics/m.geo", &body)).await.unwrap();
    }
    functions.invoke(&json!({"neither": "version"})).await.unwrap();
    let of_ingest = lines(&functions);
    let [first, second, refused, no_request] = &of_ingest[..] else { panic!("a line each: {of_ingest:?}") };
    let written = [&ingest::RECORDS_WRITTEN, &ingest::PRODUCE_TIME];
    assert_eq!(names(first, &[&written[..], &[&ingest::COLD_STARTS, &producer::CONNECT_TIME]].concat()), 3);
    assert_eq!(names(second, &written), 3);
    assert_eq!(names(refused, &[&ingest::RECORDS_REFUSED, &ingest::REQUESTS_REFUSED]), 3);
    assert_eq!((names(no_request, &[&ingest::REQUESTS_REFUSED]), &no_request["ErrorCode"]), (3, &json!("400")));
    for line in &of_ingest {
        assert_eq!(line["FunctionName"], "ingest", "{line}");
    }

    let functions = start("emulator").await;
    functions.invoke(&json!({"posts": 5})).await.unwrap();
    let lines_of = lines(&functions);
    assert_eq!(lines_of.len(), 1, "{lines_of:?}");
    names(&lines_of[0], &[&producer::CONNECT_TIME]);
    assert_eq!(counted(&lines_of[0]), [("PostsSent".to_owned(), 5), ("RecordsWritten".to_owned(), 15)]);

    let functions = start("archive").await;
    for archived in [17, 0] {
        functions.invoke(&json!({})).await.unwrap();
        let all = lines(&functions);
        let counted: BTreeMap<_, _> = counted(all.last().unwrap()).into_iter().collect();
        assert_eq!(counted.get("RecordsArchived").copied().unwrap_or_default(), archived, "{all:?}");
        assert_eq!(counted["ArchiveLag"], 0, "{all:?}");
    }
    assert!(Path::new(folder.path()).join("topics/m.geo").exists());

    let functions = start("tables").await;
    for rows in [17, 0] {
        functions.invoke(&json!({})).await.unwrap();
        let all = lines(&functions);
        let counted: BTreeMap<_, _> = counted(all.last().unwrap()).into_iter().collect();
        assert_eq!(counted.get("RowsAdded").copied().unwrap_or_default(), rows, "{all:?}");
        assert_eq!(counted["TablesBehind"], 0, "{all:?}");
    }
    assert!(Path::new(folder.path()).join("tables/m/geo/_delta_log").exists());
}
