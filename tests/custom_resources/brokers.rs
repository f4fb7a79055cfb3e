//! `brokers`, on a stub of the control plane. The stub proves the requests and how responses are handled; the responses
//! themselves follow AWS's documentation.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_kafka::{
    Client,
    config::{BehaviorVersion, Region, retry::RetryConfig},
};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::{
    custom_resource::{RESPONSE_RESERVE, ResponseError, respond},
    retry::RETRY_DELAY,
};
use stack::lambda::{Function, Lambda, built};
use tokio::time::Instant;

use crate::support::{
    cloudformation::{CloudFormation, SIGNATURE},
    stub::{Stub, StubResponse},
};

/// As in `events/brokers-*.json`.
const ARN: &str = "arn:aws:kafka:us-east-1:123456789012:cluster/pinterest/4f0c1b6e-7a3d-4e1b-9b43-4c9f6d8f2a11-13";

const BOOTSTRAP: &str = "/bootstrap-brokers";
const DESCRIBE: &str = "-13";
const SERVERS: &str =
    "b-1.pinterest.x.c13.kafka.us-east-1.amazonaws.com:9098,b-2.pinterest.x.c13.kafka.us-east-1.amazonaws.com:9098";

/// AWS may return them in any order.
const IN_ANY_ORDER: &str =
    "b-2.pinterest.x.c13.kafka.us-east-1.amazonaws.com:9098,b-1.pinterest.x.c13.kafka.us-east-1.amazonaws.com:9098";

/// A client of the stub that retries without delay.
fn client(control_plane: &Stub) -> Client {
    let config = aws_sdk_kafka::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(control_plane.address())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .build();
    Client::from_conf(config)
}

/// Deploys with `work` as the function's time.
async fn deploy(cloudformation: &CloudFormation, control_plane: &Stub, work: Duration) -> Result<(), ResponseError> {
    let event = cloudformation.event_from_file("brokers-create", |_| {}).payload;
    let event = cloudformation.event(event, work + RESPONSE_RESERVE);
    let client = client(control_plane);
    respond(event, |request| brokers::find(&client, request)).await
}

fn servers(servers: &Value) -> StubResponse {
    StubResponse::ok(&json!({"bootstrapBrokerStringSaslIam": servers, "bootstrapBrokerStringTls": "b-1:9094"}))
}

fn cluster(cluster: &Value) -> StubResponse {
    StubResponse::ok(&json!({"clusterInfo": cluster}))
}

/// Shorter than the delay before a second attempt.
const ONE_ATTEMPT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn one_signed_request_finds_the_servers_of_a_cluster() {
    // A Serverless cluster's response has the same form.
    let serverless = "boot-x1y2z3.c1.kafka-serverless.us-east-1.amazonaws.com:9098";
    for (returned, found) in [(IN_ANY_ORDER, SERVERS), (serverless, serverless)] {
        let control_plane = Stub::start([(BOOTSTRAP, vec![servers(&returned.into())])]).await;
        let cloudformation = CloudFormation::start().await;
        deploy(&cloudformation, &control_plane, ONE_ATTEMPT).await.unwrap();
        let cluster = "pinterest/4f0c1b6e-7a3d-4e1b-9b43-4c9f6d8f2a11-13";
        let mut data = cloudformation.data();
        assert_eq!(data["Fingerprint"].take().as_str().map(str::len), Some(16));
        let expected = json!({
            "Fingerprint": null,
            "BootstrapServers": found,
            "ClusterArn": ARN,
            "PassThroughArns": format!("arn:aws:kafka:us-east-1:123456789012:topic/{cluster}/clicks"),
            "TopicArns": format!("arn:aws:kafka:us-east-1:123456789012:topic/{cluster}/0a1b2c3d4e5f.*"),
            "ClusterName": "pinterest",
            "ClusterUuid": "4f0c1b6e-7a3d-4e1b-9b43-4c9f6d8f2a11-13",
            "TopicArnPrefix": format!("arn:aws:kafka:us-east-1:123456789012:topic/{cluster}"),
            "GroupArnPrefix": format!("arn:aws:kafka:us-east-1:123456789012:group/{cluster}"),
        });
        assert_eq!(data, expected);

        let [asked] = &control_plane.requests()[..] else { panic!("{:?}", control_plane.requests()) };
        assert_eq!(asked.method, Method::GET);
        let path = format!("/v1/clusters/{}/bootstrap-brokers", ARN.replace(':', "%3A").replace('/', "%2F"));
        assert_eq!(asked.uri.path(), path);
        let signature = asked.header("authorization").unwrap();
        assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{signature}");
        assert!(signature.contains("/us-east-1/kafka/aws4_request, SignedHeaders="), "{signature}");
    }
}

