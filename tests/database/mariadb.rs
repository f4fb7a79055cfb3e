//! MariaDB in the place of RDS, with a front that takes IAM's tokens as RDS does.

use std::time::Duration;

use emulator::{DatabaseUrl, Source};
use lambda_runtime::tracing::Level;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use shared::{error_chain::one_line, sample::COURSE_ORDER};
use stack::mysql::{Identity, MySql, RdsFront};
use tokio::time::Instant;

use super::{PASSWORD, function, sample_rows, trusting};
use crate::support::{aws::Aws, invocation, log::Log};

/// More than the sample has.
const ALL: usize = 1000;

struct Rds {
    mysql: MySql,
    front: RdsFront,
    aws: Aws,
}

impl Rds {
    async fn start() -> Self {
        let mysql = MySql::start().await.unwrap();
        // RDS's master may do most things, and hand on what it may.
        let password = PASSWORD.replace('\\', "\\\\").replace('\'', "\\'");
        let master =
            format!("CREATE USER admin IDENTIFIED BY '{password}'; GRANT ALL ON *.* TO admin WITH GRANT OPTION");
        mysql.execute(&master).await.unwrap();
        let identity = Identity {
            access_key: "AKIATEST".to_owned(),
            secret_key: "k3y".to_owned(),
            session_token: Some("t0/ken+==".to_owned()),
            region: "eu-west-1".to_owned(),
        };
        let front = RdsFront::start(&mysql, identity).await.unwrap();
        Self { mysql, front, aws: Aws::start("").await }
    }

    fn setup(&self) -> Value {
        json!({
            "host": self.front.host(), "port": self.front.port(),
            "master": {"username": "admin", "password": PASSWORD},
            "database": "pinterest_data", "user": "emulator", "sample": true,
        })
    }

    /// Has `database` do it.
    async fn set_up(&self, setup: Value, time: Duration) -> Result<Value, String> {
        let function = function(&self.aws).await;
        let lookup = trusting(self.mysql.ca_file().to_str().unwrap());
        function.handle(invocation(setup, time), lookup).await.map_err(|error| one_line(&error))
    }

    async fn set_up_as_usual(&self) -> Value {
        self.set_up(self.setup(), Duration::from_mins(1)).await.unwrap()
    }

    /// The emulator's rows, read by `user`, who is who these variables say.
    fn source(&self, user: &str, variables: &[(&str, &str)]) -> Source {
        let (host, port, ca) = (self.front.host(), self.front.port(), self.mysql.ca_file().display());
        let url = format!("mysql://{user}@{host}:{port}/pinterest_data?login=iam&ssl-ca={ca}");
        let lookup = |name: &str| {
            let usual = IDENTITY.iter().filter(|(key, _)| variables.iter().all(|(other, _)| other != key));
            let mut all = usual.chain(variables);
            all.find_map(|(key, value)| (*key == name).then(|| (*value).to_owned()))
        };
        Source::open(&url.parse::<DatabaseUrl>().unwrap(), lookup).unwrap()
    }
}

impl Rds {
    /// Gives `reader` a password, and the secret either this one or another.
    async fn set_password(&self, password: &str, of_the_secret: &str) {
        let user = format!(
            "CREATE USER IF NOT EXISTS reader; ALTER USER reader IDENTIFIED BY '{password}'; \
             GRANT SELECT ON pinterest_data.* TO reader"
        );
        self.mysql.execute(&user).await.unwrap();
        self.aws.rotate(&json!({"username": "reader", "password": of_the_secret, "engine": "mysql"}).to_string());
    }

    /// The emulator's rows, read by whom the secret names.
    async fn source_by_secret(&self) -> Source {
        let (host, port, ca) = (self.front.host(), self.front.port(), self.mysql.ca_file().display());
        let url: DatabaseUrl = format!("mysql://{host}:{port}/pinterest_data?ssl-ca={ca}").parse().unwrap();
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reader-AbCdEf".parse().unwrap();
        let aws = emulator::Aws::from(self.aws.config().await);
        Source::open(&url, |_| None).unwrap().with_secret(Some(arn), &aws)
    }

