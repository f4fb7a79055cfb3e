//! The packets of MySQL's log-in.
//!
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html>

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The first byte of a response.
pub(super) const OK: u8 = 0x00;
pub(super) const ERROR: u8 = 0xff;
const SWITCH: u8 = 0xfe;

/// Capability flags (`CLIENT_…`).
const CONNECT_WITH_DATABASE: u32 = 1 << 3;
const COMPRESS: u32 = 1 << 5;
const TLS: u32 = 1 << 11;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN: u32 = 1 << 19;
const ATTRIBUTES: u32 = 1 << 20;
const LONG_ANSWERS: u32 = 1 << 21;

/// The size of capabilities, largest packet, character set and filler, which precede the user's name. A TLS request has
/// nothing else.
const HEAD: usize = 32;

/// The plugin by which the front logs in.
const NATIVE_PASSWORD: &[u8] = b"mysql_native_password\0";

/// A packet with its sequence number within a command.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) number: u8,
    pub(super) payload: Vec<u8>,
}

impl Packet {
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let [a, b, c, number] = from.read_u32().await?.to_be_bytes();
        let mut payload = vec![0; u32::from_le_bytes([a, b, c, 0]) as usize];
        from.read_exact(&mut payload).await?;
        Ok(Self { number, payload })
    }

    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let length = u32::try_from(self.payload.len()).map_err(io::Error::other)?;
        let [a, b, c, 0] = length.to_le_bytes() else { return Err(io::ErrorKind::InvalidInput.into()) };
        to.write_all(&[&[a, b, c, self.number], self.payload.as_slice()].concat()).await?;
        to.flush().await
    }

    /// Builds the response to this packet.
    pub(super) fn answer(&self, payload: Vec<u8>) -> Self {
        Self { number: self.number.wrapping_add(1), payload }
    }

    /// Returns whether the response is of this kind: [`OK`], [`ERROR`] or another.
    pub(super) fn is(&self, kind: u8) -> bool {
        self.payload.first() == Some(&kind)
    }

    /// Returns whether the client requests TLS.
    pub(super) fn requests_tls(&self) -> bool {
        self.payload.len() == HEAD && capabilities(&self.payload) & TLS != 0
    }

    /// Returns the error code, if this is an error.
    pub(super) fn error_code(&self) -> Option<u16> {
        match self.payload.as_slice() {
            [ERROR, a, b, ..] => Some(u16::from_le_bytes([*a, *b])),
            _ => None,
        }
    }
}

fn capabilities(payload: &[u8]) -> u32 {
    payload.first_chunk().copied().map_or(0, u32::from_le_bytes)
}

/// Builds an error with its code and SQL state.
pub(super) fn error(code: u16, state: &str, message: &str) -> Vec<u8> {
    [&[ERROR], code.to_le_bytes().as_slice(), b"#", state.as_bytes(), message.as_bytes()].concat()
}

/// Builds the request to send the password in clear text.
pub(super) fn request_clear_text() -> Vec<u8> {
    [&[SWITCH], b"mysql_clear_password\0".as_slice()].concat()
}

/// The server's first packet.
pub(super) struct Greeting<'a>(pub(super) &'a mut Vec<u8>);

impl Greeting<'_> {
    /// Returns the end of the version text, the first field of variable length.
    fn version_end(&self) -> Option<usize> {
        self.0.iter().skip(1).position(|byte| *byte == 0).map(|end| end + 2)
    }

    /// Removes compression from the server's capabilities, because statements are inspected on their way.
    pub(super) fn without_compression(&mut self) -> Option<()> {
        let low = self.version_end()? + 4 + 8 + 1;
        let byte = self.0.get_mut(low)?;
        *byte &= !u8::try_from(COMPRESS).ok()?;
        Some(())
    }

    /// Returns the 20 random bytes that the response has to include.
    pub(super) fn scramble(&self) -> Option<[u8; 20]> {
        let first = self.version_end()? + 4;
        let second = first + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10;
        let bytes = [self.0.get(first..first + 8)?, self.0.get(second..second + 12)?].concat();
        bytes.try_into().ok()
    }
}

/// The client's log-in request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login {
    head: Vec<u8>,
    pub(super) user: String,
    database: Option<Vec<u8>>,
}

impl Login {
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let (head, rest) = payload.split_at_checked(HEAD)?;
        let capabilities = capabilities(head);
        let (user, rest) = until_zero(rest)?;
        let rest = if capabilities & (LONG_ANSWERS | SECURE_CONNECTION) == 0 {
            until_zero(rest)?.1
        } else {
            // A length over 250 would start with 0xfc; no client's first response is that long.
            let (length, rest) = rest.split_first()?;
            rest.get(usize::from(*length)..)?
        };
        let database = match capabilities & CONNECT_WITH_DATABASE {
            0 => None,
            _ => Some(until_zero(rest)?.0.to_owned()),
        };
        Some(Self { head: head.to_owned(), user: String::from_utf8(user.to_owned()).ok()?, database })
    }

    /// Returns the same log-in with another authentication response.
    pub(super) fn with_answer(&self, answer: [u8; 20]) -> Vec<u8> {
        let capabilities = capabilities(&self.head) & !(ATTRIBUTES | LONG_ANSWERS) | SECURE_CONNECTION | PLUGIN;
        let mut payload = capabilities.to_le_bytes().to_vec();
        payload.extend_from_slice(&self.head[4..]);
        payload.extend_from_slice(self.user.as_bytes());
        payload.extend_from_slice(&[0, 20]);
        payload.extend_from_slice(&answer);
        if let Some(database) = &self.database {
            payload.extend_from_slice(database);
            payload.push(0);
        }
        payload.extend_from_slice(NATIVE_PASSWORD);
        payload
    }
}

fn until_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}
