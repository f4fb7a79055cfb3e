//! The vectors of the contract, on everything that serves the API: the router, `local`, and `ingest` under the Lambda runtime
//! behind API Gateway's two kinds of event. `make conformance` runs them on an API that is deployed.

use std::{
    collections::BTreeSet,
    fs, mem,
    net::SocketAddr,
    path::Path,
    sync::{Arc, OnceLock},
};

use axum::{
    body::Body,
    http::{Request, Response},
};
use bytes::Bytes;
use ingest::{StatusPolicy, error_codes::ERROR_CODES};
use serde_json::Value;
use shared::kind::{CATALOG, Field, JOIN_KEY, JOIN_KEYS, Kind, Presence};
use stack::{
    gateway::{self, Gateway},
    lambda::{Function, Lambda, built, deployed_timeout},
};
use vectors::{Api, Difference, Names, Need, Outcome, Vector, run};

use crate::support::{contents::Contents, http, local::Local, pipeline::Pipeline};

/// Every vector.
pub(crate) fn vectors() -> &'static [Vector] {
    static VECTORS: OnceLock<Vec<Vector>> = OnceLock::new();
    VECTORS.get_or_init(|| ::vectors::all().unwrap_or_else(|error| panic!("{error}")))
}

/// The topic that takes any record.
const PASS_THROUGH: &str = "clicks";

/// The stream that takes all kinds.
const SHARED_STREAM: &str = "Kinesis-Prod-Stream";

/// The names of an API that serves `user_ids` and the two above.
fn names(user_id: &str, user_ids: &[&str]) -> Names {
    let each = |pattern: fn(&str, &Kind) -> String| {
        let of_id = move |id: &&str| CATALOG.iter().map(move |kind| pattern(id, kind)).collect::<Vec<_>>();
        user_ids.iter().flat_map(of_id).collect::<Vec<_>>()
    };
    let topics = [each(|id, kind| format!("{id}.{kind}")), vec![PASS_THROUGH.to_owned()]].concat();
    let mut streams = [each(|id, kind| format!("streaming-{id}-{kind}")), vec![SHARED_STREAM.to_owned()]].concat();
    streams.sort_unstable();
    Names::new(user_id, &topics).passing_through(PASS_THROUGH).streaming(&streams).sharing(SHARED_STREAM)
}

fn needing(need: Need) -> impl Iterator<Item = &'static Vector> {
    vectors().iter().filter(move |vector| vector.needs.contains(&need))
}

/// Runs vectors one after the other. Returns the needs for which some were not run.
async fn assert_kept(vectors: impl IntoIterator<Item = &Vector>, api: &impl Api) -> BTreeSet<Need> {
    let mut skipped = BTreeSet::new();
    let mut failed = Vec::new();
    for vector in vectors {
        let ran = run(vector, api).await;
        if let Outcome::Skipped(need) = ran.outcome {
            skipped.insert(need);
        } else if ran.failed() {
            failed.push(ran.to_string());
        }
    }
    assert!(failed.is_empty(), "{} vectors are not kept:\n{}", failed.len(), failed.join("\n\n"));
    skipped
}

/// The router on the mock cluster, for one of the cluster's user ids.
struct Routed<'p> {
    pipeline: &'p Pipeline,
    contents: Contents<'p>,
    names: Names,
    meets: &'static [Need],
}

impl<'p> Routed<'p> {
    fn new(pipeline: &'p Pipeline, names: Names, meets: &'static [Need]) -> Self {
        Self { pipeline, contents: Contents::of(pipeline), names, meets }
    }
}

impl Api for Routed<'_> {
    fn names(&self) -> &Names {
        &self.names
    }

    fn meets(&self, need: Need) -> bool {
        self.meets.contains(&need)
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let answer = self.pipeline.send(request.map(Body::from)).await;
        let mut response = Response::new(answer.body.into());
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }

    async fn in_kafka(&self, vector: &Vector, answer: &Response<Bytes>) -> Vec<Difference> {
        self.contents.differences(vector.records(&self.names), answer)
    }
}