#[tokio::test]
async fn a_response_holds_the_documented_number_of_user_ids_and_one_more_is_an_error() {
    // A region with a long name, and a stack with its cluster's name.
    let region = "ap-southeast-2";
    for (length, name, fit) in [
        (12, "pinterest-data-pipeline".to_owned(), 23),
        (64, "pinterest-data-pipeline".to_owned(), 16),
        (12, "x".repeat(64), 16),
        (64, "x".repeat(64), 12),
    ] {
        let servers_of_three =
            [1, 2, 3].map(|n| format!("b-{n}.{name:.20}.a1b2c3.c13.kafka.{region}.amazonaws.com:9098"));
        for user_ids in [fit, fit + 1] {
            let control_plane = Stub::start([(BOOTSTRAP, vec![servers(&servers_of_three.join(",").into())])]).await;
            let cloudformation = CloudFormation::start().await;
            let event = cloudformation.event_from_file("brokers-create", |event| {
                let ids: Vec<_> = (0..user_ids).map(|n| format!("{n:0length$}")).collect();
                let arn = ARN.replace("us-east-1", region).replace(":cluster/pinterest/", &format!(":cluster/{name}/"));
                let uuid = "0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d";
                event["StackId"] = format!("arn:aws:cloudformation:{region}:123456789012:stack/{name}/{uuid}").into();
                event["RequestId"] = uuid.into();
                event["ResourceProperties"] =
                    json!({"ServiceToken": event["ResourceProperties"]["ServiceToken"], "ClusterArn": arn, "UserIds": ids});
            });
            let client = client(&control_plane);
            respond(event, |request| brokers::find(&client, request)).await.unwrap();
            let case = format!("{user_ids} of {length} for {name}");
            if user_ids == fit {
                assert_eq!(cloudformation.data()["TopicArns"].as_str().unwrap().split(',').count(), fit, "{case}");
            } else {
                let reason = cloudformation.reason();
                assert!(reason.contains("its attributes are too long"), "{case}: {reason}");
            }
        }
        let template = include_str!("../../template.yaml");
        assert!(template.contains(&format!("{fit} of {length} characters")), "{fit} of {length}");
    }
}

#[tokio::test]
async fn a_cluster_in_creation_is_awaited() {
    let not_yet = StubResponse::error(StatusCode::BAD_REQUEST, "BadRequestException", "the cluster is not ACTIVE");
    let control_plane = Stub::start([
        (BOOTSTRAP, vec![not_yet, servers(&"".into()), servers(&SERVERS.into())]),
        (DESCRIBE, vec![cluster(&json!({"state": "CREATING"}))]),
    ])
    .await;
    let cloudformation = CloudFormation::start().await;
    deploy(&cloudformation, &control_plane, Duration::from_secs(20)).await.unwrap();
    assert_eq!(cloudformation.data()["BootstrapServers"], SERVERS);
    assert_eq!(control_plane.requests().len(), 5);
}

