//! The few requests of Kafka's protocol that administration needs, in versions that 3.9 and 4 both support and that
//! have a simple encoding: <https://kafka.apache.org/protocol>.
//!
//! The workspace's clients either lack access control lists (rskafka) or need a C library (librdkafka); the broker's
//! own command takes a second per call.

use std::{io, net::SocketAddr, time::Duration};

use bytes::{Buf, BufMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// The time limit for a response.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A request's API key and version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Api {
    pub(super) key: i16,
    pub(super) version: i16,
}

/// Sends one request on a new connection.
pub(super) async fn call(server: SocketAddr, api: Api, request: Request) -> io::Result<Response> {
    let exchange = async {
        let mut connection = TcpStream::connect(server).await?;
        // The correlation id matters only with several requests in flight; the client id is arbitrary.
        let header = Request::default().i16(api.key).i16(api.version).i32(0).text(Some("stack"));
        let size = length(header.0.len() + request.0.len());
        connection.write_all(&[&size.to_be_bytes()[..], &header.0, &request.0].concat()).await?;
        let size = connection.read_i32().await?;
        let mut response = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        connection.read_exact(&mut response).await?;
        let mut response = Response(response.into());
        response.i32()?;
        Ok(response)
    };
    timeout(CALL_TIMEOUT, exchange).await.map_err(io::Error::other)?
}

/// Converts the length of data built here.
fn length(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// A request, written field by field.
#[derive(Debug, Default)]
pub(super) struct Request(Vec<u8>);

impl Request {
    pub(super) fn i8(mut self, value: i8) -> Self {
        self.0.put_i8(value);
        self
    }

    pub(super) fn i16(mut self, value: i16) -> Self {
        self.0.put_i16(value);
        self
    }

    pub(super) fn i32(mut self, value: i32) -> Self {
        self.0.put_i32(value);
        self
    }

    pub(super) fn text(self, text: Option<&str>) -> Self {
        let Some(text) = text else { return self.i16(-1) };
        let mut written = self.i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
        written.0.put_slice(text.as_bytes());
        written
    }

    pub(super) fn list<T>(self, items: impl ExactSizeIterator<Item = T>, item: impl Fn(Self, T) -> Self) -> Self {
        let counted = self.i32(length(items.len()));
        items.fold(counted, item)
    }
}

/// A response, read field by field.
#[derive(Debug)]
pub(super) struct Response(bytes::Bytes);

impl Response {
    pub(super) fn i8(&mut self) -> io::Result<i8> {
        self.0.try_get_i8().map_err(io::Error::other)
    }

    pub(super) fn i16(&mut self) -> io::Result<i16> {
        self.0.try_get_i16().map_err(io::Error::other)
    }

    pub(super) fn i32(&mut self) -> io::Result<i32> {
        self.0.try_get_i32().map_err(io::Error::other)
    }

    pub(super) fn text(&mut self) -> io::Result<Option<String>> {
        let Ok(length) = usize::try_from(self.i16()?) else { return Ok(None) };
        if length > self.0.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        String::from_utf8(self.0.split_to(length).into()).map(Some).map_err(io::Error::other)
    }

    pub(super) fn list<T>(&mut self, item: impl Fn(&mut Self) -> io::Result<T>) -> io::Result<Vec<T>> {
        let count = self.i32()?;
        (0..count).map(|_| item(self)).collect()
    }
}
