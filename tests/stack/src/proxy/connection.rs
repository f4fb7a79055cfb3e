//! One connection through a proxy.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::{oneshot, watch},
    time::sleep,
};

/// Fits a Kafka request of the usual size.
const BUFFER: usize = 64 * 1024;

/// The ways to end a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// FIN, as from a server that closes.
    Finish,
    /// RST, as from a router that lost its state.
    Reset,
}

pub(super) struct Connection {
    pub(super) client: TcpStream,
    pub(super) target: SocketAddr,
    pub(super) faults: Faults,
    pub(super) forgotten: watch::Receiver<u64>,
}

/// The faults that apply to a connection's data.
#[derive(Clone)]
pub(super) struct Faults {
    pub(super) held: watch::Receiver<bool>,
    pub(super) delay: watch::Receiver<Duration>,
}

impl Connection {
    /// Forwards both ways until one side closes or `cut` fires. The client sees the server's kind of close.
    pub(super) async fn run(self, cut: oneshot::Receiver<End>) {
        let Self { mut client, target, faults, mut forgotten } = self;
        tokio::pin!(cut);
        let end = tokio::select! {
            // A dropped sender means a dropped proxy, which closes like a server.
            cut = cut.as_mut() => cut.unwrap_or(End::Finish),
            // The client's side stays open without being read; the server's is closed.
            Ok(()) = forgotten.changed() => cut.await.unwrap_or(End::Finish),
            moved = exchange(&mut client, target, faults) => if moved.is_ok() { End::Finish } else { End::Reset },
        };
        // It may be closed already.
        drop(close(client, end).await);
    }
}

/// Both peers of our protocols close a connection as a whole, so the first close ends both directions.
async fn exchange(client: &mut TcpStream, target: SocketAddr, faults: Faults) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server = TcpStream::connect(target).await?;
    server.set_nodelay(true)?;
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    tokio::select! {
        moved = pump(client_reads, server_writes, faults.clone()) => moved,
        moved = pump(server_reads, client_writes, faults.clone()) => moved,
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    Faults { mut held, delay }: Faults,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = from.read(&mut buffer).await?;
        let time = *delay.borrow();
        if !time.is_zero() {
            sleep(time).await;
        }
        // Data and an end that were read before the stall wait here.
        held.wait_for(|held| !held).await.map_err(io::Error::other)?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count]).await?;
    }
}

async fn close(mut client: TcpStream, end: End) -> io::Result<()> {
    match end {
        End::Reset => client.set_zero_linger(),
        End::Finish => {
            client.shutdown().await?;
            // The kernel sends RST instead of FIN if unread data is left.
            let mut rest = vec![0; BUFFER];
            while client.try_read(&mut rest)? > 0 {}
            Ok(())
        }
    }
}
