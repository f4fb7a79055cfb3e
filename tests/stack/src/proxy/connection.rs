//! One connection through a proxy.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::{oneshot, watch},
    time::sleep,
};

use crate::proxy::End;

/// A Kafka request of the usual size in one go.
const BUFFER: usize = 64 * 1024;

pub(super) struct Connection {
    pub(super) client: TcpStream,
    pub(super) target: SocketAddr,
    pub(super) way: Way,
    pub(super) forgotten: watch::Receiver<u64>,
}

/// What becomes of bytes on their way.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) held: watch::Receiver<bool>,
    pub(super) delay: watch::Receiver<Duration>,
}

impl Connection {
    /// Moves bytes both ways until one side ends it, or `cut` does. The client sees the end that the server made.
    pub(super) async fn run(self, cut: oneshot::Receiver<End>) {
        let Self { mut client, target, way, mut forgotten } = self;
        tokio::pin!(cut);
        let end = tokio::select! {
            // A dropped sender is a dropped proxy, whose end is that of a server.
            cut = cut.as_mut() => cut.unwrap_or(End::Finish),
            // The client's side stays open and is not read any more; the server's is closed.
            Ok(()) = forgotten.changed() => cut.await.unwrap_or(End::Finish),
            moved = exchange(&mut client, target, way) => if moved.is_ok() { End::Finish } else { End::Reset },
        };
        // It may be gone already.
        drop(close(client, end).await);
    }
}

/// Both sides of our protocols end a connection whole, so the first end is the end of both ways.
async fn exchange(client: &mut TcpStream, target: SocketAddr, way: Way) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server = TcpStream::connect(target).await?;
    server.set_nodelay(true)?;
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    tokio::select! {
        moved = pump(client_reads, server_writes, way.clone()) => moved,
        moved = pump(server_reads, client_writes, way.clone()) => moved,
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    Way { mut held, delay }: Way,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = from.read(&mut buffer).await?;
        let time = *delay.borrow();
        if !time.is_zero() {
            sleep(time).await;
        }
        // What was read before it was held waits here, and an end too.
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
            // The kernel sends RST in place of FIN when something is left to be read.
            let mut rest = vec![0; BUFFER];
            while client.try_read(&mut rest)? > 0 {}
            Ok(())
        }
    }
}