#[tokio::test]
async fn the_router_passes_every_vector_and_writes_only_its_records() {
    const DIRECT: &[Need] = &[
        Need::Bytes,
        Need::ExactPaths,
        Need::AnyMethod,
        Need::LargeBodies,
        Need::PassThrough,
        Need::SharedStream,
        Need::HonestStatuses,
    ];
    let shared = format!("{SHARED_STREAM}=u");
    let pipeline = Pipeline::start_as("u,v", PASS_THROUGH, &shared, StatusPolicy::Strict).await;
    let skipped = assert_kept(vectors(), &Routed::new(&pipeline, names("u", &["u", "v"]), DIRECT)).await;
    assert_eq!(skipped, BTreeSet::from([Need::SmallRecords, Need::ThreePartitions, Need::ConfluentStatuses]));
    let of_v = Routed::new(&pipeline, names("v", &["u", "v"]), &[Need::ThreePartitions, Need::HonestStatuses]);
    assert_eq!(assert_kept(needing(Need::ThreePartitions), &of_v).await, BTreeSet::new());
    let pipeline = Pipeline::start_as("u", PASS_THROUGH, &shared, StatusPolicy::Confluent).await;
    let confluent = Routed::new(&pipeline, names("u", &["u"]), &[Need::ConfluentStatuses]);
    let skipped = assert_kept(needing(Need::ConfluentStatuses), &confluent).await;
    assert_eq!(skipped, BTreeSet::from([Need::SmallRecords]));
}

/// Whatever listens on a port, below a path.
struct Served<'p> {
    address: SocketAddr,
    prefix: &'static str,
    /// The reader of Kafka, if it can be read.
    contents: Option<Contents<'p>>,
    names: Names,
    lacks: Vec<Need>,
}

impl Api for Served<'_> {
    fn names(&self) -> &Names {
        &self.names
    }

    fn meets(&self, need: Need) -> bool {
        !self.lacks.contains(&need)
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        http::send(self.address, self.prefix, request).await
    }

    async fn in_kafka(&self, vector: &Vector, answer: &Response<Bytes>) -> Vec<Difference> {
        let contents = self.contents.as_ref();
        contents.map(|contents| contents.differences(vector.records(&self.names), answer)).unwrap_or_default()
    }
}

#[tokio::test]
async fn local_passes_every_vector_over_a_socket_and_archives_only_its_records() {
    const USER_ID: &str = "0a1b2c3d4e5f";
    // Browsers get the permissions of a deployed API.
    let set = ["--posts-per-second", "0", "--user-id", USER_ID, "--pass-through", PASS_THROUGH, "--allow-origin", "*"];
    let shared = format!("{SHARED_STREAM}={USER_ID}");
    let local = Local::start(&[&set[..], &["--shared-stream", &shared]].concat()).await;
    let topics = CATALOG.iter().map(|kind| format!("{USER_ID}.{kind}")).collect::<Vec<_>>();
    let names = names(USER_ID, &[USER_ID]);
    let lacks = [Need::ThreePartitions, Need::ConfluentStatuses];
    let api =
        Served { address: local.address, prefix: "", contents: None, names: names.clone(), lacks: lacks.to_vec() };
    let skipped = assert_kept(vectors(), &api).await;
    assert_eq!(skipped, BTreeSet::from(lacks));
    let run = || vectors().iter().filter(|vector| !vector.needs.iter().any(|need| lacks.contains(need)));
    let ended = local.stop().await;
    for topic in &topics {
        let archived = ended.objects(topic).concat();
        let sent = run().flat_map(|vector| vector.records(&names)).filter(|record| record.topic == *topic);
        let sent: Vec<_> = sent.map(|record| record.value.unwrap()).collect();
        assert_eq!(archived.len(), sent.len(), "{topic}");
        for (archived, sent) in archived.iter().zip(&sent) {
            assert_eq!(
                archived.as_bytes(),
                ::shared::json::compact(std::str::from_utf8(sent).unwrap()).as_bytes(),
                "{topic}"
            );
        }
    }
}

