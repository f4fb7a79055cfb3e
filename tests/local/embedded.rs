//! The embedded Kafka and its replacements, used by other programs.

use std::{fs, time::Duration};

use nix::sys::signal::Signal;
use rdkafka::{
    ClientConfig,
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use shared::kind::GEO;
use tempfile::TempDir;

use super::{GEO_TOPIC, TOPICS, assert_all_archived, geo_row, written};
use crate::support::{
    local::{Local, Process, output, python},
    rows::{parse, with},
};

#[tokio::test]
async fn an_archive_belongs_to_one_embedded_kafka_at_a_time() {
    let folder = TempDir::new().unwrap();
    let archive = folder.path().to_str().unwrap();
    let args = ["--posts-per-second", "0", "--archive", archive];
    let first = Local::start(&args).await;
    let second = Process::start(&[&["--listen", "0"], &args[..]].concat()).await.wait_for_exit().await;
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("another process archives there"), "{}", second.stderr);
    assert_eq!(first.stop().await.code, Some(0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "an unused archive is left as it was");
    assert_eq!(Local::start(&args).await.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_killed_ones_archive_is_not_to_be_used_again() {
    let folder = TempDir::new().unwrap();
    let args = ["--posts-per-second", "50", "--archive", folder.path().to_str().unwrap()];
    let mut first = Local::start(&args).await;
    // The first one comes after several runs of the archive.
    let progress = first.process.wait_for_line("archived ").await;
    assert!(!progress.contains("archived 0"), "{progress}");
    first.process.signal(Signal::SIGKILL);
    assert_eq!(first.process.wait_for_exit().await.code, None);
    let second = Process::start(&[&["--listen", "0"], &args[..]].concat()).await.wait_for_exit().await;
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("it holds records already"), "{}", second.stderr);
}

#[tokio::test]
async fn a_kafka_client_reaches_the_embedded_kafka_by_the_settings_file() {
    let local = Local::start_without_emulator().await;
    assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(0));
    assert_eq!(parse(&local.first_record(GEO_TOPIC)), parse(&with(&GEO, &[])));
}

#[tokio::test]
#[ignore = "needs Python with confluent-kafka: make test"]
async fn confluent_kafka_reads_the_embedded_kafka_as_a_consumer_group() {
    let local = Local::start_without_emulator().await;
    assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(0));
    let printed = output(python("consume_confluent.py").args([&local.bootstrap_servers(), GEO_TOPIC]), "").await;
    assert_eq!(parse(printed.trim_end()), parse(&with(&GEO, &[])));
}

#[tokio::test]
async fn the_settings_file_has_no_password_and_leaves_the_database_url_to_the_environment() {
    for (args, expected) in [
        (&[][..], "\nDATABASE_URL=sample\n"),
        (&["--database-url", "mysql://u:s3cret@127.0.0.1:1/d"], "\n# Export DATABASE_URL: "),
    ] {
        let local = Local::start(&[&["--posts-per-second", "0"], args].concat()).await;
        let settings = fs::read_to_string(local.settings_file()).unwrap();
        assert!(settings.contains(expected) && settings.matches("DATABASE_URL").count() == 1, "{settings}");
        assert!(!settings.contains("s3cret"), "{settings}");
    }
}

#[tokio::test]
async fn another_kafka_can_replace_the_embedded_one() {
    let first = Local::start_without_emulator().await;
    let servers = first.bootstrap_servers();
    let second = ["--bootstrap-servers", &servers, "--posts-per-second", "20", "--for", "2s"];
    let second = Local::start(&second).await.process.wait_for_exit().await;
    let records = second.figure(" records written");
    assert!(records > 0, "{}", second.summary());
    assert_all_archived(&second, records);
    let first = first.stop().await;
    assert_eq!(first.figure(" archived"), records, "both archives hold them: {}", first.summary());
    for topic in TOPICS {
        assert_eq!(first.archived(topic), second.archived(topic), "{topic}");
    }
}

#[tokio::test]
async fn tables_are_written_unless_a_flag_forbids_it() {
    for (args, tables) in [(&[][..], true), (&["--no-tables"], false)] {
        let args = [&["--posts-per-second", "20", "--for", "2s"], args].concat();
        let ended = Local::start(&args).await.process.wait_for_exit().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(ended.archive().join("tables/demo/pin/_delta_log").is_dir(), tables, "{}", ended.summary());
        assert_eq!(ended.summary().contains("rows in tables"), tables, "{}", ended.summary());
    }
}

#[tokio::test]
async fn another_process_can_write_the_archive() {
    let first = Local::start_without_emulator().await;
    let servers = first.bootstrap_servers();
    let second = ["--bootstrap-servers", &servers, "--no-archive", "--posts-per-second", "20", "--for", "2s"];
    let second = Local::start(&second).await.process.wait_for_exit().await;
    let records = second.figure(" records written");
    assert!(records > 0 && second.code == Some(0), "{}", second.stderr);
    assert!(!second.summary().contains("archived"), "{}", second.summary());
    let first = first.stop().await;
    assert_eq!(first.figure(" archived"), records, "{}", first.summary());
}

#[tokio::test]
async fn the_loss_of_records_in_the_embedded_kafka_stops_local_with_an_error() {
    let local = Local::start_without_emulator().await;
    // A Kafka client has no backpressure from the archive, unlike the HTTP API.
    let producer: ThreadedProducer<DefaultProducerContext> =
        ClientConfig::new().set("bootstrap.servers", local.bootstrap_servers()).create().unwrap();
    let value = format!(r#"{{"a":"{}"}}"#, "x".repeat(100_000));
    for _ in 0..200 {
        producer.send(BaseRecord::<(), _>::to(GEO_TOPIC).payload(&value)).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_mins(1)).unwrap();
    let ended = local.process.wait_for_exit().await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("records were dropped by the embedded Kafka"), "{}", ended.stderr);
}
