//! The log-ins that the broker accepts and refuses.

use std::{sync::Arc, time::Duration};

use aws_credential_types::Credentials;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rskafka::{
    BackoffConfig,
    client::{
        Client, ClientBuilder, OauthBearerCredentials, SaslConfig,
        partition::{OffsetAt, PartitionClient, UnknownTopicHandling},
    },
};
use shared::{
    client::connect,
    cluster::{Authorities, Cluster, Security},
    credentials::Signer,
    iam, tls,
};
use tokio::{process::Command, time::timeout};

use super::{Identity, Kafka, Operation, Options, Refusal, Topics, VERSION};

mod cluster;

const REGION: &str = "eu-west-1";
/// Secrets and session tokens contain characters that need encoding in a URL and in the control file.
const SECRET: &str = "s3cret/+key=";
const SESSION_TOKEN: &str = "t0ken/+=";
const ONCE: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(1),
    max_backoff: Duration::from_millis(2),
    base: 2.0,
    deadline: Some(Duration::ZERO),
};

/// An upper bound for every step on a busy machine.
const STEP_TIMEOUT: Duration = Duration::from_mins(2);

async fn kafka(options: Options) -> Kafka {
    let kafka = Kafka::start(options).await.unwrap();
    let role = Identity::new("ASIAROLE", SECRET, "role").with_session_token(SESSION_TOKEN);
    kafka.add_identity(role).unwrap();
    kafka.add_identity(Identity::new("AKIAUSER", SECRET, "user")).unwrap();
    kafka
}

fn identity(region: &str, access_key: &str, secret: &str, session_token: Option<&str>) -> Signer {
    let session_token = session_token.map(str::to_owned);
    let credentials = Credentials::new(access_key, secret, session_token, None, "test");
    Signer { region: region.to_owned(), credentials }
}

fn role() -> Signer {
    identity(REGION, "ASIAROLE", SECRET, Some(SESSION_TOKEN))
}

fn user() -> Signer {
    identity(REGION, "AKIAUSER", SECRET, None)
}

/// Tries to log in, once.
async fn log_in(kafka: &Kafka, signer: Signer) -> Option<Client> {
    let authorities = Authorities::File(kafka.ca_file().to_owned());
    let security = Security::Iam { signer, authorities };
    let cluster = Cluster { bootstrap_servers: kafka.bootstrap_servers(), security };
    timeout(STEP_TIMEOUT, connect(&cluster, "test", ONCE)).await.unwrap().ok()
}

#[expect(clippy::disallowed_methods, reason = "the broker uses the same clock")]
fn token(signer: &Signer) -> String {
    iam::token(signer, std::time::SystemTime::now()).unwrap().value
}

/// Tries to log in with the given token.
async fn log_in_with(kafka: &Kafka, token: String) -> Option<Client> {
    let callback = move || {
        let token = token.clone();
        Box::pin(async move { Ok(token) }) as _
    };
    let sasl = OauthBearerCredentials { callback: Arc::new(callback), authz_id: None, bearer_kvs: Vec::new() };
    let client = ClientBuilder::new(vec![kafka.bootstrap_servers()])
        .backoff_config(ONCE)
        .tls_config(tls::client_config(Some(kafka.ca_file())).unwrap())
        .sasl_config(SaslConfig::Oauthbearer(sasl))
        .build();
    timeout(STEP_TIMEOUT, Box::pin(client)).await.unwrap().ok()
}

/// Returns the refusals after the first `before`. A reason is logged before the client gets its response.
fn refused_since(kafka: &Kafka, before: usize) -> Vec<Refusal> {
    kafka.refusals().unwrap().split_off(before)
}

async fn partition(client: &Client, topic: &str) -> PartitionClient {
    let handling = UnknownTopicHandling::Error;
    timeout(STEP_TIMEOUT, client.partition_client(topic, 0, handling)).await.unwrap().unwrap()
}

