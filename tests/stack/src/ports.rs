//! Free ports.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below Linux's range for outgoing connections (32768 and up), one of which could hold the port of a component that
/// (re)starts.
const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// Concurrent test runs start this far apart.
const STRIDE: u32 = 97;

/// Returns a port of 127.0.0.1 without a listener, never the same one twice.
///
/// # Errors
/// When there is none.
pub fn free_port() -> io::Result<u16> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        if given >= COUNT {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let offset = process::id().wrapping_mul(STRIDE).wrapping_add(given) % COUNT;
        let port = u16::try_from(FIRST + offset).map_err(io::Error::other)?;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
}
