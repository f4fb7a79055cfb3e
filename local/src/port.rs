//! The address of the HTTP API, and who holds it if it is taken.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener as BlockingListener},
    path::Path,
};

use listeners::{Protocol, SocketState};
use tokio::net::TcpListener;

use crate::error::StartError;

/// The ports after the taken one that are tried.
const TRIED: u16 = 100;

/// Listens on `address`, and returns the port that the system chose for port 0.
pub(crate) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = TcpListener::bind(address).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
    match listener {
        Ok((bound, listener)) => Ok((listener, bound)),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let holder = holder(address).unwrap_or_else(|| "another process".to_owned());
            let advice = next_free(address).map_or_else(
                || "choose another address, or port 0 for any free port".to_owned(),
                |free| format!("--listen {free} is free"),
            );
            Err(StartError::PortInUse { address, holder, advice })
        }
        Err(source) => Err(StartError::Listen { address, source }),
    }
}

/// Returns name and id of the process that listens there. `None` if it belongs to another user.
fn holder(address: SocketAddr) -> Option<String> {
    let listeners = listeners::get_all().ok()?;
    let holder = listeners.into_iter().find(|listener| {
        let (taken, wanted) = (listener.socket.ip(), address.ip());
        (listener.protocol, listener.state) == (Protocol::TCP, SocketState::Listen)
            && listener.socket.port() == address.port()
            && (taken == wanted || taken.is_unspecified() || wanted.is_unspecified())
    })?;
    // Linux cuts the name after 15 bytes.
    let process = holder.process;
    let name = Path::new(&process.path).file_name().map_or(process.name.into(), |name| name.to_string_lossy());
    Some(format!("{name} (process {})", process.pid))
}

fn next_free(address: SocketAddr) -> Option<SocketAddr> {
    let first = address.port().checked_add(1)?;
    let ports = first..=first.saturating_add(TRIED);
    ports.map(|port| SocketAddr::new(address.ip(), port)).find(|&address| BlockingListener::bind(address).is_ok())
}
