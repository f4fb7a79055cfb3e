//! A refused log-in gets the documented response within seconds, and needs no restart once the cause is fixed.

use std::time::{Duration, SystemTime};

use futures::future::join_all;
use shared::{
    cluster::{Authorities, Security},
    kind::GEO,
    topic::UserIds,
};
use stack::{
    kafka::{Kafka, Operation, Options, Topics},
    lambda::{Function, Lambda, built, deployed_timeout},
    proxy::End,
};
use tokio::time::{Instant, sleep};

use crate::support::{
    gateway::v1,
    msk::{Ingest, Role, cluster, shared_kafka, tenant},
    pipeline::{Answer, envelope},
    rows::with,
};

/// A request's deadline is after 27 s, so an earlier response has another cause. The promise is about 3 s.
const LONG_BEFORE_THE_DEADLINE: Duration = Duration::from_secs(8);

const DENIED: &str = r#"{"offsets":[{"partition":null,"offset":null,"error_code":40101,"error":"authentication to the cluster failed"}],"key_schema_id":null,"value_schema_id":null}"#;

fn geo() -> String {
    envelope(&[&with(&GEO, &[])])
}

fn assert_written(answer: &Answer, case: &str) {
    assert_eq!(answer.status, 200, "{case}: {}", answer.body);
}

