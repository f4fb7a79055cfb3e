//! The half inside of the VPC: makes the database, its tables and its user. Twice does no harm, and nothing is taken away.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::{
    aws::secret::{Login, Unreadable},
    database::{Address, Authorities, ConnectError, Database},
    settings::SettingsError,
};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    name::{DatabaseName, UserName},
    tables,
    user::{self, Made, PLUGIN},
};

/// What is kept of the function's time to tell how it ended.
pub(crate) const RESERVE: Duration = Duration::from_secs(2);

/// How long to wait before a database is tried again that is not there yet.
const PAUSE: Duration = Duration::from_secs(2);

/// The server's own databases.
const RESERVED: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

/// What to make, and where: the event of this half.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setup {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Who may make databases and users there.
    pub(crate) master: Login,
    pub(crate) database: DatabaseName,
    /// The user to make, who logs in by IAM.
    pub(crate) user: UserName,
    /// Whether empty tables get the sample rows.
    pub(crate) sample: bool,
}

/// What was not there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Of the catalog's tables.
    pub(crate) tables_made: usize,
    /// Of the sample.
    pub(crate) rows_loaded: u64,
    /// One that was there keeps its way to log in.
    pub(crate) user_made: bool,
}

/// Why the database is not set up. None holds a password.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("the event is neither CloudFormation's nor that of this function's other half")]
    Event(#[source] Unreadable),
    #[error("the function's settings are wrong")]
    Settings(#[from] SettingsError),
    #[error("`{0}` is a database of the server's own: choose another name")]
    Reserved(DatabaseName),
    #[error("the user `{0}` is the server's master: choose another name for the one that reads by IAM")]
    UserIsMaster(UserName),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{what} cannot be made")]
    Statement { what: &'static str, source: sqlx::Error },
    #[error(
        "the server has no `{PLUGIN}`, by which the user logs in: turn on IAM database authentication for the instance"
    )]
    NoPlugin(#[source] sqlx::Error),
    #[error("the database at {host}:{port} was not set up within the function's time")]
    TimeOver { host: String, port: u16 },
}

impl SetupError {
    pub(crate) fn event(error: &serde_json::Error) -> Self {
        Self::Event(Unreadable::new("the event", error))
    }
}

/// Makes what is missing, by `deadline`. A server that is away is waited for until then: it may be starting, or its name may
/// not be known yet.
///
/// # Errors
/// When the server is not there in time, cannot be trusted, or refuses.
///
/// # Cancellation
/// What is made stays; the sample's rows are all there or none.
pub(crate) async fn run(setup: &Setup, authorities: &Authorities, deadline: Instant) -> Result<Done, SetupError> {
    let Setup { host, port, master, database, user, .. } = setup;
    if RESERVED.contains(&database.to_string().to_ascii_lowercase().as_str()) {
        return Err(SetupError::Reserved(database.clone()));
    }
    if user.to_string() == master.username {
        return Err(SetupError::UserIsMaster(user.clone()));
    }
    let address = Address { host: host.clone(), port: *port };
    let server = Database::with_password(&address, &master.username, master.password.reveal(), authorities.clone());
    let work = async {
        let mut connection = connect(&server, deadline).await?;
        let done = make(&mut connection, setup).await?;
        // All is done; a farewell that does not arrive changes nothing.
        drop(connection.close().await);
        Ok(done)
    };
    timeout_at(deadline, work).await.unwrap_or_else(|_| Err(SetupError::TimeOver { host: host.clone(), port: *port }))
}

async fn connect(server: &Database, deadline: Instant) -> Result<MySqlConnection, ConnectError> {
    loop {
        match server.connect().await {
            Err(error) if error.may_pass() && Instant::now() + PAUSE < deadline => {
                tracing::warn!(%error, "trying again");
                sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}

async fn make(connection: &mut MySqlConnection, setup: &Setup) -> Result<Done, SetupError> {
    let Setup { database, user, sample, .. } = setup;
    let failed = |what| move |source| SetupError::Statement { what, source };
    let create = format!("CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *connection).await.map_err(failed("the database"))?;
    let tables_made = tables::make(connection, database).await.map_err(failed("the tables"))?;
    let rows_loaded =
        if *sample { tables::fill(connection, database).await.map_err(failed("the sample rows"))? } else { 0 };
    let made = user::make(connection, user, database).await.map_err(|source| {
        if user::lacks_plugin(&source) {
            SetupError::NoPlugin(source)
        } else {
            SetupError::Statement { what: "the user", source }
        }
    })?;
    Ok(Done { tables_made, rows_loaded, user_made: made == Made::New })
}
