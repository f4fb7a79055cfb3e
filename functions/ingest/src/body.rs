//! Reading of request bodies within limits of size and time, with gzip inflated.

use std::{future::Future, io::Read};

use bytes::{Buf, Bytes};
use flate2::bufread::GzDecoder;
use tokio::time::timeout_at;

use crate::{
    advice::BYTE_ORDER_MARK,
    error::Error,
    limits::{Deadline, MAX_BODY_BYTES},
};

/// The most gzip members of a body. Clients send one.
const MAX_GZIP_MEMBERS: usize = 100;

/// The first bytes of gzip. No JSON begins with them.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A request's body, which may still be on its way.
pub(crate) trait RequestBody: Send {
    /// Reads the whole body. One above [`MAX_BODY_BYTES`] is read on for a while before it is an error.
    fn collect(self) -> impl Future<Output = Result<Bytes, Error>> + Send;

    /// Reads and discards the body, up to a limit.
    fn discard(self) -> impl Future<Output = ()> + Send;
}

/// A body that Lambda has received.
impl RequestBody for Bytes {
    async fn collect(self) -> Result<Bytes, Error> {
        if self.len() > MAX_BODY_BYTES { Err(Error::BodyTooLarge) } else { Ok(self) }
    }

    async fn discard(self) {}
}

/// Reads the body and inflates it. Detects gzip by its first bytes, not by `Content-Encoding`: API Gateway may have inflated
/// the body and left the header.
pub(crate) async fn read(body: impl RequestBody, deadline: Deadline) -> Result<Bytes, Error> {
    let bytes = match timeout_at(deadline.0, body.collect()).await {
        Ok(bytes) => bytes?,
        Err(_) => return Err(Error::BodyTimeout),
    };
    let bytes = if is_gzip(&bytes) { inflate(&bytes)? } else { bytes };
    Ok(without_mark(bytes))
}

/// Returns whether `bytes` start with gzip's magic number, so that reading the body inflates it.
#[must_use]
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP_MAGIC)
}

/// Removes a byte order mark, which Windows editors write and a JSON parser may skip (RFC 8259, section 8.1).
fn without_mark(mut bytes: Bytes) -> Bytes {
    if bytes.starts_with(BYTE_ORDER_MARK.as_bytes()) {
        bytes.advance(BYTE_ORDER_MARK.len());
    }
    bytes
}

/// Reads and discards a body, because a client that is still sending does not read its response.
pub(crate) async fn discard(body: impl RequestBody, deadline: Deadline) {
    drop(timeout_at(deadline.0, body.discard()).await);
}

fn inflate(mut bytes: &[u8]) -> Result<Bytes, Error> {
    let mut inflated = Vec::new();
    let mut members = 0;
    while !bytes.is_empty() {
        // The size limit does not bound empty members, each of which costs a decoder.
        members += 1;
        if members > MAX_GZIP_MEMBERS {
            return Err(Error::NotGzip(std::io::Error::other("too many members")));
        }
        let mut decoder = GzDecoder::new(bytes);
        // One byte above the limit shows that there is more.
        let remaining = MAX_BODY_BYTES + 1 - inflated.len();
        decoder.by_ref().take(remaining as u64).read_to_end(&mut inflated).map_err(Error::NotGzip)?;
        if inflated.len() > MAX_BODY_BYTES {
            return Err(Error::BodyTooLarge);
        }
        bytes = decoder.into_inner();
    }
    Ok(inflated.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::body::Body;
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn code(body: Vec<u8>) -> Result<usize, u32> {
        read(Body::from(body), Deadline::default_for_request())
            .await
            .map(|bytes| bytes.len())
            .map_err(|error| error.code())
    }

    #[tokio::test]
    async fn a_body_is_bounded_before_and_after_inflation() {
        assert_eq!(code(vec![b' '; MAX_BODY_BYTES]).await, Ok(MAX_BODY_BYTES));
        assert_eq!(code(vec![b' '; MAX_BODY_BYTES + 1]).await, Err(413));
        assert_eq!(code(gzip(&vec![b' '; MAX_BODY_BYTES])).await, Ok(MAX_BODY_BYTES));
        assert_eq!(code(gzip(&vec![b' '; MAX_BODY_BYTES + 1])).await, Err(413));
    }

    #[tokio::test]
    async fn frames_and_gzip_members_are_joined_to_one_body() {
        let frames = ["{\"a\"", ":", "1}"].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
        let body = Body::new(http_body_util::StreamBody::new(frame_stream(frames)));
        assert_eq!(read(body, Deadline::default_for_request()).await.unwrap(), "{\"a\":1}");
        assert_eq!(
            read(Body::from([gzip(b"{\"a\""), gzip(b":1}")].concat()), Deadline::default_for_request()).await.unwrap(),
            "{\"a\":1}"
        );
    }

    fn frame_stream(
        pieces: [Result<Bytes, std::io::Error>; 3],
    ) -> impl futures::Stream<Item = Result<http_body::Frame<Bytes>, std::io::Error>> {
        futures::stream::iter(pieces.map(|piece| piece.map(http_body::Frame::data)))
    }

    #[tokio::test]
    async fn only_one_byte_order_mark_at_the_start_is_skipped() {
        for (body, read_as) in [
            ("\u{feff}{}", "{}"),
            ("\u{feff}\u{feff}{}", "\u{feff}{}"),
            (" \u{feff}{}", " \u{feff}{}"),
            ("\u{feff}", ""),
        ] {
            for sent in [body.as_bytes().to_vec(), gzip(body.as_bytes())] {
                assert_eq!(read(Body::from(sent), Deadline::default_for_request()).await.unwrap(), read_as, "{body:?}");
            }
        }
    }

    #[tokio::test]
    async fn gzip_with_too_many_members_is_rejected() {
        assert_eq!(code(gzip(b" ").repeat(MAX_GZIP_MEMBERS)).await, Ok(MAX_GZIP_MEMBERS));
        assert_eq!(code(gzip(b"").repeat(MAX_GZIP_MEMBERS + 1)).await, Err(400));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_misses_its_deadline_is_a_408() {
        let body = Body::new(http_body_util::StreamBody::new(futures::stream::pending::<
            Result<http_body::Frame<Bytes>, std::io::Error>,
        >()));
        assert_eq!(read(body, Deadline::default_for_request()).await.unwrap_err().code(), 408);
    }

    #[tokio::test]
    async fn truncated_gzip_is_rejected() {
        let whole = gzip(b"{\"records\":[]}");
        assert_eq!(code(whole[..whole.len() - 9].to_vec()).await, Err(400));
        assert_eq!(code(GZIP_MAGIC.to_vec()).await, Err(400));
    }
}