#[tokio::test]
async fn a_policy_that_aws_applies_half_a_minute_later_is_awaited() {
    let denied = || StubResponse::error(StatusCode::FORBIDDEN, "AccessDeniedException", "is not authorized to perform");
    let not_yet = || StubResponse::error(StatusCode::BAD_REQUEST, "BadRequestException", "the cluster is not ACTIVE");
    // One attempt every three seconds: first one action is denied, then the other.
    let bootstrap = [vec![denied(); 5], vec![not_yet(); 5], vec![servers(&SERVERS.into())]].concat();
    let control_plane = Stub::start([(BOOTSTRAP, bootstrap), (DESCRIBE, vec![denied()])]).await;
    let cloudformation = CloudFormation::start().await;
    let start = Instant::now();
    deploy(&cloudformation, &control_plane, Duration::from_mins(3)).await.unwrap();
    assert_eq!(cloudformation.data()["BootstrapServers"], SERVERS);
    assert!(start.elapsed() >= 10 * RETRY_DELAY, "{:?}", start.elapsed());
    assert_eq!(control_plane.requests().len(), 16);
}

#[tokio::test]
async fn a_missing_cluster_fails_at_once_however_much_time_is_left() {
    let no_cluster = StubResponse::error(StatusCode::NOT_FOUND, "NotFoundException", "no such cluster");
    let control_plane = Stub::start([(BOOTSTRAP, vec![no_cluster])]).await;
    let cloudformation = CloudFormation::start().await;
    deploy(&cloudformation, &control_plane, Duration::from_mins(3)).await.unwrap();
    assert!(cloudformation.reason().starts_with("there is no cluster"), "{}", cloudformation.reason());
    assert_eq!(control_plane.requests().len(), 1);
}

#[tokio::test]
async fn throttled_requests_are_retried() {
    let slower = || StubResponse::error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "slower");
    let control_plane = Stub::start([(BOOTSTRAP, vec![slower(), slower(), servers(&SERVERS.into())])]).await;
    let cloudformation = CloudFormation::start().await;
    deploy(&cloudformation, &control_plane, ONE_ATTEMPT).await.unwrap();
    assert_eq!(cloudformation.data()["BootstrapServers"], SERVERS);
    assert_eq!(control_plane.requests().len(), 3);
}

