//! The course's tables in MySQL.
//!
//! Every query is a plain one, not a prepared statement: the server then prints each value as text, as it does for the
//! script's client. So a value that a Rust type could not hold is still a text that can be sent, or be refused by name.

use std::{collections::HashMap, fmt, time::Duration};

use shared::{
    database::Database,
    kind::{CATALOG, Kind},
};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, mysql::MySqlRow};
use tokio::time::timeout;

use super::{Post, SourceError, login::KeptLogin};

mod row;
mod value;

/// The longest time for the rows of a run. 10,000 posts of 11,154 take about a second.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest wait for the end of a run's connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The catalog's tables in a database.
#[derive(Debug)]
pub struct Tables {
    database: Database,
    /// In place of the URL's own.
    login: Option<KeptLogin>,
}

impl Tables {
    pub(super) const fn new(database: Database) -> Self {
        Self { database, login: None }
    }

    pub(super) fn with_login(self, login: KeptLogin) -> Self {
        Self { login: Some(login), ..self }
    }

    /// Draws up to `count` different posts at random.
    pub(super) async fn draw(&self, count: usize) -> Result<Vec<Post>, SourceError> {
        let mut connection = match &self.login {
            Some(login) => login.connect(&self.database).await?,
            None => self.database.connect().await?,
        };
        let posts = timeout(READ_TIMEOUT, draw(&mut connection, count)).await;
        let posts =
            posts.map_err(|_| SourceError::Slow { database: self.database.to_string(), within: READ_TIMEOUT })??;
        // The rows are here; a farewell that does not arrive changes nothing.
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
        // A row may have gone since the keys were drawn: its post is sent without it.
        for (key, post) in &mut posts {
            post.extend(rows.remove(key));
        }
    }
    Ok(posts.into_values().collect())
}

async fn fetch(connection: &mut MySqlConnection, sql: String) -> Result<Vec<MySqlRow>, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await
}

/// A join key as the server prints it once it is a `DOUBLE`: `7528` for a column of integers, decimals, texts or floats.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct JoinKey(String);

impl JoinKey {
    /// The key in the last column of a row. It becomes part of the next query, so nothing but a number is one.
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

/// The SQL of a join key as a number. Tables whose columns differ in type or collation can be compared by it, and it has
/// the type that lets every server look keys up in a table of its own: MySQL 5.7 would otherwise read a table without an
/// index once for each row of the other.
fn number(Kind { table, join_key, .. }: &Kind) -> String {
    format!("`{table}`.`{join_key}` + 0e0")
}

/// Random join keys that every table has. Table and column names are the catalog's constants.
fn random_keys(kind: &Kind, others: &[&Kind], count: usize) -> String {
    let key = number(kind);
    let also_in = |other: &&Kind| format!("{key} IN (SELECT {} FROM `{}`)", number(other), other.table);
    let everywhere = others.iter().map(also_in).collect::<Vec<_>>().join(" AND ");
    format!("SELECT {key} FROM `{}` WHERE {everywhere} ORDER BY RAND() LIMIT {count}", kind.table)
}

/// The rows with these keys, and behind their columns the key. The column itself is compared, so that its index is used.
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
    fn a_random_post_is_one_whose_join_key_every_table_has() {
        assert_eq!(
            random_keys(&PIN, &[&GEO, &USER], 60),
            "SELECT `pinterest_data`.`index` + 0e0 FROM `pinterest_data` WHERE \
             `pinterest_data`.`index` + 0e0 IN (SELECT `geolocation_data`.`ind` + 0e0 FROM `geolocation_data`) AND \
             `pinterest_data`.`index` + 0e0 IN (SELECT `user_data`.`ind` + 0e0 FROM `user_data`) \
             ORDER BY RAND() LIMIT 60"
        );
    }

    #[test]
    fn the_rows_of_some_keys_are_read_by_one_query() {
        let keys = ["7528", "1.5"].map(|key| JoinKey(key.to_owned()));
        assert_eq!(
            rows_of(&GEO, keys.iter()),
            "SELECT `geolocation_data`.*, `geolocation_data`.`ind` + 0e0 FROM `geolocation_data` WHERE `ind` IN (7528, 1.5)"
        );
    }
}