async fn assert_denied(ingest: &Ingest, path: &str, case: &str) {
    let begun = Instant::now();
    let answer = ingest.post(path, geo()).await;
    let took = begun.elapsed();
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (401, DENIED), "{case}");
    assert!(took < LONG_BEFORE_THE_DEADLINE, "{case}: {took:?}");
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn records_are_written_by_iam() {
    let kafka = shared_kafka().await;
    let (user_ids, role) = tenant(kafka, "iam").await;
    let ingest = Ingest::start(&cluster(kafka, kafka.region(), role.credentials()), &user_ids).await;
    for offset in 0..3 {
        let answer = ingest.post("/topics/iam.geo", geo()).await;
        assert_written(&answer, "by IAM");
        assert!(answer.body.contains(&format!(r#""offset":{offset},"#)), "{}", answer.body);
    }
}

/// The cluster rejects each of these tokens, and only its own log has the reason.
#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_refused_log_in_is_a_401_within_seconds() {
    // Its own cluster, so that no other test writes to the log.
    let kafka = Kafka::start(Options::default()).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "refused").await;
    let right = role.credentials();
    let past = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000));
    let token = role.session_token.clone();
    let credentials = |secret: &str, token, expiry| {
        aws_credential_types::Credentials::new(&role.access_key, secret, token, expiry, "test")
    };
    let home = kafka.region();
    for (case, reason, region, credentials) in [
        // The client creates no token from these. The other cases retry for a while after their response, so this is the first.
        ("expired credentials", None, home, credentials(&role.secret, token.clone(), past)),
        ("another secret", Some("signature"), home, credentials("wrong", token.clone(), None)),
        ("another region", Some("us-east-1"), "us-east-1", right.clone()),
        ("no session token", Some("session token"), home, credentials(&role.secret, None, None)),
        (
            "another session's token",
            Some("session token"),
            home,
            credentials(&role.secret, Some("old".to_owned()), None),
        ),
        ("an unknown access key", Some("access key"), home, Role::new("nobody").credentials()),
    ] {
        let before = kafka.refusals().unwrap().len();
        let ingest = Ingest::start(&cluster(&kafka, region, credentials), &user_ids).await;
        assert_denied(&ingest, "/topics/refused.geo", case).await;
        let refusals = kafka.refusals().unwrap().split_off(before);
        match reason {
            Some(reason) => assert!(refusals.iter().any(|it| it.reason.contains(reason)), "{case}: {refusals:?}"),
            None => assert_eq!(refusals, [], "{case}"),
        }
    }
    let ingest = Ingest::start(&cluster(&kafka, home, right), &user_ids).await;
    assert_written(&ingest.post("/topics/refused.geo", geo()).await, "valid credentials are accepted");
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn once_the_log_in_works_again_the_next_request_is_served() {
    let kafka = Kafka::start(Options::default()).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "mended").await;
    let cluster = cluster(&kafka, kafka.region(), role.credentials());

    kafka.set_secret(&role.access_key, "rotated").unwrap();
    let ingest = Ingest::start(&cluster, &user_ids).await;
    assert_denied(&ingest, "/topics/mended.geo", "a secret the cluster does not know yet").await;
    kafka.set_secret(&role.access_key, &role.secret).unwrap();
    assert_written(&ingest.post("/topics/mended.geo", geo()).await, "known now");

    // Open connections stay open: the clocks matter at the next log-in.
    let twenty_minutes = 20 * 60;
    for skew in [twenty_minutes, -twenty_minutes] {
        kafka.set_clock_offset(skew).unwrap();
        let ingest = Ingest::start(&cluster, &user_ids).await;
        assert_denied(&ingest, "/topics/mended.geo", "a clock that is wrong by 20 minutes").await;
        kafka.set_clock_offset(0).unwrap();
        assert_written(&ingest.post("/topics/mended.geo", geo()).await, "set right");
    }
    let values = ingest.post("/topics/mended.geo", geo()).await.body;
    assert!(values.contains(r#""offset":3,"#), "no refused record is written later: {values}");
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_record_in_flight_when_the_log_in_is_refused_is_reported_as_unconfirmed() {
    let kafka = Kafka::start(Options::default()).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "underway").await;
    let ingest = Ingest::start(&cluster(&kafka, kafka.region(), role.credentials()), &user_ids).await;
    assert_written(&ingest.post("/topics/underway.geo", geo()).await, "while the role is known");
    // From here on nobody can know whether the broker has the record.
    kafka.proxy().hold();
    let in_flight = tokio::spawn({
        let ingest = ingest.clone();
        async move { ingest.post("/topics/underway.geo", geo()).await }
    });
    sleep(Duration::from_millis(300)).await;
    kafka.remove_identity(&role.access_key).unwrap();
    kafka.proxy().cut(End::Reset).await;
    kafka.proxy().pass().unwrap();
    let answer = in_flight.await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains(r#""error_code":50003"#), "{}", answer.body);
    assert_denied(&ingest, "/topics/underway.geo", "a later record is not in flight").await;
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_missing_permission_on_one_topic_is_a_403_on_that_topic() {
    let kafka = shared_kafka().await;
    let (user_ids, role) = tenant(kafka, "onetopic").await;
    let pin = Topics::Named("onetopic.pin");
    kafka.deny("onetopic", &[Operation::Write], pin).await.unwrap();
    let ingest = Ingest::start(&cluster(kafka, kafka.region(), role.credentials()), &user_ids).await;
    let pin_row = envelope(&[&with(&shared::kind::PIN, &[])]);
    let begun = Instant::now();
    let answer = ingest.post("/topics/onetopic.pin", pin_row.clone()).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(answer.body.contains(r#""error_code":40301,"error":"the cluster does not allow writing to this topic""#));
    assert!(begun.elapsed() < LONG_BEFORE_THE_DEADLINE, "{:?}", begun.elapsed());
    assert_written(&ingest.post("/topics/onetopic.geo", geo()).await, "the other topic");
    kafka.revoke("onetopic", &[Operation::Write], pin).await.unwrap();
    kafka.allow("onetopic", &[Operation::Write], pin).await.unwrap();
    assert_written(&ingest.post("/topics/onetopic.pin", pin_row).await, "once the permission is granted");
}

/// The cluster has a high latency: one metadata request per topic would exceed the time that a start waits.
#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_start_sends_one_metadata_request_for_a_class_even_if_some_topics_are_forbidden() {
    const DELAY_EACH_WAY: Duration = Duration::from_millis(30);
    let kafka = Kafka::start(Options::default()).await.unwrap();
    let ids: Vec<_> = (0..40).map(|id| format!("class.{id}")).collect();
    let user_ids: UserIds = ids.join(",").parse().unwrap();
    for topic in user_ids.topic_names() {
        kafka.create_topic(&topic, 1).await.unwrap();
    }
    let role = Role::new("class").registered_with(&kafka);
    let actions = [Operation::Describe, Operation::Write];
    kafka.allow("class", &actions, Topics::Prefixed("class.")).await.unwrap();
    kafka.deny("class", &actions, Topics::Prefixed("class.7.")).await.unwrap();
    kafka.proxy().delay(DELAY_EACH_WAY);
    let cluster = cluster(&kafka, kafka.region(), role.credentials());
    let begun = Instant::now();
    let ingest = Ingest::start(&cluster, &user_ids).await;
    // One request per topic would take seven seconds, and a start waits for five.
    assert!(begun.elapsed() < 60 * DELAY_EACH_WAY * 2, "{:?}", begun.elapsed());
    assert_written(&ingest.post("/topics/class.39.geo", geo()).await, "an allowed topic");
    let answer = ingest.post("/topics/class.7.geo", geo()).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
}

/// The quota of MSK's small brokers, and as many cold starts as a class of students causes.
#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn log_ins_throttled_by_the_cluster_are_retried() {
    let kafka = Kafka::start(Options::default()).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "storm").await;
    let cluster = cluster(&kafka, kafka.region(), role.credentials());
    kafka.set_connects_per_second(Some(4.0)).unwrap();
    let answers = join_all((0..12).map(async |_| {
        let ingest = Ingest::start(&cluster, &user_ids).await;
        ingest.post("/topics/storm.geo", geo()).await
    }))
    .await;
    let refused = kafka.refusals().unwrap();
    assert!(refused.iter().any(|refusal| refusal.message.ends_with("Too many connects")), "the quota took effect");
    for answer in &answers {
        assert_written(answer, "before the request's deadline");
    }
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn log_ins_throttled_until_the_deadline_are_a_503_with_retry_after() {
    let kafka = Kafka::start(Options::default()).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "quota").await;
    // No log-in is admitted for a long time.
    kafka.set_connects_per_second(Some(0.001)).unwrap();
    let cluster = cluster(&kafka, kafka.region(), role.credentials());
    let mut ingest = Ingest::start(&cluster, &user_ids).await;
    ingest.request_timeout = Duration::from_secs(5);
    let answer = ingest.post("/topics/quota.geo", geo()).await;
    assert_eq!(answer.status, 503, "not a refusal of the identity: {}", answer.body);
    assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
    kafka.set_connects_per_second(None).unwrap();
    assert_written(&ingest.post("/topics/quota.geo", geo()).await, "when the quota allows");
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn an_unreachable_cluster_does_not_prevent_the_function_from_starting() {
    let kafka = Kafka::start(Options::default()).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "away").await;
    kafka.proxy().refuse().await;
    let begun = Instant::now();
    let mut ingest = Ingest::start(&cluster(&kafka, kafka.region(), role.credentials()), &user_ids).await;
    assert!(begun.elapsed() < Duration::from_secs(9), "Lambda limits an init to 10 s: {:?}", begun.elapsed());
    ingest.request_timeout = Duration::from_secs(2);
    let answer = ingest.post("/topics/away.geo", geo()).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    kafka.proxy().pass().unwrap();
    ingest.request_timeout = shared::deadline::REQUEST_TIMEOUT;
    assert_written(&ingest.post("/topics/away.geo", geo()).await, "once it is reachable");
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_broker_with_an_untrusted_certificate_gets_no_token() {
    let kafka = Kafka::start(Options::default()).await.unwrap();
    // The broker does not know this role: it would reject its token, and log that.
    let (user_ids, role) = ("unsigned".parse().unwrap(), Role::new("unsigned"));
    let mut cluster = cluster(&kafka, kafka.region(), role.credentials());
    if let Security::Iam { authorities, .. } = &mut cluster.security {
        *authorities = Authorities::System;
    }
    let mut ingest = Ingest::start(&cluster, &user_ids).await;
    ingest.request_timeout = Duration::from_secs(2);
    let answer = ingest.post("/topics/unsigned.geo", geo()).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(kafka.refusals().unwrap(), [], "it got no token");
    let error = archive::reader::Kafka::connect(&cluster).await.unwrap_err();
    let error = shared::error_chain::one_line(&error);
    assert!(error.contains("invalid peer certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka and the Lambda runtime: make test"]
async fn a_refused_log_in_is_one_line_in_the_functions_log() {
    let kafka = shared_kafka().await;
    let (_, mut role) = tenant(kafka, "oneline").await;
    "wr0ng/s3cret".clone_into(&mut role.secret);
    let mut variables = role.variables(kafka);
    variables.extend([("USER_IDS", "oneline".to_owned()), ("RUST_LOG", "trace".to_owned())]);
    let mut ingest = Function::new(&built("ingest").await.unwrap(), variables);
    ingest.timeout = deployed_timeout("ingest").unwrap();
    let lambda = Lambda::start(&ingest).await.unwrap();
    let answer = lambda.invoke(&v1("POST", "/topics/oneline.geo", &geo())).await.unwrap();
    assert_eq!(answer["statusCode"], 401, "{answer}");
    let log = lambda.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("Access denied")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("Kafka rejected the authentication: check the function's role and the clock"), "{log}");
    role.assert_no_credentials_in(&log);
    assert!(!log.contains("latitude"), "the event is not logged: {log}");
}
