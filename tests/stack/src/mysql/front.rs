//! RDS's IAM log-in in front of MariaDB, which has no plugin that asks for a clear-text password without root.
//!
//! It terminates the client's TLS, asks users created for IAM to send the token in clear text, verifies the whole
//! token, and connects the client to MariaDB. All other users log in to MariaDB itself; their packets only pass
//! through. So it proves the client's side: TLS first, the switch to clear text, and every field of the token. It does
//! not prove RDS's evaluation of a policy (`rds-db:connect`), nor MySQL's plugin; `SHOW CREATE USER` shows MariaDB's
//! instead.

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use tokio::{
    io::{AsyncRead, AsyncWrite, copy, split},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use super::{
    HOST, MySql,
    packet::{self, ERROR, Greeting, Login, OK, Packet},
    tls::{acceptor, connector},
    token::{self, hex},
};
use crate::{StackError, ports::free_port};

/// `ER_ACCESS_DENIED_ERROR` and `ER_SECURE_TRANSPORT_REQUIRED`, with their SQL states.
const DENIED: (u16, &str) = (1045, "28000");
const TLS_REQUIRED: (u16, &str) = (3159, "HY000");

/// RDS's name of its plugin, and its argument in a statement.
const PLUGIN: &[u8] = b"AWSAuthenticationPlugin";
const PLUGIN_ARGUMENT: &[u8] = b"'RDS'";

/// The commands that carry a statement.
const QUERY: u8 = 0x03;
const PREPARE: u8 = 0x16;

/// The credentials that may log in by IAM.
#[derive(Clone)]
pub struct Identity {
    /// The access key.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
    /// The session token of temporary credentials, such as Lambda's.
    pub session_token: Option<String>,
    /// The database's region.
    pub region: String,
}

/// Hides the secrets.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// An RDS instance that accepts IAM tokens. Users created through it by `CREATE USER … IDENTIFIED WITH
/// AWSAuthenticationPlugin AS 'RDS'` log in by token only. It accepts no connection without TLS.
#[derive(Debug)]
pub struct RdsFront {
    port: u16,
    refusals: Arc<Mutex<Vec<token::Refusal>>>,
    server: JoinHandle<()>,
}

impl RdsFront {
    /// Starts the front of a database.
    ///
    /// # Errors
    /// When the certificate cannot be read or no port is free.
    pub async fn start(mysql: &MySql, identity: Identity) -> Result<Self, StackError> {
        let failed = || StackError::io("starting the front of MySQL");
        let port = free_port().map_err(failed())?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed())?;
        let refusals = Arc::default();
        let shared = Shared {
            address: format!("{HOST}:{port}"),
            server_port: mysql.port,
            identity,
            secret: rand::random(),
            acceptor: acceptor(&mysql.certificate).map_err(failed())?,
            connector: connector(mysql.ca_file()).map_err(failed())?,
            refusals: Arc::clone(&refusals),
        };
        Ok(Self { port, refusals, server: tokio::spawn(serve(listener, Arc::new(shared))) })
    }

    /// The name in its certificate and in its tokens.
    #[must_use]
    pub fn host(&self) -> &'static str {
        HOST
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The reasons for refused tokens, in order. Clients get only an access-denied error.
    #[must_use]
    pub fn refusals(&self) -> Vec<token::Refusal> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Ends the connections too.
impl Drop for RdsFront {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The state shared by all connections.
struct Shared {
    /// Host and port, as in a token.
    address: String,
    server_port: u16,
    identity: Identity,
    /// The password of users created for IAM, known only to the front.
    secret: [u8; 32],
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    refusals: Arc<Mutex<Vec<token::Refusal>>>,
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                let shared = Arc::clone(&shared);
                clients.spawn(async move {
                    if let Err(error) = shared.serve(client).await {
                        tracing::debug!(%error, "a connection to mysql ended");
                    }
                });
            }
            Some(_) = clients.join_next() => {}
        }
    }
}

