//! The course's tables in MySQL.
//!
//! Queries use the text protocol, not prepared statements: the server prints each value as text, as it does for the script's
//! client. So a value that no Rust type could hold is still sent, or refused by name.

use std::{collections::HashMap, fmt, time::Duration};

use shared::{
    database::Database,
    kind::{CATALOG, Kind},
};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, mysql::MySqlRow};
use tokio::time::timeout;

use super::{Post, SourceError, login::SecretLogin};

mod row;
mod value;

/// The timeout of reading a run's rows. 10,000 posts of 11,154 take about a second.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// The timeout of closing a run's connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The catalog's tables in a database.
#[derive(Debug)]
pub struct Tables {
    database: Database,
    /// Replaces the URL's login.
    login: Option<SecretLogin>,
}

impl Tables {
    pub(super) const fn new(database: Database) -> Self {
        Self { database, login: None }
    }

    pub(super) fn with_login(self, login: SecretLogin) -> Self {
        Self { login: Some(login), ..self }
    }

    /// Draws up to `count` distinct random posts.
    pub(super) async fn draw(&self, count: usize) -> Result<Vec<Post>, SourceError> {
        let mut connection = match &self.login {
            Some(login) => login.connect(&self.database).await?,
            None => self.database.connect().await?,
        };
        let posts = timeout(READ_TIMEOUT, draw(&mut connection, count)).await;
        let posts = posts
            .map_err(|_| SourceError::Timeout { database: self.database.to_string(), timeout: READ_TIMEOUT })??;
        // The rows are read: a failure to close the connection changes nothing.
        drop(timeout(CLOSE_TIMEOUT, connection.close()).await);
        Ok(posts)
    }
}

async fn draw(connection: &mut MySqlConnection, count: usize) -> Result<Vec<Post>, SourceError> {
    let Some((first, others)) = CATALOG.split_first() else { return Ok(Vec::new()) };
    let mut keys: Vec<JoinKey> = Vec::with_capacity(count);
    for row in fetch(connection, random_keys(first, others, count)).await? {
        keys.push(JoinKey::last_of(&row)?);
    }
    let mut posts: HashMap<JoinKey, Post> = keys.into_iter().map(|key| (key, Post::new())).collect();
    if posts.is_empty() {
        return Ok(Vec::new());
    }
    for kind in CATALOG {
        let mut rows = HashMap::new();
        for row in fetch(connection, rows_of(kind, posts.keys())).await? {
            let key = JoinKey::last_of(&row)?;
            rows.insert(key, row::read(kind, &row)?);
        }
        // A row may have been deleted since the keys were drawn: its post is sent without it.
        for (key, post) in &mut posts {
            post.extend(rows.remove(key));
        }
    }
    Ok(posts.into_values().collect())
}

async fn fetch(connection: &mut MySqlConnection, sql: String) -> Result<Vec<MySqlRow>, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await
}

/// A join key as the server prints it after a cast to `DOUBLE`: `7528` for a column of integers, decimals, text or floats.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct JoinKey(String);

impl JoinKey {
    /// Reads the key in a row's last column. It is spliced into the next query, so it must be a number.
    fn last_of(row: &MySqlRow) -> Result<Self, sqlx::Error> {
        let text = row::last_text(row)?;
        match text.parse::<f64>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(sqlx::Error::Decode(error.into())),
        }
    }
}

impl fmt::Display for JoinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SQL expression of a join key as a number. It compares columns of different types and collations, and lets every server
/// materialize the subquery: MySQL 5.7 would otherwise scan a table without an index once for each row of the other.
fn number(Kind { table, join_key, .. }: &Kind) -> String {
    format!("`{table}`.`{join_key}` + 0e0")
}

/// The query for random join keys that all tables share. Table and column names are the catalog's constants.
fn random_keys(kind: &Kind, others: &[&Kind], count: usize) -> String {
    let key = number(kind);
    let also_in = |other: &&Kind| format!("{key} IN (SELECT {} FROM `{}`)", number(other), other.table);
    let everywhere = others.iter().map(also_in).collect::<Vec<_>>().join(" AND ");
    format!("SELECT {key} FROM `{}` WHERE {everywhere} ORDER BY RAND() LIMIT {count}", kind.table)
}

/// The query for the rows with these keys; the key follows their columns. It compares the column itself, so that an index
/// applies.
fn rows_of<'a>(kind: &Kind, keys: impl Iterator<Item = &'a JoinKey>) -> String {
    let keys = keys.map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let Kind { table, join_key, .. } = kind;
    format!("SELECT `{table}`.*, {} FROM `{table}` WHERE `{join_key}` IN ({keys})", number(kind))
}

#[cfg(test)]
mod tests {
    use shared::kind::{GEO, PIN, USER};

    use super::*;

    #[test]
    fn a_random_post_has_a_join_key_that_all_tables_share() {
        assert_eq!(
            random_keys(&PIN, &[&GEO, &USER], 60),
            "SELECT `pinterest_data`.`index` + 0e0 FROM `pinterest_data` WHERE \
             `pinterest_data`.`index` + 0e0 IN (SELECT `geolocation_data`.`ind` + 0e0 FROM `geolocation_data`) AND \
             `pinterest_data`.`index` + 0e0 IN (SELECT `user_data`.`ind` + 0e0 FROM `user_data`) \
             ORDER BY RAND() LIMIT 60"
        );
    }

    #[test]
    fn one_query_reads_the_rows_of_several_keys() {
        let keys = ["7528", "1.5"].map(|key| JoinKey(key.to_owned()));
        assert_eq!(
            rows_of(&GEO, keys.iter()),
            "SELECT `geolocation_data`.*, `geolocation_data`.`ind` + 0e0 FROM `geolocation_data` WHERE `ind` IN (7528, 1.5)"
        );
    }
}
