//! The minimal function: takes each event from the runtime interface and returns a constant.
//!
//! It uses only the standard library, so its figures are the cost of the emulator and the load generator.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
};

const ANSWER: &str = include_str!("echo/answer.json");

fn main() -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "only the standard library")]
    let address = env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(&address)?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        write!(stream, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
        let id = read(&mut reader)?;
        let path = format!("/2018-06-01/runtime/invocation/{id}/response");
        let length = ANSWER.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), ANSWER.as_bytes()].concat())?;
        read(&mut reader)?;
    }
}

/// Reads a response, and returns the request id in its headers, if any.
fn read(reader: &mut impl BufRead) -> io::Result<String> {
    let (mut id, mut length, mut chunked) = (String::new(), 0, false);
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else {
            // The status line has no colon either.
            if line.is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "transfer-encoding" => chunked = value.trim() == "chunked",
            "lambda-runtime-aws-request-id" => value.trim().clone_into(&mut id),
            _ => {}
        }
    }
    if !chunked {
        skip(reader, length)?;
        return Ok(id);
    }
    loop {
        let chunk = u64::from_str_radix(&line(reader)?, 16).map_err(io::Error::other)?;
        skip(reader, chunk + 2)?;
        if chunk == 0 {
            return Ok(id);
        }
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn skip(reader: &mut impl BufRead, bytes: u64) -> io::Result<()> {
    io::copy(&mut reader.take(bytes), &mut io::sink()).map(|_| ())
}