/// The response to the request for the servers (a status and AWS's name of the error), the cluster's description, and the
/// reason that the deployment prints. The description is requested only if there are no servers.
type Case = ((u16, &'static str), Option<fn() -> Value>, &'static str);

const NO_SERVERS: (u16, &str) = (200, "");

const WRONG: [Case; 10] = [
    (
        (404, "NotFoundException"),
        None,
        "there is no cluster arn:aws:kafka:us-east-1:123456789012:cluster/pinterest/4f0c1b6e-7a3d-4e1b-9b43-4c9f6d8f2a11-13: check its ARN, and that it is in the function's region and account",
    ),
    (
        (403, "ForbiddenException"),
        None,
        "the function's role lacks permissions: allow kafka:GetBootstrapBrokers and kafka:DescribeClusterV2 on the cluster (ForbiddenException: in AWS's words)",
    ),
    (
        (429, "TooManyRequestsException"),
        None,
        "AWS throttles the request: deploy again in a minute (TooManyRequestsException: in AWS's words)",
    ),
    ((500, "InternalServerErrorException"), None, "AWS returned InternalServerErrorException: in AWS's words"),
    (
        NO_SERVERS,
        Some(|| json!({"state": "CREATING"})),
        "the cluster is CREATING and has no servers for IAM yet: deploy again in a few minutes",
    ),
    (
        NO_SERVERS,
        Some(|| json!({"state": "FAILED", "stateInfo": {"message": "no subnet"}})),
        "the cluster is FAILED: no subnet",
    ),
    (NO_SERVERS, Some(|| json!({"state": "ACTIVE", "provisioned": iam(false)})), NO_IAM),
    (NO_SERVERS, Some(|| json!({"state": "ACTIVE", "provisioned": {}})), NO_IAM),
    (
        NO_SERVERS,
        Some(|| json!({"state": "ACTIVE", "serverless": iam(true)})),
        "the cluster is ACTIVE and has no servers for IAM yet: deploy again in a few minutes",
    ),
    (
        (400, "BadRequestException"),
        Some(|| json!({"state": "ACTIVE", "provisioned": iam(true)})),
        "AWS returned BadRequestException: in AWS's words",
    ),
];

const NO_IAM: &str = "the cluster does not accept IAM authentication: enable IAM access control for it (ClientAuthentication.Sasl.Iam) and deploy again";

fn iam(enabled: bool) -> Value {
    json!({"clientAuthentication": {"sasl": {"iam": {"enabled": enabled}}}})
}

#[tokio::test]
async fn an_error_of_the_cluster_or_the_role_names_its_remedy() {
    let refused = |status, error| StubResponse::error(StatusCode::from_u16(status).unwrap(), error, "in AWS's words");
    for (servers_response, described, reason) in WRONG {
        let (status, error) = servers_response;
        let found = if servers_response == NO_SERVERS { servers(&Value::Null) } else { refused(status, error) };
        let described = described.map_or(refused(500, "NotAsked"), |described| cluster(&described()));
        let control_plane = Stub::start([(BOOTSTRAP, vec![found]), (DESCRIBE, vec![described])]).await;
        let cloudformation = CloudFormation::start().await;
        deploy(&cloudformation, &control_plane, ONE_ATTEMPT).await.unwrap();
        assert_eq!(cloudformation.reason(), reason);
    }
}

#[tokio::test]
async fn an_unreachable_control_plane_is_named() {
    let control_plane = Stub::start([]).await;
    let client = client(&control_plane);
    control_plane.stop().await;
    let cloudformation = CloudFormation::start().await;
    let event = cloudformation.event_from_file("brokers-create", |_| {}).payload;
    let event = cloudformation.event(event, RESPONSE_RESERVE + Duration::from_secs(1));
    respond(event, |request| brokers::find(&client, request)).await.unwrap();
    let reason = cloudformation.reason();
    assert!(reason.starts_with("AWS's control plane for Kafka does not respond: it cannot be reached"), "{reason}");
    assert!(reason.contains("refused") && !reason.contains('{'), "{reason}");
}

#[tokio::test]
async fn another_services_arn_is_rejected_without_a_request() {
    let control_plane = Stub::start([]).await;
    let cloudformation = CloudFormation::start().await;
    let event = cloudformation.event_from_file("brokers-update", |event| {
        event["ResourceProperties"]["ClusterArn"] = "arn:aws:s3:::bucket".into();
    });
    let client = client(&control_plane);
    respond(event, |request| brokers::find(&client, request)).await.unwrap();
    let said = "the resource's properties cannot be used: `arn:aws:s3:::bucket` is not an MSK cluster's ARN";
    assert!(cloudformation.reason().starts_with(said), "{}", cloudformation.reason());
    assert!(control_plane.requests().is_empty());
}

#[tokio::test]
#[ignore = "needs the runtime interface emulator: make test"]
async fn the_program_uses_the_endpoint_in_its_environment() {
    let control_plane = Stub::start([(BOOTSTRAP, vec![servers(&SERVERS.into())])]).await;
    let environment = [
        ("AWS_ENDPOINT_URL_KAFKA", control_plane.address()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "k3y"),
        ("RUST_LOG", "trace"),
    ];
    let program = Function::new(&built("brokers").await.unwrap(), environment);
    let lambda = Lambda::start(&program).await.unwrap();
    let cloudformation = CloudFormation::start().await;
    let event = cloudformation.event_from_file("brokers-create", |_| {});
    lambda.invoke(&event.payload).await.unwrap();
    assert_eq!(cloudformation.data()["BootstrapServers"], SERVERS);
    assert_eq!(control_plane.requests().len(), 1);
    let log = lambda.log();
    assert!(log.contains("the resource matches the template"), "{log}");
    for secret in [SIGNATURE, "k3y"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