#[test]
fn the_makefile_fetches_the_version_under_test() {
    let makefile = std::fs::read_to_string(crate::tools::workspace().join("Makefile")).unwrap();
    assert!(makefile.contains(&format!("KAFKA_VERSION ?= {VERSION}\n")), "{VERSION}");
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn valid_tokens_are_accepted_and_refusals_explained_in_the_brokers_log_only() {
    let kafka = kafka(Options::default()).await;
    assert!(log_in(&kafka, role()).await.is_some(), "{}", kafka.log().unwrap());
    assert!(log_in(&kafka, user()).await.is_some());
    assert_eq!(kafka.refusals().unwrap(), []);

    let wrong_identities = [
        (identity(REGION, "AKIAUSER", "other", None), "the signature does not match"),
        (identity(REGION, "AKIANOBODY", SECRET, None), "the access key AKIANOBODY is unknown"),
        (identity("us-east-1", "AKIAUSER", SECRET, None), "it is for https://kafka.us-east-1.amazonaws.com/ in place"),
        (identity(REGION, "ASIAROLE", SECRET, Some("other")), "the session token is another"),
        (identity(REGION, "ASIAROLE", SECRET, None), "the session token is missing"),
        (identity(REGION, "AKIAUSER", SECRET, Some("any")), "the session token is another"),
    ];
    let url = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token(&user())).unwrap()).unwrap();
    let other_second = |url: &str| {
        let (before, after) = url.split_once("X-Amz-Date=").unwrap();
        let digit = if &after[14..15] == "0" { "1" } else { "0" };
        format!("{before}X-Amz-Date={}{digit}{}", &after[..14], &after[15..])
    };
    let tampered = [
        (
            url.replace("kafka-cluster%3AConnect", "kafka-cluster%3AReadData"),
            "Action is kafka-cluster:ReadData in place",
        ),
        (url.replace("https://", "http://"), "it is for http://kafka.eu-west-1"),
        (url.replace(".com/?", ".com.example/?"), "amazonaws.com.example/ in place"),
        (url.replace(".com/?", ".com:444/?"), "amazonaws.com:444/ in place"),
        (url.replace("%2Fkafka-cluster%2F", "%2Fkafka%2F"), "X-Amz-Credential is AKIAUSER/"),
        (url.replace("X-Amz-Expires=900", "X-Amz-Expires=901"), "the signature does not match"),
        (other_second(&url), "the signature does not match"),
        (format!("{url}&X-Amz-Other=1"), "the signature does not match"),
        (format!("{url}&X-Amz-Expires=900"), "the parameter X-Amz-Expires is there twice"),
        (url.replace("X-Amz-Signature=", "X-Amz-Signature=0"), "the signature does not match"),
        (url.replace("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%3Bx"), "X-Amz-SignedHeaders is host;x"),
        (String::from("no URL"), "it is not a signed URL in base64"),
    ];
    for (index, (identity, reason)) in wrong_identities.into_iter().enumerate() {
        assert!(log_in(&kafka, identity).await.is_none(), "{reason}");
        assert_denied(&refused_since(&kafka, index), reason);
    }
    let before = kafka.refusals().unwrap().len();
    assert!(log_in_with(&kafka, BASE64_URL_SAFE_NO_PAD.encode(&url)).await.is_some(), "the unchanged token is valid");
    for (index, (url, reason)) in tampered.into_iter().enumerate() {
        assert!(log_in_with(&kafka, BASE64_URL_SAFE_NO_PAD.encode(url)).await.is_none(), "{reason}");
        assert_denied(&refused_since(&kafka, before + index), reason);
    }
}