    /// The number of reads of the secret since the last call.
    fn reads(&self) -> usize {
        self.aws.take().len()
    }
}

const IDENTITY: &[(&str, &str)] = &[
    ("AWS_REGION", "eu-west-1"),
    ("AWS_ACCESS_KEY_ID", "AKIATEST"),
    ("AWS_SECRET_ACCESS_KEY", "k3y"),
    ("AWS_SESSION_TOKEN", "t0/ken+=="),
];

async fn draw(source: &Source, posts: usize) -> Result<Vec<emulator::source::Post>, String> {
    source.draw(posts, &mut StdRng::seed_from_u64(1)).await.map_err(|error| one_line(&error))
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn the_emulator_sends_every_sample_row_byte_for_byte_from_the_created_tables() {
    let rds = Rds::start().await;
    assert_eq!(rds.set_up_as_usual().await, json!({"tables_made": 3, "rows_loaded": 3 * 877, "user_made": true}));

    let posts = draw(&rds.source("emulator", &[]), ALL).await.unwrap();
    for (at, (table, mut expected)) in ["pinterest_data", "geolocation_data", "user_data"]
        .into_iter()
        .map(|table| (table, sample_rows().remove(table).unwrap()))
        .enumerate()
    {
        let mut rows: Vec<String> = posts.iter().map(|post| post[at].as_ref().unwrap().json.clone()).collect();
        rows.sort_unstable();
        // The posts beyond the 877 come again.
        rows.dedup();
        expected.sort_unstable();
        assert_eq!(rows.len(), 877, "{table}");
        for (row, expected) in rows.iter().zip(&expected) {
            assert_eq!(row, expected, "{table}");
        }
    }
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn the_courses_order_is_the_same_in_the_created_tables_as_in_the_sample() {
    let rds = Rds::start().await;
    rds.set_up_as_usual().await;
    let read = |source: Source| async move { source.read(COURSE_ORDER).await.unwrap() };
    let posts = read(rds.source("emulator", &[])).await;
    let expected = read(Source::open(&DatabaseUrl::Sample, |_| None).unwrap()).await;
    assert_eq!(posts.len(), 909);
    for (post, expected) in posts.iter().zip(&expected) {
        assert_eq!(post, expected);
    }
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_second_setup_changes_nothing_and_keeps_existing_rows() {
    let rds = Rds::start().await;
    rds.set_up_as_usual().await;
    let change = "UPDATE pinterest_data.pinterest_data SET title = 'mine' WHERE `index` = 4; \
                  DELETE FROM pinterest_data.user_data WHERE ind = 25";
    rds.mysql.execute(change).await.unwrap();
    assert_eq!(rds.set_up_as_usual().await, json!({"tables_made": 0, "rows_loaded": 0, "user_made": false}));
    let rows = "SELECT title FROM pinterest_data.pinterest_data WHERE `index` = 4; \
                SELECT COUNT(*) FROM pinterest_data.user_data";
    assert_eq!(rds.mysql.execute(rows).await.unwrap(), "mine\n876\n");

    let emptied = "TRUNCATE pinterest_data.pinterest_data; DROP TABLE pinterest_data.user_data";
    rds.mysql.execute(emptied).await.unwrap();
    let done = rds.set_up_as_usual().await;
    assert_eq!(done["tables_made"], 1);
    assert_eq!(done["rows_loaded"], 0, "one table holds rows: the sample's posts are not put beside them");

    let mut without = rds.setup();
    (without["sample"], without["database"]) = (false.into(), "empty".into());
    let done = rds.set_up(without, Duration::from_mins(1)).await.unwrap();
    assert_eq!(done, json!({"tables_made": 3, "rows_loaded": 0, "user_made": false}));
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn the_user_reads_the_tables_over_tls_and_may_do_nothing_else() {
    let rds = Rds::start().await;
    rds.set_up_as_usual().await;
    let grants = rds.mysql.execute("SHOW GRANTS FOR emulator").await.unwrap();
    let mut grants: Vec<&str> = grants.lines().collect();
    let usage = grants.remove(0);
    assert!(usage.starts_with("GRANT USAGE ON *.* TO") && usage.ends_with("REQUIRE SSL"), "{usage}");
    grants.sort_unstable();
    let tables = ["geolocation_data", "pinterest_data", "user_data"];
    let expected = tables.map(|table| format!("GRANT SELECT ON `pinterest_data`.`{table}` TO `emulator`@`%`"));
    assert_eq!(grants, expected);
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_refused_log_in_names_the_remedy_and_no_secret() {
    let rds = Rds::start().await;
    rds.set_up_as_usual().await;
    let token = "the role may `rds-db:connect` as this user";
    for (user, variable, said) in [
        ("emulator", ("AWS_SECRET_ACCESS_KEY", "wr0ng"), token),
        ("emulator", ("AWS_SESSION_TOKEN", "wr0ng"), token),
        ("emulator", ("AWS_REGION", "us-east-1"), "that the database is in us-east-1"),
        ("nobody", ("AWS_REGION", "eu-west-1"), token),
        ("emulator", ("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z"), "the AWS credentials expired"),
    ] {
        let error = draw(&rds.source(user, &[variable]), 1).await.unwrap_err();
        let login = format!("{user}@{}:{}", rds.front.host(), rds.front.port());
        assert!(error.contains(&login) && error.contains(said), "{error}");
        for secret in ["k3y", "wr0ng", "X-Amz", "t0/ken"] {
            assert!(!error.contains(secret), "{error}");
        }
    }
    draw(&rds.source("emulator", &[]), 1).await.unwrap();

    let mut setup = rds.setup();
    setup["master"]["password"] = "s3cond".into();
    let error = rds.set_up(setup, Duration::from_mins(1)).await.unwrap_err();
    assert!(error.starts_with("the database refuses admin@localhost:"), "{error}");
    assert!(error.contains("check the user's name and password") && !error.contains("s3cond"), "{error}");
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn no_log_of_any_level_has_a_token() {
    let rds = Rds::start().await;
    rds.set_up_as_usual().await;
    let (log, _guard) = Log::capture(Level::TRACE);
    draw(&rds.source("emulator", &[]), 1).await.unwrap();
    let text = log.text();
    assert!(text.contains("ORDER BY RAND()"), "it is the log of the run: {text}");
    for part in ["X-Amz-Signature=", "t0/ken", "t0%2Fken", "k3y"] {
        assert!(!text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_database_with_an_untrusted_certificate_gets_neither_token_nor_password() {
    let rds = Rds::start().await;
    rds.set_up_as_usual().await;
    let (host, port) = (rds.front.host(), rds.front.port());
    for url in [
        format!("mysql://emulator@{host}:{port}/pinterest_data?login=iam"),
        format!("mysql://emulator:k3y@{host}:{port}/pinterest_data?ssl-mode=VERIFY_IDENTITY"),
    ] {
        let lookup = |name: &str| IDENTITY.iter().find_map(|(key, value)| (*key == name).then(|| (*value).to_owned()));
        let source = Source::open(&url.parse::<DatabaseUrl>().unwrap(), lookup).unwrap();
        let error = draw(&source, 1).await.unwrap_err();
        assert!(error.starts_with(&format!("the TLS of the database at {host}:{port} cannot be trusted")), "{error}");
    }
    assert_eq!(rds.front.refusals(), [], "no token arrived");
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_database_that_was_down_is_read_again_without_a_restart() {
    let mut rds = Rds::start().await;
    rds.set_up_as_usual().await;
    let by_token = rds.source("emulator", &[]);
    let url = format!("{}/pinterest_data", rds.mysql.url("admin", PASSWORD));
    let by_password = Source::open(&url.parse::<DatabaseUrl>().unwrap(), |_| None).unwrap();
    for source in [&by_token, &by_password] {
        draw(source, 1).await.unwrap();
    }
    rds.mysql.stop().await.unwrap();
    let begun = Instant::now();
    for (source, port) in [(&by_token, rds.front.port()), (&by_password, rds.mysql.port())] {
        let error = draw(source, 1).await.unwrap_err();
        assert!(error.starts_with(&format!("the database at localhost:{port} cannot be reached")), "{error}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    rds.mysql.restart().await.unwrap();
    for source in [&by_token, &by_password] {
        draw(source, 1).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_starting_database_is_awaited() {
    let mut rds = Rds::start().await;
    rds.mysql.stop().await.unwrap();
    let error = rds.set_up(rds.setup(), Duration::from_secs(3)).await.unwrap_err();
    assert!(error.contains("cannot be reached"), "the time was over: {error}");

    let function = function(&rds.aws).await;
    let setup = invocation(rds.setup(), Duration::from_mins(1));
    let lookup = trusting(rds.mysql.ca_file().to_str().unwrap());
    let (done, restarted) = tokio::join!(function.handle(setup, lookup), rds.mysql.restart());
    restarted.unwrap();
    assert_eq!(done.unwrap()["tables_made"], 3);
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_secret_is_cached_and_read_again_after_its_rotation() {
    let rds = Rds::start().await;
    rds.set_up_as_usual().await;
    rds.set_password("s3cret-1", "s3cret-1").await;
    let source = rds.source_by_secret().await;
    assert_eq!(rds.reads(), 0, "a start reads nothing");
    for (run, reads) in [(1, 1), (2, 0)] {
        assert_eq!((draw(&source, 3).await.unwrap().len(), rds.reads()), (3, reads), "run {run}");
    }
    rds.set_password("s3cret-2", "s3cret-2").await;
    for (run, reads) in [(3, 1), (4, 0)] {
        assert_eq!((draw(&source, 3).await.unwrap().len(), rds.reads()), (3, reads), "run {run}");
    }
    // The database is ahead of the secret.
    rds.set_password("s3cret-3", "s3cret-2").await;
    for (run, reads) in [(5, 1), (6, 1)] {
        let error = draw(&source, 3).await.unwrap_err();
        assert!(error.contains("check the user's name and password"), "{error}");
        assert_eq!(rds.reads(), reads, "run {run}");
    }
    rds.set_password("s3cret-3", "s3cret-3").await;
    assert_eq!((draw(&source, 3).await.unwrap().len(), rds.reads()), (3, 1));
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn no_log_or_error_of_any_level_has_a_secrets_password() {
    let rds = Rds::start().await;
    rds.set_up_as_usual().await;
    let (log, _guard) = Log::capture(Level::TRACE);
    let source = rds.source_by_secret().await;
    let mut said = String::new();
    for (password, of_the_secret) in [("s3cret-1", "s3cret-1"), ("s3cret-2", "s3cret-2"), ("s3cret-3", "s3cret-4")] {
        rds.set_password(password, of_the_secret).await;
        said += &draw(&source, 1).await.map_or_else(|error| error, |_| "drawn ".to_owned());
    }
    rds.aws.rotate(r#"{"username":"reader","password":["s3cret-5"]}"#);
    said += &draw(&source, 1).await.unwrap_err();
    rds.aws.deny_secret_reads(9);
    said += &draw(&source, 1).await.unwrap_err();
    said = format!("{said} {source:?}");
    assert!(
        said.contains("drawn") && said.contains("is not one with a `username`") && said.contains("not authorized"),
        "{said}"
    );
    let text = log.text();
    assert!(text.contains("ORDER BY RAND()"), "it is the log of the runs: {text}");
    assert!(!said.contains("s3cret"), "{said}");
    for line in text.lines() {
        assert!(!line.contains("s3cret") && !line.contains("k3y"), "{line}");
    }
}
