//! The emulator on tables as other people made them.

use std::{collections::BTreeSet, time::Duration};

use emulator::{DatabaseUrl, Emulator, Report, Source};
use rand::{SeedableRng, rngs::StdRng};
use shared::{error_chain::one_line, metrics::Metrics, sample::COURSE_ORDER};
use stack::mysql::MySql;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::Instant,
};

use crate::support::recorder::Recorder;

/// The course's tables with so many posts, and nothing that speeds their reading up.
fn tables(posts: usize) -> String {
    format!(
        "CREATE OR REPLACE DATABASE d CHARACTER SET utf8mb4; USE d; \
         CREATE TABLE pinterest_data (`index` INT, unique_id TEXT, title TEXT, description TEXT, poster_name TEXT, \
         follower_count TEXT, tag_list TEXT, is_image_or_video TEXT, image_src TEXT, downloaded INT, save_location TEXT, \
         category TEXT) SELECT seq AS `index`, UUID() AS unique_id, 't' AS title, 'd' AS description, 'p' AS poster_name, \
         '20k' AS follower_count, 'a,b' AS tag_list, 'image' AS is_image_or_video, 'u' AS image_src, 1 AS downloaded, \
         's' AS save_location, 'art' AS category FROM seq_1_to_{posts}; \
         CREATE TABLE geolocation_data (ind INT, `timestamp` DATETIME, latitude FLOAT, longitude FLOAT, country TEXT) \
         SELECT seq AS ind, '2020-08-28 03:52:47' AS `timestamp`, -89.9787 AS latitude, -173.293 AS longitude, \
         'Albania' AS country FROM seq_1_to_{posts}; \
         CREATE TABLE user_data (ind INT, first_name TEXT, last_name TEXT, age INT, date_joined DATETIME) \
         SELECT seq AS ind, 'f' AS first_name, 'l' AS last_name, 20 AS age, '2016-03-08 13:38:37' AS date_joined \
         FROM seq_1_to_{posts}"
    )
}

async fn start(posts: usize) -> MySql {
    let mysql = MySql::start().await.unwrap();
    mysql.execute(&tables(posts)).await.unwrap();
    mysql.execute("CREATE USER reader IDENTIFIED BY 'p'; GRANT SELECT ON *.* TO reader").await.unwrap();
    mysql
}

async fn run(url: &str, posts: usize) -> (Result<Report, String>, Vec<String>) {
    let recorder = Recorder::default();
    let source = Source::open(&url.parse::<DatabaseUrl>().unwrap(), |_| None).unwrap();
    let (user_ids, metrics) = ("u".parse().unwrap(), Metrics::default());
    let mut emulator = Emulator::new(source, recorder.clone(), &user_ids, StdRng::seed_from_u64(1), metrics);
    let report = emulator.run(posts, Duration::ZERO, Instant::now() + Duration::from_mins(1)).await;
    let values = recorder.take().into_iter().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap());
    (report.map_err(|error| one_line(&error)), values.collect())
}

