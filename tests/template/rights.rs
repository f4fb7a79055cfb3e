//! The functions on Kafka with exactly the rights of their policies: with all of them each function works, with one fewer
//! it fails as documented.
//!
//! Kafka's access control lists stand in for IAM. They lack `Connect` (unknown identities cannot authenticate) and
//! `WriteDataIdempotently` (implied by the right to write any topic), and `DescribeTopic` is implied by the right to read or
//! write the topic. `policies` checks those against a list.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use emulator::{Aws, Emulator, Publisher, Source, tick};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use shared::{custom_resource::respond, kind::GEO, metrics::Metrics, topic::UserIds};
use stack::kafka::{Kafka, Operation, Topics};
use tokio::sync::Mutex;

use super::{cases::with, functions};
use crate::support::{
    cloudformation::CloudFormation,
    invocation,
    msk::{Ingest, Role, cluster, shared_kafka},
    pipeline::envelope,
    rows::with as row_with,
    template::{Stack, stack, texts},
};

/// The actions with an access control list entry of their own.
const WORDS: [(&str, Operation); 3] =
    [("ReadData", Operation::Read), ("WriteData", Operation::Write), ("CreateTopic", Operation::Create)];

/// Implied by reading and writing, so not removed alone.
const DESCRIBE: (&str, Operation) = ("DescribeTopic", Operation::Describe);

/// The policies' other actions.
const WORDLESS: [&str; 2] = ["Connect", "WriteDataIdempotently"];

/// A function with the rights of its policy, on Kafka.
struct PolicyTest {
    stack: Arc<Stack>,
    function: &'static str,
    kafka: &'static Kafka,
    role: Role,
}

impl PolicyTest {
    /// `function` for one user id, with its policy except for one action.
    async fn without(action: Option<&str>, function: &'static str, user_id: &str) -> Self {
        let kafka = shared_kafka().await;
        let stack = stack(&with(&[("UserIds", user_id)])).await;
        let role = Role::new(user_id).registered_with(kafka);
        for statement in stack.statements(&format!("{function}FunctionRole")) {
            for name in texts(&statement["Action"]) {
                let Some(name) = name.strip_prefix("kafka-cluster:") else { continue };
                if WORDLESS.contains(&name) || Some(name) == action {
                    continue;
                }
                let (_, operation) = *WORDS.iter().chain([&DESCRIBE]).find(|(word, _)| *word == name).expect(name);
                for arn in texts(&statement["Resource"]) {
                    let prefix = arn.rsplit('/').next().and_then(|topics| topics.strip_suffix('*')).unwrap();
                    kafka.allow(&role.name, &[operation], Topics::Prefixed(prefix)).await.unwrap();
                }
            }
        }
        Self { stack, function, kafka, role }
    }

    /// The function's topics, created like the deployment's.
    async fn topics(&self) -> UserIds {
        let user_ids: UserIds = self.stack.user_ids().join(",").parse().unwrap();
        for topic in user_ids.topic_names() {
            self.kafka.create_topic(&topic, 1).await.unwrap();
        }
        user_ids
    }