impl Shared {
    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let (server, mut greeting) = self.greeted().await?;
        Greeting(&mut greeting.payload).without_compression().ok_or_else(malformed)?;
        greeting.write(&mut client).await?;
        let request = Packet::read(&mut client).await?;
        if !request.requests_tls() {
            let (code, state) = TLS_REQUIRED;
            let text = "Connections using insecure transport are prohibited while --require_secure_transport=ON.";
            return request.answer(packet::error(code, state, text)).write(&mut client).await;
        }
        let mut client = self.acceptor.accept(client).await?;
        let response = Packet::read(&mut client).await?;
        let login = Login::parse(&response.payload).ok_or_else(malformed)?;
        if let Some((answer, server)) = self.log_in_for(&login, &request).await? {
            return self.log_in_by_token(client, &response, &login, answer, server).await;
        }
        let mut server = self.encrypted(server, &request).await?;
        if relay_password_log_in(&mut client, response, &mut server).await? {
            self.relay(client, server).await?;
        }
        Ok(())
    }

    /// Opens a connection to MariaDB and reads its greeting.
    async fn greeted(&self) -> io::Result<(TcpStream, Packet)> {
        let mut server = TcpStream::connect(("127.0.0.1", self.server_port)).await?;
        let greeting = Packet::read(&mut server).await?;
        Ok((server, greeting))
    }

    /// Starts TLS with MariaDB, repeating the client's request.
    async fn encrypted(&self, mut server: TcpStream, request: &Packet) -> io::Result<TlsStream<TcpStream>> {
        request.write(&mut server).await?;
        let name = ServerName::try_from(HOST).map_err(io::Error::other)?;
        self.connector.connect(name, server).await
    }

    /// Logs in with the common password of users created for IAM. Returns `None` for other users, whom MariaDB refuses.
    async fn log_in_for(&self, login: &Login, request: &Packet) -> io::Result<Option<(Packet, TlsStream<TcpStream>)>> {
        let (server, mut greeting) = self.greeted().await?;
        let scramble = Greeting(&mut greeting.payload).scramble().ok_or_else(malformed)?;
        let mut server = self.encrypted(server, request).await?;
        request.answer(login.with_answer(self.answer_to(&scramble))).write(&mut server).await?;
        let answer = Packet::read(&mut server).await?;
        let denied = answer.error_code() == Some(DENIED.0);
        Ok(((answer.is(OK) || answer.is(ERROR)) && !denied).then_some((answer, server)))
    }

    /// Computes `mysql_native_password`: SHA1(password) xor SHA1(scramble + SHA1(SHA1(password))).
    fn answer_to(&self, scramble: &[u8; 20]) -> [u8; 20] {
        let once = sha1(&self.secret);
        let mask = sha1(&[scramble.as_slice(), &sha1(&once)].concat());
        std::array::from_fn(|i| once[i] ^ mask[i])
    }

    async fn log_in_by_token<C: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut client: C,
        response: &Packet,
        login: &Login,
        answer: Packet,
        server: TlsStream<TcpStream>,
    ) -> io::Result<()> {
        response.answer(packet::request_clear_text()).write(&mut client).await?;
        let sent = Packet::read(&mut client).await?;
        let token = String::from_utf8_lossy(sent.payload.strip_suffix(&[0]).unwrap_or(&sent.payload));
        #[expect(clippy::disallowed_methods, reason = "a server reads its own clock")]
        let checked = token::check(&token, &self.address, &login.user, &self.identity, SystemTime::now());
        if let Err(refusal) = checked {
            tracing::info!(%refusal, user = login.user, "IAM token refused");
            self.refusals.lock().unwrap_or_else(PoisonError::into_inner).push(refusal);
            let (code, state) = DENIED;
            let text = format!("Access denied for user '{}'@'127.0.0.1' (using password: YES)", login.user);
            return sent.answer(packet::error(code, state, &text)).write(&mut client).await;
        }
        // MariaDB's response to the front, which may be an error such as an unknown database.
        let accepted = answer.is(OK);
        sent.answer(answer.payload).write(&mut client).await?;
        if accepted { self.relay(client, server).await } else { Ok(()) }
    }

    /// Relays both directions until one side ends.
    async fn relay<C, S>(&self, client: C, server: S) -> io::Result<()>
    where
        C: AsyncRead + AsyncWrite,
        S: AsyncRead + AsyncWrite,
    {
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (split(client), split(server));
        let commands = async {
            loop {
                let mut packet = Packet::read(&mut from_client).await?;
                self.translate(&mut packet.payload);
                packet.write(&mut to_server).await?;
            }
        };
        tokio::select! {
            ended = commands => ended,
            ended = copy(&mut from_server, &mut to_client) => ended.map(drop),
        }
    }

    /// Translates RDS's `IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'` for MariaDB.
    fn translate(&self, command: &mut Vec<u8>) {
        if !matches!(command.first(), Some(&(QUERY | PREPARE))) {
            return;
        }
        let Some(at) = position(command, PLUGIN) else { return };
        let Some(argument) = position(&command[at..], PLUGIN_ARGUMENT) else { return };
        let hash = format!("'*{}'", hex(&sha1(&sha1(&self.secret))).to_uppercase());
        command.splice(at + argument..at + argument + PLUGIN_ARGUMENT.len(), hash.into_bytes());
        command.splice(at..at + PLUGIN.len(), *b"mysql_native_password");
    }
}

/// Relays a log-in by password, and returns whether it succeeded.
async fn relay_password_log_in<C, S>(client: &mut C, mut packet: Packet, server: &mut S) -> io::Result<bool>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        packet.write(server).await?;
        let answer = Packet::read(server).await?;
        answer.write(client).await?;
        if answer.is(OK) || answer.is(ERROR) {
            return Ok(answer.is(OK));
        }
        packet = Packet::read(client).await?;
    }
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window.eq_ignore_ascii_case(part))
}

fn sha1(bytes: &[u8]) -> [u8; 20] {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    std::array::from_fn(|i| digest.as_ref()[i])
}

fn malformed() -> io::Error {
    io::Error::other("not a packet of MySQL's log-in")
}