fn url(mysql: &MySql) -> String {
    format!("{}/d", mysql.url("reader", "p"))
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_row_that_cannot_be_sent_is_named_and_the_run_continues() {
    let mysql = start(8).await;
    let changes = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'; USE d; \
         UPDATE geolocation_data SET `timestamp` = '2021-02-30 10:00:00' WHERE ind = 1; \
         UPDATE geolocation_data SET `timestamp` = '2020-00-15 10:00:00' WHERE ind = 2; \
         UPDATE geolocation_data SET `timestamp` = '0000-00-00 00:00:00' WHERE ind = 3; \
         ALTER TABLE user_data ADD views BIGINT UNSIGNED, ADD photo BLOB; \
         UPDATE user_data SET photo = x'ff00' WHERE ind = 4; \
         UPDATE user_data SET views = 18446744073709551615 WHERE ind = 5; \
         ALTER TABLE user_data MODIFY age BIGINT UNSIGNED; \
         UPDATE user_data SET age = 18446744073709551615 WHERE ind = 6; \
         INSERT INTO pinterest_data (`index`, title) VALUES (-7, 't'); \
         INSERT INTO geolocation_data (ind) VALUES (-7); INSERT INTO user_data (ind) VALUES (-7)";
    mysql.execute(changes).await.unwrap();
    let (report, values) = run(&url(&mysql), 9).await;
    let report = report.unwrap();
    assert_eq!((report.posts, report.records_written, report.records_refused), (9, 3 * 9 - 8, 8));
    assert_eq!(values.len(), 3 * 9 - 8);
    assert!(values.iter().any(|value| value.ends_with(r#""views":18446744073709551615,"photo":null}"#)), "{values:?}");
    for said in [
        "geolocation_data, ind 1: timestamp is not an existing date: \"2021-02-30 10:00:00\"",
        "geolocation_data, ind 2: timestamp is not an existing date: \"2020-00-15 10:00:00\"",
        "geolocation_data, ind 3: timestamp is not an existing date: \"0000-00-00 00:00:00\"",
        "user_data, ind 4: column `photo` holds bytes (BLOB), which JSON cannot represent",
        "user_data, ind 6: age must be a whole number from 0 to 150; it is the number 18446744073709552000",
        "pinterest_data, index -7: index must be a whole number from 0 to 2147483647; it is the number -7; unique_id",
        "geolocation_data, ind -7: ind must be a whole number",
        "user_data, ind -7: ind must be a whole number",
    ] {
        assert!(report.refused.iter().any(|refused| refused.starts_with(said)), "{said}: {report:#?}");
    }
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_table_without_a_post_of_the_courses_order_is_named() {
    let mysql = start(11_000).await;
    let source = Source::open(&url(&mysql).parse::<DatabaseUrl>().unwrap(), |_| None).unwrap();
    let posts = source.read(COURSE_ORDER).await.unwrap();
    let first = &posts[0][2].as_ref().unwrap().json;
    assert!(first.starts_with(r#"{"ind":7528,"#), "{first}");

    mysql.execute("DELETE FROM d.user_data WHERE ind = 5730").await.unwrap();
    let error = one_line(&source.read(COURSE_ORDER).await.unwrap_err());
    let named = "the table `user_data` has no row with the `ind` 5730, which is in the course's order: choose";
    assert!(error.starts_with(named), "{error}");
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_join_key_of_any_type_joins_the_tables() {
    let mysql = start(20).await;
    for (pin, geo, user, sent) in [
        ("VARCHAR(20)", "VARCHAR(20)", "VARCHAR(20)", "{\"ind\":\"20\","),
        ("TEXT", "TEXT", "TEXT", "{\"ind\":\"20\","),
        ("VARCHAR(20) COLLATE utf8mb4_bin", "TEXT COLLATE utf8mb4_unicode_ci", "INT", "{\"ind\":\"20\","),
        ("DECIMAL(10,0)", "DECIMAL(10,0)", "DECIMAL(10,0)", "{\"ind\":\"20\","),
        ("DOUBLE", "DOUBLE", "DOUBLE", "{\"ind\":20.0,"),
        ("FLOAT", "VARCHAR(20)", "SMALLINT UNSIGNED", "{\"ind\":\"20\","),
        ("BIGINT UNSIGNED", "INT(8) ZEROFILL", "CHAR(6)", "{\"ind\":20,"),
    ] {
        let sql = format!(
            "{}; ALTER TABLE pinterest_data MODIFY `index` {pin}; ALTER TABLE geolocation_data MODIFY ind {geo}; \
             ALTER TABLE user_data MODIFY ind {user}",
            tables(20)
        );
        mysql.execute(&sql).await.unwrap();
        let (report, values) = run(&url(&mysql), 20).await;
        assert_eq!(
            report.unwrap(),
            Report { posts: 20, records_written: 60, ..Report::default() },
            "{pin} {geo} {user}"
        );
        assert!(values.iter().any(|value| value.starts_with(sent)), "{sent}: {values:?}");
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), 60, "{pin} {geo} {user}: each row once");
    }
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn the_case_of_a_columns_name_does_not_matter() {
    let mysql = start(5).await;
    let changes = "USE d; ALTER TABLE geolocation_data CHANGE ind `Ind` INT, CHANGE `timestamp` `Timestamp` DATETIME; \
                   ALTER TABLE pinterest_data CHANGE `index` `INDEX` INT";
    mysql.execute(changes).await.unwrap();
    let (report, values) = run(&url(&mysql), 5).await;
    assert_eq!(report.unwrap(), Report { posts: 5, records_written: 15, ..Report::default() });
    assert_eq!(values.iter().filter(|value| value.contains("\"ind\":3,\"timestamp\":")).count(), 1, "{values:?}");
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_missing_column_is_named_as_the_database_names_it() {
    let mysql = start(5).await;
    mysql.execute("ALTER TABLE d.user_data CHANGE ind id INT").await.unwrap();
    let error = run(&url(&mysql), 5).await.0.unwrap_err();
    assert!(
        error.starts_with("the database cannot be read: ") && error.contains("Unknown column 'user_data.ind'"),
        "{error}"
    );
}

/// As MySQL 5.7 plans: a correlated subquery is asked anew for each row there.
#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_server_with_a_simple_query_planner_reads_tables_without_an_index_in_time() {
    let mysql = start(11_154).await;
    mysql.execute("SET GLOBAL optimizer_switch = 'semijoin=off,exists_to_in=off'").await.unwrap();
    let begun = Instant::now();
    let (report, _) = run(&url(&mysql), 60).await;
    assert_eq!(report.unwrap().records_written, 180);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn a_database_at_an_ipv6_address_is_read() {
    let mysql = start(5).await;
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = mysql.port();
    let front = tokio::spawn(async move {
        let mut client = listener.accept().await.unwrap().0;
        let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
        // Whichever end hangs up first: the other one's error is of no interest.
        drop(copy_bidirectional(&mut client, &mut server).await);
    });
    let (report, _) = run(&format!("mysql://reader:p@[::1]:{port}/d"), 5).await;
    assert_eq!(report.unwrap().records_written, 15);
    front.await.unwrap();

    let free = format!("mysql://reader:p@[::1]:{port}/d");
    let error = run(&free, 5).await.0.unwrap_err();
    assert!(error.starts_with(&format!("the database at [::1]:{port} cannot be reached")), "{error}");
}
