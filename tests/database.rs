//! `database` creates the tables that `emulator` reads, and never discloses the master password. The half that calls AWS runs
//! on a stub; the half in the VPC, and then `emulator`, run on MariaDB in place of RDS.

use std::{collections::BTreeMap, time::Duration};

use database::Function;
use lambda_runtime::{LambdaEvent, tracing::subscriber::util::SubscriberInitExt};
use serde_json::{Value, json};
use shared::{error_chain::one_line, log};

use crate::support::{aws::Aws, invocation, log::Log};

mod mariadb;
mod tables;
mod types;

const PASSWORD: &str = "s3cret'\"\\ü";

/// The event of a file, with the answer going to `aws` and some properties changed.
fn cloudformation(text: &str, aws: &Aws, properties: &[(&str, &str)]) -> LambdaEvent<Value> {
    let mut request: Value = serde_json::from_str(text).unwrap();
    request["ResponseURL"] = aws.response_url().into();
    for (name, value) in properties {
        request["ResourceProperties"][*name] = (*value).into();
    }
    invocation(request, Duration::from_mins(2))
}

fn create(aws: &Aws) -> LambdaEvent<Value> {
    cloudformation(include_str!("../events/database-create.json"), aws, &[])
}

async fn function(aws: &Aws) -> Function {
    Function::new(&aws.config().await)
}

/// An environment with only `DATABASE_SSL_CA`.
fn trusting(ssl_ca: &str) -> impl Fn(&str) -> Option<String> + use<> {
    let ssl_ca = ssl_ca.to_owned();
    move |name| (name == "DATABASE_SSL_CA").then(|| ssl_ca.clone())
}

fn secret() -> String {
    json!({"username": "admin", "password": PASSWORD}).to_string()
}

fn done() -> Value {
    json!({"tables_made": 3, "rows_loaded": 2631, "user_made": true})
}

/// The response that CloudFormation got.
fn answered(aws: &Aws) -> Value {
    let calls = aws.take();
    let answers: Vec<_> = calls.iter().filter(|call| call.path == "/response").collect();
    assert_eq!(answers.len(), 1, "{calls:?}");
    answers[0].body.clone()
}

#[tokio::test]
async fn the_half_in_the_vpc_gets_the_master_password_and_cloudformation_the_report() {
    let aws = Aws::start(&secret()).await;
    aws.respond_to_invocations(false, &done());
    function(&aws).await.handle(create(&aws), trusting("")).await.unwrap();

    let calls = aws.take();
    let [asked, invoked, answered] = &calls[..] else { panic!("{calls:?}") };
    assert!(asked.body["SecretId"].as_str().unwrap().contains(":secret:rds!db-"), "{asked:?}");
    for (call, service) in [(asked, "secretsmanager"), (invoked, "lambda")] {
        let scope = format!("/eu-west-1/{service}/aws4_request");
        assert!(call.authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIATEST/"), "{call:?}");
        assert!(call.authorization.contains(&scope), "{call:?}");
    }
    assert_eq!(invoked.path, "/2015-03-31/functions/database-in-vpc/invocations");
    let mut expected: Value = serde_json::from_str(include_str!("../events/database-setup.json")).unwrap();
    expected["master"]["password"] = PASSWORD.into();
    assert_eq!(invoked.body, expected);
    assert_eq!(answered.body["Status"], "SUCCESS", "{answered:?}");
    assert_eq!(answered.body["Data"], json!({"TablesMade": "3", "RowsLoaded": "2631", "UserMade": "true"}));
}

#[tokio::test]
async fn a_deletion_calls_only_cloudformation() {
    let aws = Aws::start(&secret()).await;
    let delete = cloudformation(include_str!("../events/database-delete.json"), &aws, &[]);
    function(&aws).await.handle(delete, trusting("")).await.unwrap();
    let calls = aws.take();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].body["Status"], "SUCCESS");
}

