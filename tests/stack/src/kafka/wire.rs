//! As much of Kafka's protocol as a cluster's owner needs here, in versions that 3.9 and 4 both speak and that are plain to
//! write: <https://kafka.apache.org/protocol>.
//!
//! The clients in the tree know no access control lists (rskafka), or cannot be had without a C library (librdkafka); the
//! broker's own command takes a second a call.

use std::{io, net::SocketAddr, time::Duration};

use bytes::{Buf, BufMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A broker that answers nothing for so long is none.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request's kind and version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Api {
    pub(super) key: i16,
    pub(super) version: i16,
}

/// Sends one request on a connection of its own.
pub(super) async fn call(server: SocketAddr, api: Api, request: Request) -> io::Result<Response> {
    let exchange = async {
        let mut connection = TcpStream::connect(server).await?;
        // The correlation id is for those who send more than one; the client's name may be anything.
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
    timeout(PATIENCE, exchange).await.map_err(io::Error::other)?
}

/// The length of something that we made ourselves.
fn length(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// What is sent, written field by field.
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

/// What came back, read field by field.
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
