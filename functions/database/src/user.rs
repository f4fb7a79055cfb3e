//! The user that reads the tables.

use shared::kind::CATALOG;
use sqlx::{AssertSqlSafe, MySqlConnection, Row, mysql::MySqlDatabaseError};

use crate::{
    name::{DatabaseName, UserName},
    tables::table,
};

/// The outcome of [`create`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    /// The user keeps its authentication method.
    Existing,
}

/// RDS's authentication plugin, which accepts an IAM token as the password.
pub(crate) const PLUGIN: &str = "AWSAuthenticationPlugin";

/// The codes of MySQL's and MariaDB's note that a user exists.
const ER_USER_EXISTS: [u64; 2] = [3163, 1973];
const ER_PLUGIN_IS_NOT_LOADED: u16 = 1524;

/// Creates the user, which logs in by IAM over TLS and may read the catalog's tables.
pub(crate) async fn create(
    connection: &mut MySqlConnection,
    user: &UserName,
    database: &DatabaseName,
) -> Result<Outcome, sqlx::Error> {
    let create = format!("CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED WITH {PLUGIN} AS 'RDS' REQUIRE SSL");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *connection).await?;
    let notes = sqlx::raw_sql("SHOW WARNINGS").fetch_all(&mut *connection).await?;
    let codes = notes.iter().map(|note| note.try_get_unchecked::<u64, _>("Code")).collect::<Result<Vec<_>, _>>()?;
    for kind in CATALOG {
        // Per table: in a grant on a whole database, `_` matches any character.
        let grant = format!("GRANT SELECT ON {} TO '{user}'@'%'", table(database, kind));
        sqlx::raw_sql(AssertSqlSafe(grant)).execute(&mut *connection).await?;
    }
    Ok(if codes.iter().any(|code| ER_USER_EXISTS.contains(code)) { Outcome::Existing } else { Outcome::Created })
}

/// Returns whether the server lacks [`PLUGIN`].
pub(crate) fn lacks_plugin(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|error| error.number() == ER_PLUGIN_IS_NOT_LOADED)
}
