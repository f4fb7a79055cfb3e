//! MariaDB 11.4 in place of RDS for MySQL.
//!
//! It proves the SQL, the exact bytes of rows, verified TLS, and log-ins by password. It is not MySQL 8.4: the
//! authentication plugins, the JSON type and the collations differ. [`RdsFront`] adds log-ins by IAM token.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::unistd::geteuid;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{StackError, folder::Folder, pki::Authority, ports::free_port, process::Process, tools::tool};

mod front;
mod packet;
mod tls;
mod token;

pub use front::{Identity, RdsFront};
pub use token::Refusal;

/// The version under test. It equals the Makefile's.
const VERSION: &str = "11.4.5";

/// The name in its certificate.
const HOST: &str = "localhost";

/// Below the data folder, which is the working directory of server and client: a socket's path is limited to 107 bytes.
const SOCKET: &str = "socket";

/// Starting takes 0.3 s.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Little memory and no durability: nothing outlives a test.
const SETTINGS: [&str; 8] = [
    "--no-defaults",
    "--skip-log-bin",
    // Reverse look-ups take seconds without a name server.
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
    "--aria-pagecache-buffer-size=8M",
];

/// A database server with the single user `root`, who has no password.
#[derive(Debug)]
pub struct MySql {
    process: Option<Process>,
    home: PathBuf,
    port: u16,
    authority: Authority,
    certificate: (PathBuf, PathBuf),
    folder: Folder,
}

impl MySql {
    /// Starts an empty server.
    ///
    /// # Errors
    /// When MariaDB was not fetched or does not start.
    pub async fn start() -> Result<Self, StackError> {
        let home = tool(&format!("mariadb-{VERSION}/installed"))?.with_file_name("");
        let folder = Folder::new("mysql")?;
        let authority = Authority::new(folder.path())?;
        let certificate = authority.issue(HOST)?;
        let port = free_port().map_err(StackError::io("finding a port for mysql"))?;
        let mut mysql = Self { process: None, home, port, authority, certificate, folder };
        copy(&mysql.home.join("data"), &mysql.data()).map_err(StackError::io("copying mysql's first files"))?;
        mysql.launch().await?;
        Ok(mysql)
    }

    async fn launch(&mut self) -> Result<(), StackError> {
        let (certificate, key) = &self.certificate;
        let mut arguments = SETTINGS.map(str::to_owned).to_vec();
        // MariaDB refuses to run as root without `--user`.
        arguments.extend(geteuid().is_root().then(|| "--user=root".to_owned()));
        arguments.extend([
            format!("--basedir={}", self.home.display()),
            format!("--datadir={}", self.data().display()),
            // A starting server removes other servers' temporary tables from a shared folder.
            format!("--tmpdir={}", self.folder.path().display()),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--port={}", self.port),
            format!("--socket={SOCKET}"),
            format!("--ssl-cert={}", certificate.display()),
            format!("--ssl-key={}", key.display()),
        ]);
        let log = self.folder.path().join("mysql.log");
        let nothing: [(&str, &str); 0] = [];
        let program = self.home.join("bin/mariadbd");
        let mut process = Process::start("mysql", program, arguments, nothing, self.folder.path(), &log)?;
        process.ready(START_TIMEOUT, async || self.execute("SELECT 1").await.is_ok()).await?;
        self.process = Some(process);
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Stops the server, as if the database went down.
    ///
    /// # Errors
    /// When the process cannot be signalled.
    pub async fn stop(&mut self) -> Result<(), StackError> {
        if let Some(mut process) = self.process.take() {
            process.stop(STOP_TIMEOUT).await?;
        }
        Ok(())
    }

    /// Restarts the server on the same port with the same rows.
    ///
    /// # Errors
    /// When the server does not start.
    pub async fn restart(&mut self) -> Result<(), StackError> {
        self.stop().await?;
        self.launch().await
    }

    /// Executes statements as `root`. Returns the rows, one per line, with tabs between columns.
    ///
    /// # Errors
    /// When the server rejects a statement or is stopped.
    pub async fn execute(&self, sql: &str) -> Result<String, StackError> {
        let mut command = Command::new(self.home.join("bin/mariadb"));
        command.current_dir(self.data());
        command.args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"]);
        command.args(["--default-character-set=utf8mb4", &format!("--socket={SOCKET}")]);
        run(command, sql).await
    }

    /// The name in its certificate.
    #[must_use]
    pub fn host(&self) -> &'static str {
        HOST
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the authority, in PEM.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        self.authority.ca_file()
    }

    /// The URL `mysql://user:password@localhost:port`, to which a database's name can be added.
    #[must_use]
    pub fn url(&self, user: &str, password: &str) -> String {
        let [user, password] = [user, password].map(|text| utf8_percent_encode(text, NON_ALPHANUMERIC));
        format!("mysql://{user}:{password}@{HOST}:{}", self.port)
    }
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let from = entry?.path();
        let to = to.join(from.file_name().unwrap_or_default());
        if from.is_dir() { copy(&from, &to)? } else { fs::copy(&from, &to).map(drop)? }
    }
    Ok(())
}

/// Runs a program of MariaDB's and returns its output.
async fn run(mut command: Command, input: &str) -> Result<String, StackError> {
    let failed = || StackError::io("running a program of MariaDB's");
    command.env_remove("MYSQL_PWD").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed())?;
    let stdin = child.stdin.take();
    let send = async move {
        if let Some(mut stdin) = stdin {
            // A program that rejects a statement stops reading; its output has the reason.
            drop(stdin.write_all(input.as_bytes()).await);
        }
    };
    let ((), output) = tokio::join!(send, child.wait_with_output());
    let output = output.map_err(failed())?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|error| failed()(io::Error::other(error)));
    }
    let problem = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(StackError::Component { component: "mysql".to_owned(), problem, log_tail: String::new() })
}

#[cfg(test)]
mod tests;
