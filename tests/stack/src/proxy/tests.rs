use std::{io::ErrorKind, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

use crate::proxy::{End, Proxy};

/// An upper bound for everything that arrives at all.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// Long enough for a byte to cross the loopback device.
const SILENCE: Duration = Duration::from_millis(100);

/// Much longer than that.
const LATE: Duration = Duration::from_secs(1);

/// A proxy in front of an echo server.
async fn echo() -> Proxy {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(server.local_addr().unwrap()).unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = server.accept().await {
            tokio::spawn(async move {
                let (mut reads, mut writes) = client.split();
                drop(tokio::io::copy(&mut reads, &mut writes).await);
            });
        }
    });
    proxy
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("localhost", proxy.port())).await.unwrap()
}

async fn is_echoed(client: &mut TcpStream) -> bool {
    client.write_all(b"x").await.unwrap();
    let mut byte = [0];
    client.read_exact(&mut byte).await.is_ok() && byte == *b"x"
}

#[tokio::test]
async fn bytes_pass_and_connections_are_counted() {
    let proxy = echo().await;
    let (mut first, mut second) = (connect(&proxy).await, connect(&proxy).await);
    assert!(is_echoed(&mut first).await && is_echoed(&mut second).await);
    timeout(STEP_TIMEOUT, proxy.until_made(2)).await.unwrap();
    assert_eq!((proxy.made(), proxy.open()), (2, 2));
}

#[tokio::test]
async fn a_cut_ends_every_connection_in_the_given_way() {
    for (end, error) in [(End::Finish, None), (End::Reset, Some(ErrorKind::ConnectionReset))] {
        let proxy = echo().await;
        let mut client = connect(&proxy).await;
        assert!(is_echoed(&mut client).await);
        proxy.cut(end).await;
        assert_eq!(proxy.open(), 0);
        let read = timeout(STEP_TIMEOUT, client.read(&mut [0])).await.unwrap();
        assert_eq!(read.as_ref().err().map(std::io::Error::kind), error, "{end:?}: {read:?}");
        assert!(is_echoed(&mut connect(&proxy).await).await, "new connections are accepted");
    }
}

#[tokio::test]
async fn a_refusing_proxy_keeps_its_connections_and_accepts_none() {
    let proxy = echo().await;
    let mut client = connect(&proxy).await;
    assert!(is_echoed(&mut client).await);
    proxy.refuse().await;
    let refused = TcpStream::connect(("localhost", proxy.port())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(is_echoed(&mut client).await);
    proxy.pass().unwrap();
    assert!(is_echoed(&mut connect(&proxy).await).await);
}

#[tokio::test]
async fn stalled_data_arrives_when_the_stall_ends() {
    let proxy = echo().await;
    let mut old = connect(&proxy).await;
    assert!(is_echoed(&mut old).await);
    proxy.hold();
    let mut new = connect(&proxy).await;
    for client in [&mut old, &mut new] {
        client.write_all(b"x").await.unwrap();
        timeout(SILENCE, client.read(&mut [0])).await.unwrap_err();
    }
    proxy.pass().unwrap();
    for client in [&mut old, &mut new] {
        assert_eq!(timeout(STEP_TIMEOUT, client.read(&mut [0])).await.unwrap().unwrap(), 1);
    }
}

#[tokio::test]
async fn delayed_data_arrives_late_until_the_delay_ends() {
    let proxy = echo().await;
    let mut client = connect(&proxy).await;
    assert!(is_echoed(&mut client).await);
    proxy.delay(LATE);
    let sent = Instant::now();
    assert!(is_echoed(&mut client).await);
    assert!(sent.elapsed() >= 2 * LATE, "there and back: {:?}", sent.elapsed());
    proxy.pass().unwrap();
    let sent = Instant::now();
    assert!(is_echoed(&mut client).await);
    assert!(sent.elapsed() < 2 * LATE, "{:?}", sent.elapsed());
}

#[tokio::test]
async fn forgotten_connections_stay_silent_until_cut_and_new_ones_work() {
    let proxy = echo().await;
    let mut old = connect(&proxy).await;
    assert!(is_echoed(&mut old).await);
    proxy.forget();
    old.write_all(b"x").await.unwrap();
    timeout(SILENCE, old.read(&mut [0])).await.unwrap_err();
    assert!(is_echoed(&mut connect(&proxy).await).await);
    proxy.cut(End::Reset).await;
    assert!(timeout(STEP_TIMEOUT, old.read(&mut [0])).await.unwrap().is_err());
}

#[tokio::test]
async fn a_client_is_disconnected_when_the_target_is_down() {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = Proxy::start(target).unwrap();
    // The connection may be closed before it is used.
    let used = async { TcpStream::connect(("localhost", proxy.port())).await?.read(&mut [0]).await };
    assert_eq!(timeout(STEP_TIMEOUT, used).await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_proxy_outlives_the_runtime_in_which_it_was_made() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // A server on its own thread, so that only the proxy depends on the runtime.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = server.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut client in server.incoming().flatten() {
            let mut reads = client.try_clone().unwrap();
            std::thread::spawn(move || std::io::copy(&mut reads, &mut client));
        }
    });
    let proxy = runtime().block_on(async { Proxy::start(target).unwrap() });
    runtime().block_on(async { assert!(is_echoed(&mut connect(&proxy).await).await) });
}