#[tokio::test]
async fn cloudformation_gets_the_reason_of_a_failure() {
    let message = "the database refuses admin@db:3306: check the user's name and password";
    let failure = json!({"errorType": "&str", "errorMessage": message});
    let no_master = r#"{"username":"admin","password":["s3cret"]}"#.to_owned();
    for (what, secret, answer, properties, said) in [
        ("the other half", secret(), (true, failure), [("Port", "1")], message),
        ("a time-out", secret(), (true, json!({"errorMessage": "Task timed out"})), [("Port", "1")], "Task timed out"),
        ("another version", secret(), (false, json!({"done": true})), [("Port", "1")], "deploy both functions again"),
        (
            "another secret",
            no_master,
            (false, done()),
            [("Port", "1")],
            "is not one with a `username` and a `password`",
        ),
        ("a property", self::secret(), (false, done()), [("User", "a'b")], "`a'b` is not a name"),
    ] {
        let aws = Aws::start(&secret).await;
        aws.respond_to_invocations(answer.0, &answer.1);
        let create = cloudformation(include_str!("../events/database-create.json"), &aws, &properties);
        function(&aws).await.handle(create, trusting("")).await.unwrap();
        let answer = answered(&aws);
        assert_eq!(answer["Status"], "FAILED", "{what}: {answer}");
        let reason = answer["Reason"].as_str().unwrap();
        assert!(reason.contains(said) && !reason.contains("s3cret"), "{what}: {reason}");
    }
}

/// Only the half inside reads it, once it has an event: nothing ends before there is somebody to tell.
#[tokio::test]
async fn cloudformation_gets_the_name_of_an_invalid_setting() {
    let aws = Aws::start(&secret()).await;
    let function = function(&aws).await;
    let setup: Value = serde_json::from_str(include_str!("../events/database-setup.json")).unwrap();
    let setup = invocation(setup, Duration::from_secs(3));
    let error = one_line(&function.handle(setup, trusting("/no/such.pem")).await.unwrap_err());
    let said =
        "the function's settings are wrong: DATABASE_SSL_CA cannot be used (/no/such.pem cannot be read: No such file";
    assert!(error.starts_with(said), "{error}");

    aws.respond_to_invocations(true, &json!({"errorMessage": error}));
    function.handle(create(&aws), trusting("/no/such.pem")).await.unwrap();
    let answer = answered(&aws);
    assert!(answer["Reason"].as_str().unwrap().starts_with(said), "{answer}");
}

#[tokio::test]
async fn permissions_that_aws_applies_late_are_awaited() {
    let aws = Aws::start(&secret()).await;
    aws.respond_to_invocations(false, &done());
    aws.deny_secret_reads(1);
    function(&aws).await.handle(create(&aws), trusting("")).await.unwrap();
    assert_eq!(answered(&aws)["Status"], "SUCCESS");
}

/// Both halves at work, their log as `main` sets it up, and an environment that asks for all of it.
#[tokio::test]
async fn no_log_has_the_master_password() {
    let log = Log::default();
    let writer = log.clone();
    let everything = |_: &str| Some("TRACE".to_owned());
    let _log = log::subscriber(everything, move || writer.clone()).set_default();

    let aws = Aws::start(&secret()).await;
    aws.respond_to_invocations(true, &json!({"errorMessage": "no"}));
    let function = function(&aws).await;
    function.handle(create(&aws), trusting("")).await.unwrap();
    let setup = aws.take().into_iter().find(|call| call.path.ends_with("/invocations")).unwrap().body;
    for (host, database) in [("127.0.0.1", "pinterest_data"), ("127.0.0.1", "mysql"), ("a b", "pinterest_data")] {
        let mut setup = setup.clone();
        (setup["host"], setup["port"], setup["database"]) = (host.into(), 1.into(), database.into());
        let error = function.handle(invocation(setup, Duration::from_secs(3)), trusting("")).await.unwrap_err();
        assert!(!format!("{error:?} {}", one_line(&error)).contains("s3cret"), "{error:?}");
    }
    let mut unreadable = setup;
    unreadable["master"] = PASSWORD.into();
    let error = function.handle(invocation(unreadable, Duration::from_secs(3)), trusting("")).await.unwrap_err();
    assert!(!format!("{error:?} {}", one_line(&error)).contains("s3cret"), "{error:?}");

    let text = log.text();
    assert!(text.contains("the custom resource failed"), "it is the log of this test: {text}");
    for part in ["s3cret", "k3y", "AKIATEST"] {
        assert!(!text.contains(part), "{part}: {text}");
    }
}

/// The columns of each of the sample's rows, by table and join key.
fn sample_rows() -> BTreeMap<String, Vec<String>> {
    shared::kind::CATALOG
        .iter()
        .map(|kind| {
            let rows = shared::sample::rows(kind.table).unwrap().lines();
            (kind.table.to_owned(), rows.map(|row| shared::json::compact(row).into_owned()).collect())
        })
        .collect()
}
