//! A frozen or idle environment serves its next request.

use std::time::Duration;

use futures::future::join_all;
use shared::kind::GEO;
use stack::{
    kafka::{Kafka, Options},
    lambda::{Function, Lambda, built, deployed_timeout},
    proxy::End,
};
use tokio::time::sleep;

use crate::support::{
    gateway::v1,
    msk::{Ingest, cluster, tenant},
    pipeline::envelope,
    rows::with,
};

/// The lifetime of these tests' sessions; MSK's is 15 minutes.
const SESSION: Duration = Duration::from_secs(10);

fn geo() -> String {
    envelope(&[&with(&GEO, &[])])
}

/// Without a freeze, like `local` on a quiet day. librdkafka would re-authenticate at nine tenths of the session.
#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn connections_that_the_broker_closed_before_they_re_authenticated_are_replaced() {
    let kafka = Kafka::start(Options::default()).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "idle").await;
    kafka.set_session_cap(Some(SESSION)).unwrap();
    let cluster = cluster(&kafka, kafka.region(), role.credentials());
    let ingests = join_all((0..6).map(async |_| {
        let ingest = Ingest::start(&cluster, &user_ids).await;
        assert_eq!(ingest.post("/topics/idle.geo", geo()).await.status, 200);
        ingest
    }))
    .await;
    sleep(SESSION * 85 / 100).await;
    kafka.proxy().cut(End::Finish).await;
    sleep(SESSION * 25 / 100).await;
    let answers = join_all(ingests.iter().map(|ingest| ingest.post("/topics/idle.geo", geo()))).await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

/// Lambda's network drops a connection after 350 idle seconds, and any other hop may do so earlier: neither side gets a FIN,
/// and no byte gets through.
#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_silently_dropped_connection_is_replaced_before_the_requests_deadline() {
    let kafka = Kafka::start(Options::default()).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "forgotten").await;
    let ingest = Ingest::start(&cluster(&kafka, kafka.region(), role.credentials()), &user_ids).await;
    assert_eq!(ingest.post("/topics/forgotten.geo", geo()).await.status, 200);
    kafka.proxy().forget();
    let answer = ingest.post("/topics/forgotten.geo", geo()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains(r#""offset":1,"#), "written once: {}", answer.body);
}

/// The wall clock advances by twenty minutes, the monotonic one by eleven seconds; Lambda's freeze may or may not stop the
/// latter, so the sessions expire by both. Meanwhile the token expires and the connections are cut. If connections were not
/// replaced, some of several environments would be stuck forever.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka and the Lambda runtime: make test"]
async fn the_first_request_after_a_freeze_of_twenty_minutes_is_served_by_every_environment() {
    const ENVIRONMENTS: usize = 6;
    const FREEZE: Duration = Duration::from_mins(20);
    let kafka = Kafka::start(Options::default()).await.unwrap();
    let (_, role) = tenant(&kafka, "frozen").await;
    kafka.set_session_cap(Some(SESSION)).unwrap();
    let mut variables = role.variables(&kafka);
    variables.push(("USER_IDS", "frozen".to_owned()));
    let mut ingest = Function::new(&built("ingest").await.unwrap(), variables);
    (ingest.concurrency, ingest.movable_clock, ingest.timeout) =
        (ENVIRONMENTS, true, deployed_timeout("ingest").unwrap());
    let lambda = Lambda::start(&ingest).await.unwrap();
    // Every other environment reads the records that the others wrote.
    let events = [v1("POST", "/topics/frozen.geo", &geo()), v1("GET", "/topics/frozen.geo/records", "")];
    let all = async || {
        let answers = join_all((0..ENVIRONMENTS).map(|at| lambda.invoke(&events[at % 2]))).await;
        for answer in answers {
            let answer = answer.unwrap();
            assert_eq!(answer["statusCode"], 200, "{answer}");
        }
    };
    all().await;
    lambda.freeze().await.unwrap();
    kafka.proxy().cut(End::Finish).await;
    sleep(SESSION + Duration::from_secs(1)).await;
    lambda.move_clock(FREEZE).unwrap();
    kafka.set_clock_offset(FREEZE.as_secs().try_into().unwrap()).unwrap();
    all().await;
    for report in lambda.reports() {
        assert_eq!((report.inits.len(), report.invocations.len()), (1, 2), "the same process served both: {report:?}");
    }
}
