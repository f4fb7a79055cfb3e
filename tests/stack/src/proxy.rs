//! The network between a client and a component, for tests of network faults.
//!
//! It works on TCP: the kernel still acknowledges data of a stalled connection, no packets are lost, and delays apply
//! per buffer.

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
    proxy::connection::{Connection, Faults},
};

mod connection;

pub use connection::End;

/// The delay before accepting again when the process is out of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// A port of `localhost` that forwards to another one.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    target: SocketAddr,
    listeners: Mutex<Vec<JoinHandle<()>>>,
    shared: Arc<Shared>,
}

/// The state shared by a proxy's connections.
#[derive(Debug)]
struct Shared {
    held: watch::Sender<bool>,
    delay: watch::Sender<Duration>,
    /// Counts the calls of [`Proxy::forget`].
    forgotten: watch::Sender<u64>,
    made: watch::Sender<u64>,
    open: Mutex<Vec<(oneshot::Sender<End>, JoinHandle<()>)>>,
}

impl Proxy {
    /// Forwards to `target`, which need not listen yet.
    pub(crate) fn start(target: SocketAddr) -> Result<Self, StackError> {
        let port = free_port().map_err(StackError::io("looking for a port"))?;
        let shared = Shared {
            held: watch::Sender::new(false),
            delay: watch::Sender::new(Duration::ZERO),
            forgotten: watch::Sender::new(0),
            made: watch::Sender::new(0),
            open: Mutex::default(),
        };
        let proxy = Self { port, target, listeners: Mutex::default(), shared: Arc::new(shared) };
        proxy.listen()?;
        Ok(proxy)
    }

    /// The port on `localhost`, over IPv4 and, if available, IPv6: clients try both.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The number of connections accepted so far, including closed ones.
    #[must_use]
    pub fn made(&self) -> u64 {
        *self.shared.made.borrow()
    }

    /// Waits until `count` connections have been accepted.
    pub async fn until_made(&self, count: u64) {
        let mut made = self.shared.made.subscribe();
        // It fails only if the sender is dropped, which `self` holds.
        drop(made.wait_for(|made| *made >= count).await);
    }

    /// The number of open connections.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open().iter().filter(|(_, done)| !done.is_finished()).count()
    }

    /// Closes all connections, and waits until they are closed. New ones are accepted.
    pub async fn cut(&self, end: End) {
        let open: Vec<_> = self.shared.open().drain(..).collect();
        for (cut, done) in open {
            // Otherwise it has ended by itself.
            if cut.send(end).is_ok() {
                drop(done.await);
            }
        }
    }

    /// Closes the port. Open connections stay.
    pub async fn refuse(&self) {
        let listeners: Vec<_> = lock(&self.listeners).drain(..).collect();
        for listener in listeners {
            listener.abort();
            // The listener is closed when its task has ended.
            drop(listener.await);
        }
    }

    /// Silently stalls the open connections, as if a router lost their state. New ones work.
    pub fn forget(&self) {
        self.shared.forgotten.send_modify(|epoch| *epoch += 1);
    }

    /// Stalls all connections, new ones too, as if a router dropped every packet.
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Delays all data from now on, in both directions.
    pub fn delay(&self, time: Duration) {
        self.shared.delay.send_replace(time);
    }

    /// Ends all faults: accepts connections again and releases stalled data at once.
    ///
    /// # Errors
    /// When the port was taken meanwhile.
    pub fn pass(&self) -> Result<(), StackError> {
        self.shared.held.send_replace(false);
        self.shared.delay.send_replace(Duration::ZERO);
        if lock(&self.listeners).is_empty() { self.listen() } else { Ok(()) }
    }

    fn listen(&self) -> Result<(), StackError> {
        let failed = || StackError::io(format!("listening on port {}", self.port));
        let mut listeners = vec![open(Ipv4Addr::LOCALHOST.into(), self.port).map_err(failed())?];
        // Not every machine has IPv6.
        listeners.extend(open(Ipv6Addr::LOCALHOST.into(), self.port));
        let runtime = runtime().map_err(failed())?;
        let accepting = listeners
            .into_iter()
            .map(|listener| runtime.spawn(accept(listener, self.target, Arc::clone(&self.shared))));
        lock(&self.listeners).extend(accepting);
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for listener in lock(&self.listeners).drain(..) {
            listener.abort();
        }
        // Each connection notices the dropped sender.
        self.shared.open().clear();
    }
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Vec<(oneshot::Sender<End>, JoinHandle<()>)>> {
        lock(&self.open)
    }

    fn add(&self, client: TcpStream, target: SocketAddr) {
        let (cut, when_cut) = oneshot::channel();
        let mut open = self.open();
        open.retain(|(_, done)| !done.is_finished());
        let faults = Faults { held: self.held.subscribe(), delay: self.delay.subscribe() };
        let connection = Connection { client, target, faults, forgotten: self.forgotten.subscribe() };
        open.push((cut, tokio::spawn(connection.run(when_cut))));
        self.made.send_modify(|made| *made += 1);
    }
}

async fn accept(listener: StdListener, target: SocketAddr, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        match listener.accept().await {
            Ok((client, _)) => shared.add(client, target),
            Err(error) => {
                tracing::warn!(%error, "the proxy could not accept a connection");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

fn open(address: IpAddr, port: u16) -> io::Result<StdListener> {
    let listener = StdListener::bind((address, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A runtime for all proxies that lives as long as the process: a component serves several tests, and each test's own
/// runtime ends with it.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Result<Runtime, io::ErrorKind>> = OnceLock::new();
    let build = || Builder::new_multi_thread().worker_threads(1).thread_name("proxy").enable_all().build();
    let runtime = RUNTIME.get_or_init(|| build().map_err(|error| error.kind()));
    runtime.as_ref().map_err(|kind| (*kind).into())
}

#[cfg(test)]
mod tests;
