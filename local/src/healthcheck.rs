//! The `healthcheck` command: an image without a shell has no other HTTP client.

use std::{io, net::SocketAddr, process::ExitCode, time::Duration};

use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime::Builder, time::timeout};

use crate::terminal::report;

/// Longer than the pipeline waits for Kafka.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The reason the pipeline counts as unhealthy.
#[derive(Debug, thiserror::Error)]
enum Unhealthy {
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
    #[error("nothing listens at {address}: {source}")]
    Unreachable { address: SocketAddr, source: io::Error },
    #[error("{address} does not answer: {source}")]
    NoAnswer { address: SocketAddr, source: hyper::Error },
    #[error("{0} does not answer within {timeout} s", timeout = TIMEOUT.as_secs())]
    Timeout(SocketAddr),
    #[error("http://{address}/health answers {status}")]
    Status { address: SocketAddr, status: StatusCode },
}

/// Reports whether the pipeline that listens at `address` runs and reaches Kafka. 0.0.0.0 is this machine.
pub(crate) fn run(address: SocketAddr) -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Unhealthy::Runtime);
    let checked = async { timeout(TIMEOUT, check(address)).await.unwrap_or(Err(Unhealthy::Timeout(address))) };
    match runtime.and_then(|runtime| runtime.block_on(checked)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn check(address: SocketAddr) -> Result<(), Unhealthy> {
    let stream = TcpStream::connect(address).await.map_err(|source| Unhealthy::Unreachable { address, source })?;
    let no_answer = |source| Unhealthy::NoAnswer { address, source };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(no_answer)?;
    tokio::spawn(connection);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = Uri::from_static("/health");
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("localhost"));
    let status = sender.send_request(request).await.map_err(no_answer)?.status();
    if status.is_success() { Ok(()) } else { Err(Unhealthy::Status { address, status }) }
}
