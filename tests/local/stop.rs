//! The end of a run: records in flight are answered and archived.

use std::time::Duration;

use ingest::MAX_RECORDS;
use nix::sys::signal::Signal;
use stack::lambda::built;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
    time::sleep,
};

use super::{GEO_TOPIC, assert_all_archived, assert_offsets, begin, geo_row, geo_rows, written};
use crate::support::local::{Local, Process, answer, post};

#[tokio::test]
async fn records_sent_before_a_signal_are_archived() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let local = Local::start(&["--posts-per-second", "50"]).await;
        local.first_record("demo.user");
        local.process.signal(signal);
        let ended = local.process.wait_for_exit().await;
        let posts = ended.figure(" posts sent");
        assert!(posts > 0);
        assert_all_archived(&ended, 3 * posts);
    }
}

#[tokio::test]
async fn a_request_in_flight_at_ctrl_c_is_answered_and_archived() {
    let mut local = Local::start_without_emulator().await;
    let body = geo_rows(MAX_RECORDS);
    let mut client = begin(&local, &body).await;
    local.process.signal(Signal::SIGINT);
    local.process.wait_for_line("Stopping").await;
    client.write_all(body.as_bytes()).await.unwrap();
    assert_offsets(&answer(&mut client).await, MAX_RECORDS);
    assert_all_archived(&local.process.wait_for_exit().await, MAX_RECORDS as u64);
}

#[tokio::test]
async fn a_second_ctrl_c_stops_at_once() {
    let mut local = Local::start_without_emulator().await;
    // The first Ctrl-C waits for this request.
    let _client = begin(&local, &geo_row()).await;
    local.process.signal(Signal::SIGINT);
    local.process.wait_for_line("Stopping").await;
    local.process.signal(Signal::SIGINT);
    let ended = local.process.wait_for_exit_within(Duration::from_secs(10)).await;
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
}

#[tokio::test]
async fn a_closed_terminal_costs_no_record() {
    let mut local = Local::start_without_emulator().await;
    assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(0));
    local.process.close_stderr().await;
    local.process.signal(Signal::SIGHUP);
    assert_all_archived(&local.process.wait_for_exit().await, 1);
}

#[tokio::test]
async fn below_nohup_it_survives_the_terminal() {
    let program = built("pinterest-data-pipeline").await.unwrap();
    let mut command = Command::new("nohup");
    command.arg(program).args(["--listen", "127.0.0.1:0", "--posts-per-second", "0"]);
    let local = Local::ready(Process::spawn(&mut command)).await;
    local.process.signal(Signal::SIGHUP);
    assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(0));
    assert_all_archived(&local.stop().await, 1);
}

#[tokio::test]
async fn a_first_signal_after_the_time_is_over_waits_as_well() {
    let mut local = Local::start(&["--posts-per-second", "0", "--for", "1s"]).await;
    let body = geo_row();
    let mut client = begin(&local, &body).await;
    local.process.wait_for_line("Stopping").await;
    local.process.signal(Signal::SIGTERM);
    local.process.wait_for_line("Still stopping").await;
    client.write_all(body.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut client).await, written(0));
    assert_all_archived(&local.process.wait_for_exit().await, 1);
}

/// Requests whose heads were begun before the stop, and end until after it.
#[tokio::test]
async fn a_request_that_begins_during_the_stop_is_archived_or_not_answered() {
    let mut local = Local::start_without_emulator().await;
    let request = post(GEO_TOPIC, &geo_row());
    let (start, rest) = request.split_at(30);
    let mut clients = Vec::new();
    for _ in 0..60 {
        let mut client = local.connect().await;
        client.write_all(start.as_bytes()).await.unwrap();
        clients.push(client);
    }
    // Answered only once the server has read the starts before it.
    assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(0));
    local.process.signal(Signal::SIGTERM);
    local.process.wait_for_line("Stopping").await;
    let mut answered = 1;
    for mut client in clients {
        // Not a wait: the requests begin at different times of the stop.
        sleep(Duration::from_millis(50)).await;
        let mut answer = String::new();
        if client.write_all(rest.as_bytes()).await.is_ok() && client.read_to_string(&mut answer).await.is_ok() {
            answered += u64::from(answer.starts_with("HTTP/1.1 200 "));
        }
    }
    let ended = local.process.wait_for_exit().await;
    let records = ended.figure(" records written");
    assert!((2..60).contains(&answered) && answered <= records, "{answered}: {}", ended.summary());
    assert_all_archived(&ended, records);
}

#[tokio::test]
async fn records_in_flight_are_archived_despite_a_disconnect_and_ctrl_c() {
    let local = Local::start_without_emulator().await;
    let mut client = local.connect().await;
    client.write_all(post(GEO_TOPIC, &geo_rows(MAX_RECORDS)).as_bytes()).await.unwrap();
    // Earlier the server may not have read the request, and would not have to serve it.
    local.first_record(GEO_TOPIC);
    drop(client);
    assert_all_archived(&local.stop().await, MAX_RECORDS as u64);
}

#[tokio::test]
async fn a_signal_during_the_start_stops_at_once() {
    // A broker that never answers.
    let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = broker.local_addr().unwrap().to_string();
    let process = Process::start(&["--listen", "127.0.0.1:0", "--bootstrap-servers", &address]).await;
    let _connection = broker.accept().await.unwrap();
    process.signal(Signal::SIGTERM);
    let ended = process.wait_for_exit().await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("stopped before anything was sent"), "{}", ended.stderr);
}
