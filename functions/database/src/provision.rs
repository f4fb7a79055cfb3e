//! Creates the database, its tables and its user, inside the VPC. Idempotent; deletes nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::{
    aws::secret::{Login, Unreadable},
    database::{Address, ConnectError, Database, PrivateAuthorities},
    settings::SettingsError,
};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    name::{DatabaseName, UserName},
    tables,
    user::{self, Outcome, PLUGIN},
};

/// The part of the function's time that is reserved for its response.
pub(crate) const RESPONSE_RESERVE: Duration = Duration::from_secs(2);

/// The delay before the next attempt to reach the database.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// The server's own databases.
const RESERVED: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

/// The event of the function in the VPC.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProvisionRequest {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The user with the privileges to create databases and users.
    pub(crate) master: Login,
    pub(crate) database: DatabaseName,
    /// The user to create, which logs in by IAM.
    pub(crate) user: UserName,
    /// Loads the sample rows into empty tables.
    pub(crate) sample: bool,
}

/// The parts that were missing and have been created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Provisioned {
    /// Tables of the catalog.
    pub(crate) tables_made: usize,
    /// Rows of the sample.
    pub(crate) rows_loaded: u64,
    /// The user. An existing one keeps its authentication method.
    pub(crate) user_made: bool,
}

/// The error of provisioning the database. No variant holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    #[error("the event is neither CloudFormation's nor that of the custom resource's function")]
    Event(#[source] Unreadable),
    #[error("the function's settings are wrong")]
    Settings(#[from] SettingsError),
    #[error("`{0}` is one of the server's own databases: choose another name")]
    Reserved(DatabaseName),
    #[error("the user `{0}` is the server's master: choose another name for the user that logs in by IAM")]
    UserIsMaster(UserName),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{what} cannot be created")]
    Statement { what: &'static str, source: sqlx::Error },
    #[error(
        "the server has no `{PLUGIN}`, which the user logs in by: turn on IAM database authentication for the instance"
    )]
    NoPlugin(#[source] sqlx::Error),
    #[error("the database at {host}:{port} was not ready within the function's time")]
    DeadlineExceeded { host: String, port: u16 },
}

impl ProvisionError {
    pub(crate) fn event(error: &serde_json::Error) -> Self {
        Self::Event(Unreadable::new("the event", error))
    }
}

/// Creates the missing parts by `deadline`. Retries an unreachable server until then: it may be starting, or its name may not
/// resolve yet.
///
/// # Errors
/// When the server is unreachable until the deadline, is not trusted, or refuses a statement.
///
/// # Cancellation
/// Parts already created stay. The sample's rows are loaded all or not at all.
pub(crate) async fn run(
    request: &ProvisionRequest,
    authorities: &PrivateAuthorities,
    deadline: Instant,
) -> Result<Provisioned, ProvisionError> {
    let ProvisionRequest { host, port, master, database, user, .. } = request;
    if RESERVED.contains(&database.to_string().to_ascii_lowercase().as_str()) {
        return Err(ProvisionError::Reserved(database.clone()));
    }
    if user.to_string() == master.username {
        return Err(ProvisionError::UserIsMaster(user.clone()));
    }
    let address = Address { host: host.clone(), port: *port };
    let server = Database::with_password(&address, &master.username, master.password.reveal(), authorities.clone());
    let work = async {
        let mut connection = connect(&server, deadline).await?;
        let provisioned = create(&mut connection, request).await?;
        // All is done: a failure to close the connection changes nothing.
        drop(connection.close().await);
        Ok(provisioned)
    };
    timeout_at(deadline, work)
        .await
        .unwrap_or_else(|_| Err(ProvisionError::DeadlineExceeded { host: host.clone(), port: *port }))
}

async fn connect(server: &Database, deadline: Instant) -> Result<MySqlConnection, ConnectError> {
    loop {
        match server.connect().await {
            Err(error) if error.is_transient() && Instant::now() + RETRY_DELAY < deadline => {
                tracing::warn!(%error, "retrying");
                sleep(RETRY_DELAY).await;
            }
            result => return result,
        }
    }
}

async fn create(connection: &mut MySqlConnection, request: &ProvisionRequest) -> Result<Provisioned, ProvisionError> {
    let ProvisionRequest { database, user, sample, .. } = request;
    let failed = |what| move |source| ProvisionError::Statement { what, source };
    let statement = format!("CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await.map_err(failed("the database"))?;
    let tables_made = tables::create(connection, database).await.map_err(failed("the tables"))?;
    let rows_loaded =
        if *sample { tables::fill(connection, database).await.map_err(failed("the sample rows"))? } else { 0 };
    let outcome = user::create(connection, user, database).await.map_err(|source| {
        if user::lacks_plugin(&source) {
            ProvisionError::NoPlugin(source)
        } else {
            ProvisionError::Statement { what: "the user", source }
        }
    })?;
    Ok(Provisioned { tables_made, rows_loaded, user_made: outcome == Outcome::Created })
}
