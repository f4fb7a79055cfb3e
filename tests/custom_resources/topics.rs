//! `topics`, on Kafka with IAM.

use std::time::Duration;

use serde_json::{Value, json};
use shared::custom_resource::{RESPONSE_RESERVE, Request, respond};
use stack::{
    kafka::{Kafka, Operation, Topics},
    lambda::{Function, Lambda, built},
};
use tokio::time::{Instant, sleep};

use crate::support::{
    cloudformation::{CloudFormation, SIGNATURE},
    msk::{Role, shared_kafka},
};

/// The function's environment.
fn environment(role: &Role, kafka: &Kafka) -> impl Fn(&str) -> Option<String> {
    let variables = role.variables(kafka);
    move |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
}

/// The function's policy.
async fn allow_creating_topics(kafka: &Kafka, role: &Role, user_id: &str) {
    let topics = format!("{user_id}.");
    kafka.allow(&role.name, &[Operation::Create, Operation::Describe], Topics::Prefixed(&topics)).await.unwrap();
}

/// Deploys, and returns CloudFormation with the response.
async fn deploy(kafka: &Kafka, role: &Role, properties: Value) -> CloudFormation {
    let cloudformation = CloudFormation::start().await;
    let event = cloudformation.event_from_file("topics-create", |event| {
        event["ResourceProperties"] = properties;
        event["ResourceProperties"]["BootstrapServers"] = kafka.bootstrap_servers().into();
    });
    let event = cloudformation.event(event.payload, Duration::from_mins(3));
    respond(event, |request| topics::create(request, environment(role, kafka))).await.unwrap();
    cloudformation
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn each_user_ids_topics_are_created_once_and_a_differing_partition_count_is_reported_and_kept() {
    let kafka = shared_kafka().await;
    let role = Role::new("deployer").registered_with(kafka);
    allow_creating_topics(kafka, &role, "made").await;
    // An earlier topic of another owner.
    kafka.create_topic("made.geo", 3).await.unwrap();

    let first = deploy(kafka, &role, json!({"UserIds": ["made"], "Topics": "made.extra"})).await;
    let data = |created: &str, existing: &str| {
        json!({
            "Topics": "made.pin,made.geo,made.user,made.extra", "Created": created, "Existing": existing,
            "Differing": "made.geo has 3 partitions"
        })
    };
    assert_eq!(first.data(), data("3", "1"));
    let second = deploy(kafka, &role, json!({"UserIds": ["made"], "Topics": "made.extra"})).await;
    assert_eq!(second.data(), data("0", "4"));
    let fourth_partition = deploy(kafka, &role, json!({"UserIds": ["made"], "Partitions": "4"})).await;
    let differing = "made.geo has 3 partitions,made.pin has 1 partitions,made.user has 1 partitions";
    assert_eq!(fourth_partition.data()["Differing"], differing);
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_topic_that_kafka_refuses_to_create_is_named_at_once_with_kafkas_reason() {
    let kafka = shared_kafka().await;
    let role = Role::new("asker").registered_with(kafka);
    allow_creating_topics(kafka, &role, "asked").await;
    let start = Instant::now();
    let answer = deploy(kafka, &role, json!({"UserIds": "asked", "ReplicationFactor": "7"})).await;
    let said = "0 of 3 topics exist: Kafka refused to create the topic asked.pin: InvalidReplicationFactor: ";
    assert!(answer.reason().starts_with(said), "{}", answer.reason());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_topic_that_the_role_may_not_describe_counts_as_existing() {
    let kafka = shared_kafka().await;
    let role = Role::new("blind").registered_with(kafka);
    kafka.allow(&role.name, &[Operation::Create], Topics::Prefixed("unseen.")).await.unwrap();
    kafka.create_topic("unseen.pin", 1).await.unwrap();
    let data = deploy(kafka, &role, json!({"UserIds": ["unseen"]})).await.data();
    assert_eq!((&data["Created"], &data["Existing"]), (&json!("2"), &json!("1")));
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn permissions_that_take_half_a_minute_to_apply_are_awaited() {
    let kafka = shared_kafka().await;
    let role = Role::new("late");
    // First it may not log in, then it may not create topics. The time is IAM's, which signals no end.
    let permissions_arrive = async {
        sleep(Duration::from_secs(15)).await;
        let role = role.clone().registered_with(kafka);
        sleep(Duration::from_secs(15)).await;
        allow_creating_topics(kafka, &role, "late").await;
    };
    let start = Instant::now();
    let (answer, ()) = tokio::join!(deploy(kafka, &role, json!({"UserIds": ["late"]})), permissions_arrive);
    assert_eq!(answer.data()["Created"], "3");
    assert!(start.elapsed() > Duration::from_secs(30), "before its permissions: {:?}", start.elapsed());
}

#[tokio::test]
#[ignore = "needs Kafka and the runtime interface emulator: make test"]
async fn the_program_creates_the_topics_with_the_settings_of_its_environment() {
    let kafka = shared_kafka().await;
    let role = Role::new("program").registered_with(kafka);
    allow_creating_topics(kafka, &role, "program").await;
    let mut variables = role.variables(kafka);
    variables.push(("RUST_LOG", "trace".to_owned()));
    let program = Function::new(&built("topics").await.unwrap(), variables);
    let lambda = Lambda::start(&program).await.unwrap();
    let cloudformation = CloudFormation::start().await;
    let event = cloudformation.event_from_file("topics-create", |event| {
        event["ResourceProperties"]["BootstrapServers"] = kafka.bootstrap_servers().into();
        event["ResourceProperties"]["UserIds"] = json!(["program"]);
    });
    lambda.invoke(&event.payload).await.unwrap();
    assert_eq!(cloudformation.data()["Created"], "3");
    let log = lambda.log();
    assert!(log.contains("the resource matches the template"), "{log}");
    assert!(!log.contains(SIGNATURE), "the URL's signature lets anyone respond: {log}");
    role.assert_no_credentials_in(&log);
}

/// Deploys with less time than permissions may take to apply, and returns the error.
async fn deploy_in_time(kafka: &Kafka, role: &Role, user_id: &str, time: Duration) -> String {
    let properties = json!({"BootstrapServers": kafka.bootstrap_servers(), "UserIds": user_id});
    let properties = serde_json::from_value(properties).unwrap();
    let request = Request { properties, deadline: Instant::now() + time };
    let error = topics::create(request, environment(role, kafka)).await.unwrap_err();
    shared::error_chain::one_line(&error)
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn missing_permissions_are_named_without_a_secret() {
    let kafka = shared_kafka().await;
    let time = Duration::from_secs(5);
    let stranger = Role::new("stranger");
    let known = Role::new("known").registered_with(kafka);
    for role in [&stranger, &known] {
        let start = Instant::now();
        let error = deploy_in_time(kafka, role, "never", time).await;
        let expected = "0 of 3 topics exist: Kafka refuses the function's role: allow kafka-cluster:Connect on the";
        assert!(error.starts_with(expected), "{error}");
        role.assert_no_credentials_in(&error);
        assert!(start.elapsed() < time + Duration::from_secs(1), "{:?}", start.elapsed());
    }
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn brokers_with_an_untrusted_certificate_are_named_at_once() {
    let kafka = shared_kafka().await;
    let role = Role::new("truster").registered_with(kafka);
    let lookup = environment(&role, kafka);
    let lookup = |name: &str| lookup(name).filter(|_| name != "SSL_CA_LOCATION");
    let properties = json!({"BootstrapServers": kafka.bootstrap_servers(), "UserIds": "truster"});
    let properties = serde_json::from_value(properties).unwrap();
    let start = Instant::now();
    let request = Request { properties, deadline: start + Duration::from_mins(1) };
    let error = shared::error_chain::one_line(&topics::create(request, lookup).await.unwrap_err());
    let said = "0 of 3 topics exist: the brokers' certificate cannot be trusted: set SSL_CA_LOCATION: ";
    assert!(error.starts_with(said) && error.contains("invalid peer certificate"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[tokio::test]
async fn unreachable_brokers_are_named_in_time() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cloudformation = CloudFormation::start().await;
    let event = cloudformation.event_from_file("topics-create", |event| {
        event["ResourceProperties"]["BootstrapServers"] = nobody.to_string().into();
    });
    let event = cloudformation.event(event.payload, RESPONSE_RESERVE + Duration::from_secs(2));
    let plaintext = |name: &str| (name == "SECURITY_PROTOCOL").then(|| "PLAINTEXT".to_owned());
    respond(event, |request| topics::create(request, plaintext)).await.unwrap();
    let said =
        format!("0 of 3 topics exist: Kafka at {nobody} does not respond: the function must be in the cluster's");
    assert!(cloudformation.reason().starts_with(&said), "{}", cloudformation.reason());
}

#[tokio::test]
async fn brokers_that_accept_a_connection_and_never_respond_time_out() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let properties = json!({"BootstrapServers": silent.local_addr().unwrap().to_string(), "UserIds": "a"});
    let properties = serde_json::from_value(properties).unwrap();
    let start = Instant::now();
    let request = Request { properties, deadline: start + Duration::from_secs(1) };
    let plaintext = |name: &str| (name == "SECURITY_PROTOCOL").then(|| "PLAINTEXT".to_owned());
    let error = topics::create(request, plaintext).await.unwrap_err();
    assert!(shared::error_chain::one_line(&error).contains("does not respond"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
