//! HTTP over a raw socket: requests get nothing added, and malformed responses stay malformed.

use std::{io::Write, net::SocketAddr, time::Duration};

use axum::http::{Method, Request, Response};
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than any response takes on a busy machine.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(2);

/// Sends a request below `prefix` and reads the response.
pub(crate) async fn send(server: SocketAddr, prefix: &str, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
    let (parts, body) = request.into_parts();
    let mut sent = Vec::new();
    write!(sent, "{} {prefix}{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", parts.method, parts.uri)
        .unwrap();
    for (name, value) in &parts.headers {
        sent.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    if !body.is_empty() {
        write!(sent, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    sent.extend_from_slice(b"\r\n");
    sent.extend_from_slice(&body);
    exchange(server, &parts.method, &sent).await
}

/// Sends bytes and reads until the server closes the connection.
pub(crate) async fn exchange(server: SocketAddr, method: &Method, sent: &[u8]) -> Result<Response<Bytes>, String> {
    let mut client = TcpStream::connect(server).await.map_err(|error| error.to_string())?;
    let (mut answers, mut requests) = client.split();
    let mut answer = Vec::new();
    let both = async { tokio::join!(requests.write_all(sent), answers.read_to_end(&mut answer)) };
    let (written, read) =
        timeout(RESPONSE_TIMEOUT, both).await.map_err(|_| format!("no response within {RESPONSE_TIMEOUT:?}"))?;
    // A server may respond and close before it has read everything: its response counts.
    read.or_else(|error| if answer.is_empty() { Err(error) } else { Ok(0) }).map_err(|error| error.to_string())?;
    written.or_else(|error| if answer.is_empty() { Err(error) } else { Ok(()) }).map_err(|error| error.to_string())?;
    parsed(&answer, method).ok_or_else(|| format!("not HTTP: {}", String::from_utf8_lossy(&answer)))
}

/// Parses a response. `None` if it is malformed or shorter than its `Content-Length`.
fn parsed(answer: &[u8], method: &Method) -> Option<Response<Bytes>> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]);
    let mut lines = head.split("\r\n");
    let mut response = Response::builder().status(lines.next()?.split(' ').nth(1)?);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        response = response.header(name, value.trim());
    }
    let response = response.body(Bytes::copy_from_slice(body)).ok()?;
    let length =
        response.headers().get("content-length").map_or(Some(0), |length| length.to_str().ok()?.parse().ok())?;
    (body.len() == length || method == Method::HEAD).then_some(response)
}
