//! The network between a client and a part, for tests of what becomes of a client when the network fails it.
//!
//! It works on TCP: a connection that is held is still acknowledged by the kernel, packets are not lost, and what is delayed is
//! delayed a buffer at a time.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::{oneshot, watch},
    task::JoinHandle,
    time::sleep,
};

use crate::{
    StackError,
    ports::free_port,
    proxy::connection::{Connection, Way},
};

mod connection;

/// When the process has no file left for a connection.
const BEFORE_ACCEPTING_AGAIN: Duration = Duration::from_millis(50);

/// A port of `localhost` that leads to another one, until it is told otherwise.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    target: SocketAddr,
    doors: Mutex<Vec<JoinHandle<()>>>,
    inside: Arc<Inside>,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As when a server closes it: FIN.
    Finish,
    /// As when a machine on the way forgot it: RST.
    Reset,
}

/// What the connections of a proxy share.
#[derive(Debug)]
struct Inside {
    held: watch::Sender<bool>,
    delay: watch::Sender<Duration>,
    /// Counts the times that connections were forgotten.
    forgotten: watch::Sender<u64>,
    made: watch::Sender<u64>,
    open: Mutex<Vec<(oneshot::Sender<End>, JoinHandle<()>)>>,
}

impl Proxy {
    /// Leads to `target`, which need not listen yet.
    pub(crate) fn start(target: SocketAddr) -> Result<Self, StackError> {
        let port = free_port().map_err(StackError::io("looking for a port"))?;
        let inside = Inside {
            held: watch::Sender::new(false),
            delay: watch::Sender::new(Duration::ZERO),
            forgotten: watch::Sender::new(0),
            made: watch::Sender::new(0),
            open: Mutex::default(),
        };
        let proxy = Self { port, target, doors: Mutex::default(), inside: Arc::new(inside) };
        proxy.listen()?;
        Ok(proxy)
    }

    /// Where it listens, on `localhost` by IPv4 and, where there is one, by IPv6: clients try both.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The connections that were made so far, the ended ones included.
    #[must_use]
    pub fn made(&self) -> u64 {
        *self.inside.made.borrow()
    }

    /// Waits until so many connections were made.
    pub async fn until_made(&self, count: u64) {
        let mut made = self.inside.made.subscribe();
        // It fails only when the sender is gone, which lives as long as we do.
        drop(made.wait_for(|made| *made >= count).await);
    }

    /// The connections that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.inside.open().iter().filter(|(_, done)| !done.is_finished()).count()
    }

    /// Ends all connections, and returns when they are ended. New ones are made as before.
    pub async fn cut(&self, end: End) {
        let open: Vec<_> = self.inside.open().drain(..).collect();
        for (cut, done) in open {
            // Else it has ended by itself.
            if cut.send(end).is_ok() {
                drop(done.await);
            }
        }
    }

    /// Makes no connection from now on: the port is closed. Those that are open stay.
    pub async fn refuse(&self) {
        let doors: Vec<_> = lock(&self.doors).drain(..).collect();
        for door in doors {
            door.abort();
            // The listener is closed when its task is gone.
            drop(door.await);
        }
    }

    /// Moves no byte on the connections that are open now, as when a machine on the way forgot them without a word. New ones
    /// are made as before.
    pub fn forget(&self) {
        self.inside.forgotten.send_modify(|epoch| *epoch += 1);
    }

    /// Moves no byte from now on, on no connection, and lets new ones wait just so: as when a machine on the way drops
    /// everything.
    pub fn hold(&self) {
        self.inside.held.send_replace(true);
    }

    /// Has what comes from now on wait for so long, either way.
    pub fn delay(&self, time: Duration) {
        self.inside.delay.send_replace(time);
    }

    /// Makes connections again and lets pass what waits, at once.
    ///
    /// # Errors
    /// When the port was taken meanwhile.
    pub fn pass(&self) -> Result<(), StackError> {
        self.inside.held.send_replace(false);
        self.inside.delay.send_replace(Duration::ZERO);
        if lock(&self.doors).is_empty() { self.listen() } else { Ok(()) }
    }

    fn listen(&self) -> Result<(), StackError> {
        let failed = || StackError::io(format!("listening on port {}", self.port));
        let mut doors = vec![open(Ipv4Addr::LOCALHOST.into(), self.port).map_err(failed())?];
        // Not every machine has IPv6.
        doors.extend(open(Ipv6Addr::LOCALHOST.into(), self.port));
        let runtime = runtime().map_err(failed())?;
        let accepting =
            doors.into_iter().map(|door| runtime.spawn(accept(door, self.target, Arc::clone(&self.inside))));
        lock(&self.doors).extend(accepting);
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for door in lock(&self.doors).drain(..) {
            door.abort();
        }
        // Each connection sees that its sender is gone.
        self.inside.open().clear();
    }
}

impl Inside {
    fn open(&self) -> MutexGuard<'_, Vec<(oneshot::Sender<End>, JoinHandle<()>)>> {
        lock(&self.open)
    }

    fn add(&self, client: TcpStream, target: SocketAddr) {
        let (cut, when_cut) = oneshot::channel();
        let mut open = self.open();
        open.retain(|(_, done)| !done.is_finished());
        let way = Way { held: self.held.subscribe(), delay: self.delay.subscribe() };
        let connection = Connection { client, target, way, forgotten: self.forgotten.subscribe() };
        open.push((cut, tokio::spawn(connection.run(when_cut))));
        self.made.send_modify(|made| *made += 1);
    }
}

async fn accept(door: StdListener, target: SocketAddr, inside: Arc<Inside>) {
    let Ok(door) = TcpListener::from_std(door) else { return };
    loop {
        match door.accept().await {
            Ok((client, _)) => inside.add(client, target),
            Err(error) => {
                tracing::warn!(%error, "the proxy accepts no connection");
                sleep(BEFORE_ACCEPTING_AGAIN).await;
            }
        }
    }
}

fn open(address: IpAddr, port: u16) -> io::Result<StdListener> {
    let door = StdListener::bind((address, port))?;
    door.set_nonblocking(true)?;
    Ok(door)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One for all proxies and as long as the process lives: a part serves more than one test, and each test has a runtime of its
/// own that ends with it.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Result<Runtime, io::ErrorKind>> = OnceLock::new();
    let build = || Builder::new_multi_thread().worker_threads(1).thread_name("proxy").enable_all().build();
    let runtime = RUNTIME.get_or_init(|| build().map_err(|error| error.kind()));
    runtime.as_ref().map_err(|kind| (*kind).into())
}

#[cfg(test)]
mod tests;
