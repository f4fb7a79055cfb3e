//! Connections to brokers.

use std::{io, time::Duration};

use futures::TryFutureExt;
use shared::{
    cluster::{Authorities, Cluster, Security},
    credentials::Signer,
    iam,
    tls::{self, TlsConfigError},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{
    error::RequestError,
    protocol::{Request, Response},
};

/// The timeout of connecting to one broker and authenticating, which take some ten milliseconds. Another broker is tried after
/// it: the network drops what is sent to a machine that is gone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The memory reserved for a response before it arrives. Larger ones grow as they do.
const RESERVED_BYTES: usize = 64 * 1024;

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// The protection of connections.
pub(super) struct Connector(Option<Protection>);

struct Protection {
    tls: TlsConnector,
    signer: Signer,
}

/// A connection, authenticated if the cluster requires it.
pub(super) struct Connection {
    address: String,
    stream: Box<dyn Stream>,
    correlation_id: i32,
}

impl Connector {
    pub(super) fn new(cluster: &Cluster) -> Result<Self, TlsConfigError> {
        let Security::Iam { signer, authorities } = &cluster.security else { return Ok(Self(None)) };
        let file = match authorities {
            Authorities::System => None,
            Authorities::File(file) => Some(file.as_path()),
        };
        Ok(Self(Some(Protection { tls: tls::client_config(file)?.into(), signer: signer.clone() })))
    }

    pub(super) async fn connect(&self, address: &str) -> Result<Connection, RequestError> {
        let failed = |source| RequestError::Connection { address: address.to_owned(), source };
        match timeout(CONNECT_TIMEOUT, self.open(address)).await {
            Ok(opened) => opened,
            Err(elapsed) => Err(failed(elapsed.into())),
        }
    }

    async fn open(&self, address: &str) -> Result<Connection, RequestError> {
        let failed = |source| RequestError::Connection { address: address.to_owned(), source };
        let tcp = TcpStream::connect(address).await.map_err(failed)?;
        // A request is one write.
        tcp.set_nodelay(true).map_err(failed)?;
        let connection =
            |stream: Box<dyn Stream>| Connection { address: address.to_owned(), stream, correlation_id: 0 };
        let Some(Protection { tls, signer }) = &self.0 else { return Ok(connection(Box::new(tcp))) };
        let name = ServerName::try_from(host(address).to_owned()).map_err(io::Error::other).map_err(failed)?;
        let mut connection = connection(Box::new(tls.connect(name, tcp).map_err(failed).await?));
        connection.authenticate(signer).await?;
        Ok(connection)
    }
}

/// The host of `host:port`. An IPv6 address has brackets there.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

impl Connection {
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Signs a new token for each connection: this is cheap, and an old token may have expired.
    async fn authenticate(&mut self, signer: &Signer) -> Result<(), RequestError> {
        #[expect(clippy::disallowed_methods, reason = "a token is signed when the client authenticates")]
        let token = iam::token(signer, std::time::SystemTime::now())?;
        self.call(&Request::sasl_handshake()).await?.sasl_handshake()?;
        let response = self.call(&Request::sasl_authenticate(&token.value)).await?;
        let address = || self.address.clone();
        response.sasl_authenticate()?.map_err(|reason| RequestError::Authentication { address: address(), reason })
    }

    /// Sends a request and waits for its response.
    ///
    /// # Cancellation
    /// Unusable afterwards: the response may still arrive.
    pub(super) async fn call(&mut self, request: &Request) -> Result<Response, RequestError> {
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let frame = self.exchange(&request.frame(self.correlation_id)).await;
        let frame = frame.map_err(|source| RequestError::Connection { address: self.address.clone(), source })?;
        Response::of_frame(frame.into(), self.correlation_id)
    }

    async fn exchange(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let length = usize::try_from(self.stream.read_i32().await?).map_err(io::Error::other)?;
        let mut frame = Vec::with_capacity(length.min(RESERVED_BYTES));
        (&mut self.stream).take(length as u64).read_to_end(&mut frame).await?;
        if frame.len() < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(frame) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_checked_for_the_host_alone() {
        for (address, name) in
            [("b-1.example:9098", "b-1.example"), ("[::1]:9098", "::1"), ("127.0.0.1:1", "127.0.0.1")]
        {
            assert_eq!(host(address), name);
            assert!(ServerName::try_from(host(address)).is_ok(), "{address}");
        }
    }
}
