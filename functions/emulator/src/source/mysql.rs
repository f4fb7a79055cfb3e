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

use super::{Connect, Post, RefusedRow, Row, SourceError};

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
    login: Option<Box<dyn Connect>>,
}

impl Tables {
    pub(super) const fn new(database: Database) -> Self {
        Self { database, login: None }
    }

    pub(super) fn with_login(self, login: Box<dyn Connect>) -> Self {
        Self { login: Some(login), ..self }
    }

    /// Draws up to `count` distinct random posts.
    pub(super) async fn draw(&self, count: usize) -> Result<Vec<Post>, SourceError> {
        let mut connection = self.connect().await?;
        let posts = self.in_time(draw(&mut connection, count)).await?;
        close(connection).await;
        Ok(posts)
    }

    /// Reads the posts with these join keys, in this order.
    pub(super) async fn read(&self, join_keys: &[u16]) -> Result<Vec<Post>, SourceError> {
        let mut connection = self.connect().await?;
        let posts = self.in_time(read(&mut connection, join_keys)).await?;
        close(connection).await;
        Ok(posts)
    }

    async fn connect(&self) -> Result<MySqlConnection, SourceError> {
        match &self.login {
            Some(login) => login.connect(&self.database).await,
            None => Ok(self.database.connect().await?),
        }
    }

    async fn in_time(
        &self,
        posts: impl Future<Output = Result<Vec<Post>, SourceError>>,
    ) -> Result<Vec<Post>, SourceError> {
        let posts = timeout(READ_TIMEOUT, posts).await;
        posts.map_err(|_| SourceError::Timeout { database: self.database.to_string(), timeout: READ_TIMEOUT })?
    }
}

/// Closes a connection whose rows are read: a failure changes nothing.
async fn close(connection: MySqlConnection) {
    drop(timeout(CLOSE_TIMEOUT, connection.close()).await);
}

async fn draw(connection: &mut MySqlConnection, count: usize) -> Result<Vec<Post>, SourceError> {
    let Some((first, others)) = CATALOG.split_first() else { return Ok(Vec::new()) };
    let mut keys: Vec<JoinKey> = Vec::with_capacity(count);
    for row in fetch(connection, random_keys(first, others, count)).await? {
        keys.push(JoinKey::last_of(&row)?);
    }
    // A row may have been deleted since the keys were drawn: its post is sent without it.
    Ok(posts(connection, keys).await?.into_values().collect())
}

async fn read(connection: &mut MySqlConnection, join_keys: &[u16]) -> Result<Vec<Post>, SourceError> {
    let posts = posts(connection, join_keys.iter().map(JoinKey::from)).await?;
    let post = |join_key: &u16| {
        let post = posts.get(&JoinKey::from(join_key)).map_or(&[][..], Vec::as_slice);
        let lacks = |kind: &&&Kind| post.iter().all(|row| kind_of(row).table != kind.table);
        let lacking = CATALOG.iter().find(lacks);
        lacking.map_or_else(|| Ok(post.to_vec()), |kind| Err(SourceError::NoPost { kind, join_key: *join_key }))
    };
    join_keys.iter().map(post).collect()
}

/// Reads the rows of some posts, each in the catalog's order.
async fn posts(
    connection: &mut MySqlConnection,
    keys: impl IntoIterator<Item = JoinKey>,
) -> Result<HashMap<JoinKey, Post>, SourceError> {
    let mut posts: HashMap<JoinKey, Post> = keys.into_iter().map(|key| (key, Post::new())).collect();
    if posts.is_empty() {
        return Ok(posts);
    }
    for kind in CATALOG {
        let mut rows = HashMap::new();
        for row in fetch(connection, rows_of(kind, posts.keys())).await? {
            let key = JoinKey::last_of(&row)?;
            rows.insert(key, row::read(kind, &row)?);
        }
        for (key, post) in &mut posts {
            post.extend(rows.remove(key));
        }
    }
    Ok(posts)
}

const fn kind_of(row: &Result<Row, RefusedRow>) -> &'static Kind {
    match row {
        Ok(row) => row.kind,
        Err(refused) => refused.kind,
    }
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

impl From<&u16> for JoinKey {
    fn from(join_key: &u16) -> Self {
        Self(join_key.to_string())
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
