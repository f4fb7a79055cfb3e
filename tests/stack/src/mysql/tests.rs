use std::time::SystemTime;

use sqlx::{
    ConnectOptions, Connection, Executor, Row,
    mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlSslMode},
};

use super::{
    token::{
        Refusal,
        tests::{identity, signed_by},
    },
    *,
};

/// `ER_ACCESS_DENIED_ERROR` and `ER_SECURE_TRANSPORT_REQUIRED`.
const DENIED: u16 = 1045;
const TLS_REQUIRED: u16 = 3159;

fn options(mysql: &MySql, port: u16, user: &str, password: &str) -> MySqlConnectOptions {
    let options = MySqlConnectOptions::new().host(HOST).port(port).username(user).password(password);
    options.ssl_mode(MySqlSslMode::VerifyIdentity).ssl_ca(mysql.ca_file())
}

#[test]
fn the_makefile_fetches_the_version_under_test() {
    let makefile = fs::read_to_string(crate::tools::workspace().join("Makefile")).unwrap();
    assert!(makefile.contains(&format!("MARIADB_VERSION := {VERSION}\n")), "{VERSION}");
}

async fn refused_with(options: &MySqlConnectOptions) -> u16 {
    let error = options.connect().await.expect_err("no connection");
    let error = error.as_database_error().unwrap_or_else(|| panic!("{error}"));
    error.downcast_ref::<MySqlDatabaseError>().number()
}

async fn user(connection: &mut MySqlConnection) -> String {
    sqlx::query("SELECT SUBSTRING_INDEX(USER(), '@', 1)").fetch_one(connection).await.unwrap().get(0)
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_user_required_to_use_tls_is_refused_without_it() {
    let mysql = MySql::start().await.unwrap();
    mysql.execute("CREATE USER app IDENTIFIED BY 'p w' REQUIRE SSL").await.unwrap();

    let options = options(&mysql, mysql.port(), "app", "p w");
    let mut connection = options.connect().await.unwrap();
    assert_eq!(user(&mut connection).await, "app");
    assert_eq!(refused_with(&options.clone().ssl_mode(MySqlSslMode::Disabled)).await, DENIED);
    assert_eq!(refused_with(&options.clone().password("pw")).await, DENIED);
    let stranger = Authority::new(Folder::new("stranger").unwrap().path()).unwrap();
    let error = options.ssl_ca_from_pem(std::fs::read(stranger.ca_file()).unwrap_or_default()).connect().await;
    assert!(error.is_err(), "the certificate is from another authority");

    let by_url: MySqlConnectOptions = mysql.url("app", "p w").parse().unwrap();
    let mut connection = by_url.ssl_mode(MySqlSslMode::Required).connect().await.unwrap();
    assert_eq!(user(&mut connection).await, "app");
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_restarted_database_keeps_its_port_and_rows() {
    let mut mysql = MySql::start().await.unwrap();
    mysql.execute("CREATE DATABASE d; CREATE TABLE d.t (a TEXT); INSERT INTO d.t VALUES ('é\\t🙂')").await.unwrap();
    mysql.execute("CREATE USER app IDENTIFIED BY 'p'; GRANT SELECT ON d.* TO app").await.unwrap();
    let options = options(&mysql, mysql.port(), "app", "p");
    let mut connection = options.connect().await.unwrap();

    mysql.stop().await.unwrap();
    assert!(connection.ping().await.is_err());
    assert!(matches!(options.connect().await, Err(sqlx::Error::Io(_))));

    mysql.restart().await.unwrap();
    let mut connection = options.connect().await.unwrap();
    let text: String = sqlx::query("SELECT a FROM d.t").fetch_one(&mut connection).await.unwrap().get(0);
    assert_eq!(text, "é\t🙂");
    assert_eq!(mysql.execute("SELECT 1, 2").await.unwrap(), "1\t2\n");
    let error = mysql.execute("SELECT nonsense").await.unwrap_err().to_string();
    assert!(error.contains("Unknown column 'nonsense'"), "{error}");
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_user_created_for_iam_logs_in_by_token_over_tls_only() {
    let mysql = MySql::start().await.unwrap();
    mysql.execute("CREATE USER master IDENTIFIED BY 'm'; GRANT ALL ON *.* TO master WITH GRANT OPTION").await.unwrap();
    mysql.execute("CREATE DATABASE d").await.unwrap();
    let front = RdsFront::start(&mysql, identity()).await.unwrap();

    let mut master = options(&mysql, front.port(), "master", "m").connect().await.unwrap();
    let create = "CREATE USER IF NOT EXISTS app IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'";
    for statement in [create, create, "ALTER USER app REQUIRE SSL", "GRANT SELECT ON d.* TO app"] {
        master.execute(statement).await.unwrap();
    }

    #[expect(clippy::disallowed_methods, reason = "a client reads its own clock")]
    let now = SystemTime::now();
    let address = format!("{HOST}:{}", front.port());
    let with = |token: &str| options(&mysql, front.port(), "app", token).database("d").enable_cleartext_plugin(true);
    let good = with(&signed_by(&identity(), &address, "app", now, 900));
    let mut connection = good.connect().await.unwrap();
    assert_eq!(user(&mut connection).await, "app");
    assert!(
        connection.execute("CREATE TABLE d.t (a INT)").await.is_err(),
        "it has its own privileges, not the front's"
    );
    assert_eq!(front.refusals(), []);

    let old = signed_by(&identity(), &address, "app", now - Duration::from_mins(16), 900);
    assert_eq!(refused_with(&with(&old)).await, DENIED);
    let mut stranger = identity();
    stranger.secret_key.push('x');
    assert_eq!(refused_with(&with(&signed_by(&stranger, &address, "app", now, 900))).await, DENIED);
    assert_eq!(front.refusals(), [Refusal::Expired, Refusal::Signature]);

    assert_eq!(refused_with(&good.clone().ssl_mode(MySqlSslMode::Disabled)).await, TLS_REQUIRED);
    assert!(good.clone().enable_cleartext_plugin(false).connect().await.is_err(), "the client keeps the token");
    assert_eq!(refused_with(&good.clone().database("other")).await, 1044, "ER_DBACCESS_DENIED_ERROR");
    assert_eq!(refused_with(&options(&mysql, front.port(), "master", "x")).await, DENIED);
    // MariaDB does not know the token, so the front cannot be bypassed with it.
    assert_eq!(refused_with(&good.port(mysql.port())).await, DENIED);
}
