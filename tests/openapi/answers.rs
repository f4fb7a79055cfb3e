//! The document describes every response: to each vector, and to each Kafka failure.

use std::{collections::BTreeSet, time::Duration};

use axum::body::Body;
use ingest::{App, error_codes::ERROR_CODES, router};
use shared::{
    kind::GEO,
    metadata::{Describe, DescribeError, Offsets, Partition},
    metrics::Metrics,
    publish::{Failure, Unreachable},
    read_back::{ReadBack, ReadBackError, ReadLimits, ReadRecords, Selection},
};
use vectors::{Need, Vector};

use super::{names, send};
use crate::{
    contract::vectors,
    support::{
        openapi::OpenApi,
        pipeline::{JSON, answer, envelope},
        recorder::Recorder,
        rows::with,
    },
};

/// The vectors that run on a topic of one partition.
fn of_one_partition() -> impl Iterator<Item = &'static Vector> {
    vectors().iter().filter(|vector| !vector.needs.contains(&Need::ThreePartitions))
}

#[tokio::test]
async fn every_vectors_response_is_documented_for_its_operation() {
    let router = Recorder::default().router();
    let openapi = OpenApi::of(&router).await;
    let mut described = BTreeSet::new();
    for vector in of_one_partition() {
        let request = vector.request(&names()).unwrap();
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let answer = answer(&router, request.map(Body::from)).await;
        match openapi.find(&method, &path) {
            Some(operation) => {
                openapi.assert_describes(&operation, &answer);
                described.insert(operation.path);
            }
            // A path or a method that is not there, or a path that is spelled in another way.
            None => assert!(matches!(answer.status.as_u16(), 200 | 207 | 404 | 405), "{vector}: {}", answer.body),
        }
    }
    assert!(described.len() > 5, "{described:?}");
}

#[tokio::test]
async fn every_response_to_records_that_kafka_rejects_is_documented() {
    let row = with(&GEO, &[]);
    let v3 = format!(r#"{{"value":{{"type":"JSON","data":{row}}}}}"#);
    let batch = format!(r#"{{"entries":[{{"id":"a","value":{{"type":"JSON","data":{row}}}}}]}}"#);
    for failure in Failure::ALL {
        let router = Recorder::failing(failure).router();
        let openapi = OpenApi::of(&router).await;
        for (path, content_type, body) in [
            ("/topics/u.geo", JSON, &envelope(&[&row, &row])),
            ("/topics/u.geo/partitions/0", "application/json", &envelope(&[&row])),
            ("/v3/clusters/c/topics/u.geo/records", "application/json", &v3),
            ("/v3/clusters/c/topics/u.geo/records:batch", "application/json", &batch),
        ] {
            let answer = send(&router, "post", path, content_type, body.clone()).await;
            openapi.assert_describes(&openapi.find("POST", path).unwrap(), &answer);
        }
    }
}

/// A cluster that answers no metadata request.
#[derive(Debug, Clone)]
struct Silent(DescribeError);

impl Describe for Silent {
    async fn reach(&self, within: Duration) -> Result<(), Unreachable> {
        Err(Unreachable::NoResponse { within, source: None })
    }

    async fn cluster_id(&self, within: Duration) -> Result<String, DescribeError> {
        Err(Unreachable::NoResponse { within, source: None }.into())
    }

    async fn brokers(&self, within: Duration) -> Result<Vec<i32>, DescribeError> {
        Err(Unreachable::NoResponse { within, source: None }.into())
    }

    async fn partitions(&self, _: &str, _: Duration) -> Result<Vec<Partition>, DescribeError> {
        Err(self.0.clone())
    }

    async fn offsets(&self, _: &str, _: i32, _: Duration) -> Result<Offsets, DescribeError> {
        Err(self.0.clone())
    }
}

impl ReadBack for Silent {
    async fn read_back(&self, _: &str, _: Selection, _: ReadLimits, _: Duration) -> Result<ReadRecords, ReadBackError> {
        Err(self.0.clone().into())
    }
}

#[tokio::test]
async fn every_response_without_cluster_metadata_is_documented() {
    let missing = DescribeError::NoSuchTopic { topic: "u.pin".to_owned() };
    for error in [missing, DescribeError::Unauthorized, Unreachable::AuthenticationFailed.into()] {
        let router = router(App::new(Recorder::default(), Silent(error), &"u".parse().unwrap(), Metrics::default()));
        let openapi = OpenApi::of(&router).await;
        for at in openapi.operations().filter(|at| at.method == "get") {
            openapi.assert_describes(&at, &send(&router, "get", &openapi.filled(&at), JSON, "").await);
        }
    }
}

#[tokio::test]
async fn every_response_in_the_table_is_documented_for_an_operation() {
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    let of_an_operation = |status: &str, code: u32| {
        let mut responses = openapi.operations().map(|at| &at.described["responses"][status]["description"]);
        responses.any(|description| description.as_str().is_some_and(|text| text.contains(&format!("`{code}`: "))))
    };
    let untold = ERROR_CODES.iter().filter(|answer| !of_an_operation(answer.status.as_str(), answer.code));
    // That is of the methods which no operation has.
    assert_eq!(untold.map(|answer| answer.code).collect::<Vec<_>>(), [405]);
}