/// Runs the vectors on the function behind a kind of API, and with the REST Proxy's statuses those that need them.
async fn assert_kept_behind(api: impl Fn() -> gateway::Api, prefix: &'static str, lacks: &[Need]) {
    let of_honest = [lacks, &[Need::ConfluentStatuses]].concat();
    let skipped = behind(api(), prefix, StatusPolicy::Strict, vectors(), of_honest.clone()).await;
    assert_eq!(skipped, of_honest.into_iter().collect());
    let confluent = needing(Need::ConfluentStatuses);
    let skipped = behind(api(), prefix, StatusPolicy::Confluent, confluent, lacks.to_vec()).await;
    assert_eq!(skipped, BTreeSet::from([Need::SmallRecords]));
}

/// Returns the needs for which some were not run.
async fn behind(
    api: gateway::Api,
    prefix: &'static str,
    statuses: StatusPolicy,
    vectors: impl IntoIterator<Item = &Vector>,
    lacks: Vec<Need>,
) -> BTreeSet<Need> {
    let shared = format!("{SHARED_STREAM}=u");
    let pipeline = Pipeline::start_as("u", PASS_THROUGH, &shared, statuses).await;
    let environment = [
        ("BOOTSTRAP_SERVERS", pipeline.cluster.bootstrap_servers()),
        ("SECURITY_PROTOCOL", "PLAINTEXT".to_owned()),
        ("USER_IDS", "u".to_owned()),
        ("PASS_THROUGH_TOPICS", PASS_THROUGH.to_owned()),
        ("SHARED_STREAMS", shared),
        ("STATUSES", statuses.to_string()),
    ];
    let mut function = Function::new(&built("ingest").await.unwrap(), environment);
    function.timeout = deployed_timeout("ingest").unwrap();
    let gateway = Gateway::start(Arc::new(Lambda::start(&function).await.unwrap()), api).await.unwrap();
    let address = gateway.url().split('/').nth(2).unwrap().parse().unwrap();
    let names = names("u", &["u"]);
    let contents = Some(Contents::of(&pipeline));
    assert_kept(vectors, &Served { address, prefix, contents, names, lacks }).await
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn ingest_passes_every_vector_that_a_rest_api_forwards() {
    let lacks =
        [Need::Bytes, Need::ExactPaths, Need::AnyMethod, Need::LargeBodies, Need::SmallRecords, Need::ThreePartitions];
    assert_kept_behind(|| gateway::Api::rest("test"), "/test", &lacks).await;
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn ingest_passes_every_vector_that_an_http_api_forwards() {
    let lacks = [Need::ExactPaths, Need::AnyMethod, Need::LargeBodies, Need::SmallRecords, Need::ThreePartitions];
    assert_kept_behind(|| gateway::Api::http("prod"), "/prod", &lacks).await;
}

/// Answers that no request brings about alone, each with where it is tested.
const ELSEWHERE: [(u16, u32, &str); 5] = [
    (401, 40101, "tests/iam.rs"),
    (403, 40301, "tests/broker.rs"),
    (408, 408, "functions/ingest/src/body.rs"),
    (500, 500, "tests/http.rs"),
    (500, 50002, "tests/broker.rs"),
];

#[test]
fn every_error_code_of_the_table_has_a_vector_or_a_test_elsewhere() {
    for (_, code, file) in ELSEWHERE {
        let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).unwrap();
        assert!(source.contains(&code.to_string()), "{file} does not speak of {code}");
    }
    let answered: BTreeSet<_> = vectors().iter().map(Vector::answered).collect();
    for answer in ERROR_CODES {
        let (status, code) = (answer.status.as_u16(), answer.code);
        let elsewhere = ELSEWHERE.iter().any(|(other, of, _)| (*other, *of) == (status, code));
        assert_ne!(answered.contains(&(status, Some(code))), elsewhere, "{status}, error_code {code}");
    }
    let known = |(status, code): &(u16, Option<u32>)| {
        matches!(status, 200 | 207)
            || ERROR_CODES.iter().any(|answer| (answer.status.as_u16(), Some(answer.code)) == (*status, *code))
    };
    assert!(answered.iter().all(known), "{answered:?}");
}

/// The values that vectors write to the topics of a kind.
pub(crate) fn written(kind: &Kind) -> BTreeSet<String> {
    let names = Names::new("u", &[]);
    let records = vectors().iter().flat_map(|vector| vector.records(&names));
    let records = records.filter(|record| record.topic == format!("u.{kind}"));
    records.map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect()
}

/// The fields and problems that vectors expect for the values of a kind.
fn violations(kind: &Kind) -> BTreeSet<(String, String)> {
    let names = Names::new("u", &[]);
    let of_kind = vectors().iter().filter(|vector| vector.file == format!("refused-{kind}"));
    let bodies = of_kind.filter_map(|vector| vector.answers(&names));
    let bodies = bodies.map(|body| serde_json::from_str::<Value>(&body).unwrap()["violations"].clone());
    let reported = bodies.flat_map(|violations| violations.as_array().cloned().unwrap_or_default());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    reported.map(|violation| (text(&violation["field"]), text(&violation["problem"]))).collect()
}

#[test]
fn each_rule_of_each_field_of_each_kind_is_kept_and_broken_by_a_vector() {
    for kind in CATALOG {
        let (written, broken) = (written(kind), violations(kind));
        let values = written.iter().map(|value| serde_json::from_str(value).unwrap());
        let rows: Vec<Value> =
            values.flat_map(|value| if let Value::Array(rows) = value { rows } else { vec![value] }).collect();
        let has = |row: &dyn Fn(&Value) -> bool| rows.iter().any(row);
        let reported =
            |field: &str, problem: &str| broken.iter().any(|(of, found)| of == field && found.starts_with(problem));
        assert!(JOIN_KEYS.iter().all(|key| has(&|row| row.get(key).is_some())), "{kind}: each name of the join key");
        assert!(reported(kind.join_key, &format!("must be {JOIN_KEY}; it is ")), "{kind}.{}", kind.join_key);
        assert!(reported(kind.join_key, "is missing"), "{kind}.{}", kind.join_key);
        for field @ Field { name, rule, presence, .. } in kind.fields {
            let (missing, null) = (*presence == Presence::Optional, *presence != Presence::NotNull);
            let what = format!("{kind}.{name}, {rule}, {presence:?}");
            assert!(reported(name, &format!("must be {rule}; it is ")), "{what}");
            assert!(field.names().all(|name| has(&|row| row.get(name).is_some())), "{what}: each of its names");
            assert_eq!(has(&|row| field.names().all(|name| row.get(name).is_none())), missing, "{what}");
            assert_eq!(reported(name, "is missing"), !missing, "{what}");
            assert_eq!(has(&|row| row.get(name) == Some(&Value::Null)), null, "{what}");
            assert_eq!(reported(name, &format!("must be {rule}; it is null")), !null, "{what}");
        }
    }
}

#[test]
fn each_published_form_of_a_row_is_written_by_a_vector() {
    for kind in CATALOG {
        let rows: Vec<Value> = written(kind).iter().map(|value| serde_json::from_str(value).unwrap()).collect();
        for form in kind.forms {
            let json = |json: &str| serde_json::from_str::<Value>(json).unwrap();
            // Of a value its type counts: the vectors have other posts than the form.
            let kept = |row: &Value, (name, sent): &(&str, Option<&str>)| {
                sent.map(|sent| mem::discriminant(&json(sent))) == row.get(name).map(mem::discriminant)
            };
            let is_written = rows.iter().any(|row| form.changes.iter().all(|change| kept(row, change)));
            assert!(is_written, "{kind}, {form}");
        }
    }
}
