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
async fn may_make_topics(kafka: &Kafka, role: &Role, user_id: &str) {
    let topics = format!("{user_id}.");
    kafka.allow(&role.name, &[Operation::Create, Operation::Describe], Topics::Prefixed(&topics)).await.unwrap();
}

/// Deploys, and says what was answered.
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
async fn the_topics_of_each_user_id_are_made_once_and_another_partition_count_is_reported_and_left() {
    let kafka = shared_kafka().await;
    let role = Role::new("deployer").registered_with(kafka);
    may_make_topics(kafka, &role, "made").await;
    // By somebody else, before.
    kafka.create_topic("made.geo", 3).await.unwrap();

    let first = deploy(kafka, &role, json!({"UserIds": ["made"], "Topics": "made.extra"})).await;
    let told = |created: &str, existing: &str| {
        json!({
            "Topics": "made.pin,made.geo,made.user,made.extra", "Created": created, "Existing": existing,
            "Differing": "made.geo has 3 partitions"
        })
    };
    assert_eq!(first.data(), told("3", "1"));
    let second = deploy(kafka, &role, json!({"UserIds": ["made"], "Topics": "made.extra"})).await;
    assert_eq!(second.data(), told("0", "4"));
    let fourth_partition = deploy(kafka, &role, json!({"UserIds": ["made"], "Partitions": "4"})).await;
    let differing = "made.geo has 3 partitions,made.pin has 1 partitions,made.user has 1 partitions";
    assert_eq!(fourth_partition.data()["Differing"], differing);
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_topic_that_kafka_will_not_make_is_named_at_once_with_kafkas_words() {
    let kafka = shared_kafka().await;
    let role = Role::new("asker").registered_with(kafka);
    may_make_topics(kafka, &role, "asked").await;
    let start = Instant::now();
    let answer = deploy(kafka, &role, json!({"UserIds": "asked", "ReplicationFactor": "7"})).await;
    let said = "0 of 3 topics exist: Kafka refused to create the topic asked.pin: InvalidReplicationFactor: ";
    assert!(answer.reason().starts_with(said), "{}", answer.reason());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_topic_that_the_role_may_not_see_is_known_to_be_there_when_it_is_made() {
    let kafka = shared_kafka().await;
    let role = Role::new("blind").registered_with(kafka);
    kafka.allow(&role.name, &[Operation::Create], Topics::Prefixed("unseen.")).await.unwrap();
    kafka.create_topic("unseen.pin", 1).await.unwrap();
    let data = deploy(kafka, &role, json!({"UserIds": ["unseen"]})).await.data();
    assert_eq!((&data["Created"], &data["Existing"]), (&json!("2"), &json!("1")));
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_role_whose_rights_arrive_half_a_minute_later_is_waited_for() {
    let kafka = shared_kafka().await;
    let role = Role::new("late");
    // First it may not log in, then it may not make topics. The time is IAM's own: nothing tells that it is over.
    let rights_arrive = async {
        sleep(Duration::from_secs(15)).await;
        let role = role.clone().registered_with(kafka);
        sleep(Duration::from_secs(15)).await;
        may_make_topics(kafka, &role, "late").await;
    };
    let start = Instant::now();
    let (answer, ()) = tokio::join!(deploy(kafka, &role, json!({"UserIds": ["late"]})), rights_arrive);
    assert_eq!(answer.data()["Created"], "3");
    assert!(start.elapsed() > Duration::from_secs(30), "without its rights: {:?}", start.elapsed());
}

#[tokio::test]
#[ignore = "needs Kafka and the runtime interface emulator: make test"]
async fn the_program_makes_the_topics_as_its_environment_says() {
    let kafka = shared_kafka().await;
    let role = Role::new("program").registered_with(kafka);
    may_make_topics(kafka, &role, "program").await;
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
    assert!(log.contains("the resource is as the template says"), "{log}");
    assert!(!log.contains(SIGNATURE), "whoever has CloudFormation's URL can answer: {log}");
    role.assert_no_credentials_in(&log);
}

/// Deploys with less time than permissions may take, and returns the error.
async fn deploy_in_time(kafka: &Kafka, role: &Role, user_id: &str, time: Duration) -> String {
    let properties = json!({"BootstrapServers": kafka.bootstrap_servers(), "UserIds": user_id});
    let properties = serde_json::from_value(properties).unwrap();
    let request = Request { properties, deadline: Instant::now() + time };
    let error = topics::create(request, environment(role, kafka)).await.unwrap_err();
    shared::error_chain::one_line(&error)
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn rights_that_never_come_are_named_and_no_secret_is() {
    let kafka = shared_kafka().await;
    let time = Duration::from_secs(5);
    let stranger = Role::new("stranger");
    let known = Role::new("known").registered_with(kafka);
    for role in [&stranger, &known] {
        let start = Instant::now();
        let said = deploy_in_time(kafka, role, "never", time).await;
        let expected = "0 of 3 topics exist: Kafka refuses the function's role: allow kafka-cluster:Connect on the";
        assert!(said.starts_with(expected), "{said}");
        role.assert_no_credentials_in(&said);
        assert!(start.elapsed() < time + Duration::from_secs(1), "{:?}", start.elapsed());
    }
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn brokers_that_nobody_known_vouches_for_are_named_at_once() {
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
async fn brokers_that_are_not_there_are_named_in_time() {
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
async fn brokers_that_take_a_connection_and_say_nothing_are_given_up_in_time() {
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
