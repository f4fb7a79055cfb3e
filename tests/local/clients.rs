//! Clients that disconnect, stall, or send requests in pieces.

use ingest::MAX_RECORDS;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::timeout,
};

use super::{FAILURE_TIMEOUT, GEO_TOPIC, TOO_LARGE, assert_all_archived, begin, geo_row, geo_rows, written};
use crate::support::local::{Local, answer, head, post};

#[tokio::test]
async fn a_client_gets_the_answer_to_a_request_whose_body_no_handler_reads() {
    let local = Local::start_without_emulator().await;
    for (request, expected) in [
        ("OPTIONS /topics/demo.geo", 200),
        ("OPTIONS /live/pipeline", 405),
        ("POST /live/pipeline", 405),
        ("POST /live/main.js", 405),
        ("GET /live/record?topic=demo.geo", 400),
        ("GET /docs", 200),
        ("GET /topics", 200),
    ] {
        let mut client = local.connect().await;
        let head = format!(
            "{request} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {TOO_LARGE}\r\nConnection: close\r\n\r\n"
        );
        client.write_all((head + &" ".repeat(TOO_LARGE)).as_bytes()).await.unwrap();
        let (status, body) = answer(&mut client).await;
        assert_eq!(status, expected, "{request}: {body}");
    }
}

#[tokio::test]
async fn a_request_to_a_foreign_host_gets_a_421_that_names_the_right_address() {
    let local = Local::start(&["--posts-per-second", "0", "--allow-host", "my-laptop.lan"]).await;
    for (host, expected) in [("my-laptop.lan:8082", 200), ("host.docker.internal", 200), ("evil.example", 421)] {
        let mut client = local.connect().await;
        let head = format!("GET /topics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let (status, body) = answer(&mut client).await;
        assert_eq!(status, expected, "{host}: {body}");
        assert!(status == 200 || body.contains(&format!("use http://{}", local.address)), "{body}");
    }
}

#[tokio::test]
async fn a_client_that_disconnects_within_its_body_writes_nothing_and_the_next_one_is_served() {
    let local = Local::start_without_emulator().await;
    let body = geo_row();
    let mut client = begin(&local, &body).await;
    client.write_all(&body.as_bytes()[..body.len() / 2]).await.unwrap();
    drop(client);
    assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(0));
    assert_all_archived(&local.stop().await, 1);
}

/// A half-closed connection, like that of `nc -N`.
#[tokio::test]
async fn a_client_that_half_closes_after_its_request_reads_its_answer() {
    let local = Local::start_without_emulator().await;
    let mut client = local.connect().await;
    client.write_all(post(GEO_TOPIC, &geo_row()).as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(answer(&mut client).await, written(0));
    assert_all_archived(&local.stop().await, 1);
}

#[tokio::test]
async fn an_unfinished_request_head_times_out() {
    let local = Local::start_without_emulator().await;
    let mut client = local.connect().await;
    client.write_all(&head(GEO_TOPIC, 1).as_bytes()[..10]).await.unwrap();
    let mut rest = Vec::new();
    timeout(FAILURE_TIMEOUT, client.read_to_end(&mut rest)).await.expect("an end in time").unwrap();
}

#[tokio::test]
async fn a_body_sent_in_pieces_between_other_requests_is_one_body() {
    let local = Local::start_without_emulator().await;
    let body = geo_row();
    let mut client = begin(&local, &body).await;
    client.set_nodelay(true).unwrap();
    let (start, end) = (body.len() / 3, body.len() / 3 * 2);
    for (offset, piece) in [&body[..start], &body[start..end]].into_iter().enumerate() {
        for byte in piece.as_bytes() {
            client.write_u8(*byte).await.unwrap();
        }
        assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(offset as u64));
    }
    client.write_all(&body.as_bytes()[end..]).await.unwrap();
    assert_eq!(answer(&mut client).await, written(2));
    assert_all_archived(&local.stop().await, 3);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_delays_no_other() {
    let local = Local::start_without_emulator().await;
    let socket = TcpSocket::new_v4().unwrap();
    // Two answers of 2.4 MB exceed the system's socket buffers for a client with such a small one.
    socket.set_recv_buffer_size(4096).unwrap();
    let (mut answers, mut requests) = socket.connect(local.address).await.unwrap().into_split();
    let last = post(GEO_TOPIC, &geo_rows(MAX_RECORDS));
    let first = last.replace("Connection: close", "Connection: keep-alive");
    let sent = tokio::spawn(async move {
        requests.write_all([first, last].concat().as_bytes()).await.unwrap();
        // Dropping it would close the connection.
        requests
    });
    answers.readable().await.unwrap();

    let (status, body) = local.post(GEO_TOPIC, &geo_row()).await;
    assert_eq!(status, 200, "{body}");
    let ((_, bodies), _) = tokio::join!(answer(&mut answers), sent);
    assert_eq!(bodies.matches(r#""error_code":null"#).count(), 2 * MAX_RECORDS);
}