fn assert_denied(refusals: &[Refusal], reason: &str) {
    let [Refusal { broker: 1, message, reason: logged }] = refusals else { panic!("{reason}: {refusals:?}") };
    assert!(message.starts_with('[') && message.ends_with("]: Access denied"), "{message}");
    assert!(logged.contains(reason), "{logged}");
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn identities_can_change_while_the_broker_runs() {
    let kafka = kafka(Options::default()).await;
    kafka.set_secret("AKIAUSER", "other").unwrap();
    assert!(log_in(&kafka, user()).await.is_none());
    kafka.set_secret("AKIAUSER", SECRET).unwrap();
    assert!(log_in(&kafka, user()).await.is_some());
    kafka.remove_identity("AKIAUSER").unwrap();
    assert!(log_in(&kafka, user()).await.is_none());
    assert!(log_in(&kafka, role()).await.is_some(), "the other identity is unaffected");
    let refused = kafka.add_identity(Identity::new("AKIAUSER", "white space", "user")).unwrap_err();
    assert!(refused.to_string().contains("white space"), "{refused}");
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_token_is_valid_for_15_minutes_and_may_be_5_minutes_early() {
    let kafka = kafka(Options::default()).await;
    // A few seconds off the limits, because the token is created just before it is verified.
    for (seconds, reason) in [(890, None), (901, Some("are over at")), (-290, None), (-310, Some("in the future"))] {
        kafka.set_clock_offset(seconds).unwrap();
        let before = kafka.refusals().unwrap().len();
        assert_eq!(log_in(&kafka, user()).await.is_some(), reason.is_none(), "{seconds}");
        if let Some(reason) = reason {
            assert_denied(&refused_since(&kafka, before), reason);
        }
    }
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_session_ends_at_the_configured_cap() {
    let kafka = kafka(Options::default()).await;
    kafka.create_topic("t", 1).await.unwrap();
    kafka.allow("user", &[Operation::Read, Operation::Describe], Topics::Named("t")).await.unwrap();
    kafka.set_session_cap(Some(Duration::from_secs(3))).unwrap();
    let client = log_in(&kafka, user()).await.unwrap();
    let partition = partition(&client, "t").await;
    partition.get_offset(OffsetAt::Earliest).await.unwrap();
    let made = kafka.proxy().made();
    // This client never re-authenticates, so the broker closes the connection and the client opens another one.
    let use_it = async {
        loop {
            drop(partition.get_offset(OffsetAt::Earliest).await);
        }
    };
    tokio::select! {
        another = timeout(Duration::from_secs(30), kafka.proxy().until_made(made + 1)) => another.unwrap(),
        () = use_it => {}
    }
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn too_many_connects_and_wrong_identities_are_distinguished() {
    let kafka = kafka(Options::default()).await;
    kafka.set_connects_per_second(Some(0.001)).unwrap();
    // A client logs in twice: to the bootstrap server and to the partition's leader.
    assert!(log_in(&kafka, user()).await.is_some(), "the first log-in is within the limit");
    assert!(log_in(&kafka, user()).await.is_none());
    let refusals = kafka.refusals().unwrap();
    assert!(refusals[0].message.ends_with("]: Too many connects"), "{refusals:?}");
    kafka.set_connects_per_second(None).unwrap();
    assert!(log_in(&kafka, user()).await.is_some());
}

/// Uses a second signer, Amazon's own, and a second client, librdkafka, which shows the broker's message.
#[tokio::test]
#[ignore = "needs Kafka and Python: make test"]
async fn the_python_signer_is_accepted_and_its_client_gets_msks_message() {
    let kafka = kafka(Options::default()).await;
    kafka.create_topic("t", 1).await.unwrap();
    kafka.allow("role", &[Operation::Write, Operation::Describe], Topics::Named("t")).await.unwrap();
    let python = async |secret: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/kafka/tests/produce.py");
        let mut command = Command::new(crate::tools::tool("venv/bin/python").unwrap());
        command.args([script, &kafka.bootstrap_servers(), "t", REGION]).arg(kafka.ca_file()).kill_on_drop(true);
        command.env_clear().env("AWS_ACCESS_KEY_ID", "ASIAROLE").env("AWS_SECRET_ACCESS_KEY", secret);
        let output = command.env("AWS_SESSION_TOKEN", SESSION_TOKEN).output();
        let output = timeout(STEP_TIMEOUT, output).await.unwrap().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    assert_eq!(python(SECRET).await, "acknowledged at 0\n");
    let output = python("other").await;
    let refusals = kafka.refusals().unwrap();
    assert!(output.contains(&refusals[0].message), "{output}");
    assert!(!output.contains("signature"), "{output}");
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn brokers_for_benchmarks_are_reached_without_a_proxy() {
    let kafka = kafka(Options { for_benchmarks: true, ..Options::default() }).await;
    assert!(log_in(&kafka, role()).await.is_some());
    assert_eq!(kafka.proxy().made(), 0);
}