    /// The template's environment with this machine's addresses.
    fn environment(&self, more: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + use<> {
        let (_, properties) = functions(&self.stack).find(|(name, _)| *name == self.function).unwrap();
        let set = properties["Environment"]["Variables"].as_object().unwrap().iter();
        let mut set: BTreeMap<String, String> = set
            .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect();
        set.extend(self.role.variables(self.kafka).into_iter().map(|(name, value)| (name.to_owned(), value)));
        set.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        move |name: &str| set.get(name).cloned()
    }
}

/// The answer of `ingest` to a geo record for `topic`.
async fn post_to_ingest(test: &PolicyTest, user_ids: &UserIds, topic: &str) -> (u16, Value) {
    let cluster = cluster(test.kafka, test.kafka.region(), test.role.credentials());
    let ingest = Ingest::start(&cluster, user_ids).await;
    let answer = ingest.post(&format!("/topics/{topic}"), envelope(&[&row_with(&GEO, &[])])).await;
    (answer.status.as_u16(), answer.json()["offsets"][0]["error_code"].clone())
}

#[tokio::test]
#[ignore = "needs Kafka and SAM: make test"]
async fn ingest_writes_with_its_policy_and_answers_403_without_write_data() {
    let test = PolicyTest::without(None, "Ingest", "rights-a").await;
    let user_ids = test.topics().await;
    assert_eq!(post_to_ingest(&test, &user_ids, "rights-a.geo").await, (200, Value::Null));

    let test = PolicyTest::without(Some("WriteData"), "Ingest", "rights-b").await;
    let user_ids = test.topics().await;
    assert_eq!(post_to_ingest(&test, &user_ids, "rights-b.geo").await, (403, 40301.into()));
}

/// The status of a request to `ingest` that reads records back.
async fn read_back(test: &PolicyTest, user_ids: &UserIds, topic: &str) -> u16 {
    let cluster = cluster(test.kafka, test.kafka.region(), test.role.credentials());
    let ingest = Ingest::start(&cluster, user_ids).await;
    let written = ingest.post(&format!("/topics/{topic}"), envelope(&[&row_with(&GEO, &[])])).await;
    assert_eq!(written.status, 200, "{}", written.body);
    ingest.get(&format!("/topics/{topic}/records")).await.status.as_u16()
}

#[tokio::test]
#[ignore = "needs Kafka and SAM: make test"]
async fn ingest_reads_records_back_with_its_policy_and_answers_403_without_read_data() {
    let test = PolicyTest::without(None, "Ingest", "rights-j").await;
    let user_ids = test.topics().await;
    assert_eq!(read_back(&test, &user_ids, "rights-j.geo").await, 200);

    let test = PolicyTest::without(Some("ReadData"), "Ingest", "rights-k").await;
    let user_ids = test.topics().await;
    assert_eq!(read_back(&test, &user_ids, "rights-k.geo").await, 403);
}

#[tokio::test]
#[ignore = "needs Kafka and SAM: make test"]
async fn the_policy_denies_another_user_ids_topic() {
    let test = PolicyTest::without(None, "Ingest", "rights-c").await;
    test.topics().await;
    test.kafka.create_topic("rights-cc.geo", 1).await.unwrap();
    // This function is configured to serve it.
    let user_ids: UserIds = "rights-c,rights-cc".parse().unwrap();
    assert_eq!(post_to_ingest(&test, &user_ids, "rights-cc.geo").await, (403, 40301.into()));
    assert_eq!(post_to_ingest(&test, &user_ids, "rights-c.geo").await, (200, Value::Null));
}

/// One run of the emulator.
async fn run_emulator(test: &PolicyTest) -> emulator::Report {
    let user_ids = test.topics().await;
    let lookup = test.environment(&[("SPREAD_SECONDS", "0")]);
    let settings = emulator::Settings::from_lookup(&lookup).unwrap();
    let metrics = Metrics::default();
    let aws = Aws::default();
    let topics = user_ids.topic_names();
    let publisher = Publisher::start(&settings.delivery, topics, &aws, metrics.clone()).await.unwrap();
    let source = Source::open(&settings.database_url, &lookup).unwrap();
    let emulator = Emulator::new(source, publisher, &settings.user_ids, StdRng::seed_from_u64(7), metrics.clone());
    let event = invocation(serde_json::from_value(json!({"posts": 2})).unwrap(), Duration::from_secs(20));
    tick::handle(&Mutex::new(emulator), &settings, &metrics, event).await.unwrap()
}

#[tokio::test]
#[ignore = "needs Kafka and SAM: make test"]
async fn the_emulator_writes_with_its_policy_and_nothing_without_write_data() {
    let report = run_emulator(&PolicyTest::without(None, "Emulator", "rights-d").await).await;
    assert_eq!((report.records_written, report.records_unconfirmed), (6, 0));
    let report = run_emulator(&PolicyTest::without(Some("WriteData"), "Emulator", "rights-e").await).await;
    assert_eq!((report.records_written, report.records_unconfirmed), (0, 6));
}

/// One run of `archive` into a folder, over one record in each topic.
async fn run_archive(test: &PolicyTest) -> Result<u64, String> {
    let user_ids = test.topics().await;
    let writer = format!("{}-writer", test.role.name);
    let writer = Role::new(&writer).registered_with(test.kafka);
    let topics = format!("{user_ids}.");
    test.kafka.allow(&writer.name, &[Operation::Write], Topics::Prefixed(&topics)).await.unwrap();
    let ingest = Ingest::start(&cluster(test.kafka, test.kafka.region(), writer.credentials()), &user_ids).await;
    let answer = ingest.post(&format!("/topics/{user_ids}.geo"), envelope(&[&row_with(&GEO, &[])])).await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    let folder = tempfile::tempdir().unwrap();
    let lookup = test.environment(&[("ARCHIVE_URL", folder.path().to_str().unwrap())]);
    let settings = archive::settings::Settings::from_lookup(lookup).unwrap();
    let function = archive::Function::new(settings).await.unwrap();
    let event = invocation(serde_json::from_value(json!({})).unwrap(), Duration::from_secs(20));
    let report = function.handle(event).await.map_err(|failed| failed.to_string())?;
    Ok(report.total().records)
}

#[tokio::test]
#[ignore = "needs Kafka and SAM: make test"]
async fn the_archive_reads_with_its_policy_and_names_the_missing_read_data() {
    assert_eq!(run_archive(&PolicyTest::without(None, "Archive", "rights-f").await).await, Ok(1));
    let failed = run_archive(&PolicyTest::without(Some("ReadData"), "Archive", "rights-g").await).await.unwrap_err();
    assert!(failed.contains("rights-g.geo") && failed.contains("TOPIC_AUTHORIZATION_FAILED"), "{failed}");
}

/// Runs `topics` and returns CloudFormation with its response.
async fn create_topics(test: &PolicyTest) -> CloudFormation {
    let mut properties = test.stack.properties("Topics").clone();
    properties["BootstrapServers"] = test.kafka.bootstrap_servers().into();
    let cloudformation = CloudFormation::start().await;
    let event = cloudformation.request("Create", &properties).payload;
    // `topics` retries missing rights until its deadline.
    let event = cloudformation.event(event, Duration::from_secs(15));
    respond(event, |request| topics::create(request, test.environment(&[]))).await.unwrap();
    cloudformation
}

#[tokio::test]
#[ignore = "needs Kafka and SAM: make test"]
async fn the_topics_are_created_with_the_policy_and_a_missing_create_topic_is_named() {
    let test = PolicyTest::without(None, "Topics", "rights-h").await;
    let data = create_topics(&test).await.data();
    assert_eq!(data["Created"], "3");
    // The attributes that the template may read.
    let known = test.stack.answers["Topics"].as_object().unwrap();
    assert_eq!(data.as_object().unwrap().keys().collect::<Vec<_>>(), known.keys().collect::<Vec<_>>());

    let refused = create_topics(&PolicyTest::without(Some("CreateTopic"), "Topics", "rights-i").await).await.reason();
    assert!(refused.starts_with("0 of 3 topics exist: Kafka refuses the function's role"), "{refused}");
    assert!(refused.contains("kafka-cluster:CreateTopic"), "{refused}");
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_right_is_tested_or_has_no_kafka_equivalent() {
    let tried = [
        ("Ingest", "WriteData"),
        ("Ingest", "ReadData"),
        ("Emulator", "WriteData"),
        ("Archive", "ReadData"),
        ("Topics", "CreateTopic"),
    ];
    let stack = stack(&with(&[])).await;
    for (function, _) in functions(&stack) {
        for statement in stack.statements(&format!("{function}FunctionRole")) {
            for name in texts(&statement["Action"]).into_iter().filter_map(|name| name.strip_prefix("kafka-cluster:")) {
                let known = tried.contains(&(function, name)) || WORDLESS.contains(&name) || name == DESCRIBE.0;
                assert!(known, "{function} may {name}, which no test covers");
            }
        }
    }
}
