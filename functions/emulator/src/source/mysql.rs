//! The course's tables in MySQL: one query a table and run.

use std::{collections::HashMap, time::Duration};

use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap},
};
use shared::{
    database::Database,
    kind::{CATALOG, Kind},
};
use sqlx::{
    AssertSqlSafe, Column, Connection, MySql, MySqlConnection, QueryBuilder, Row as _, TypeInfo, ValueRef,
    mysql::{MySqlColumn, MySqlRow},
    types::chrono::{NaiveDate, NaiveDateTime},
};
use tokio::time::timeout;

use super::{Post, Row, SourceError, login::KeptLogin};

/// How long the rows of a run may take. 10,000 posts of 11,154 take about a second.
const TIME_TO_READ: Duration = Duration::from_secs(20);

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

    /// Up to `count` different posts, at random.
    pub(super) async fn draw(&self, count: usize) -> Result<Vec<Post>, SourceError> {
        let mut connection = match &self.login {
            Some(login) => login.connect(&self.database).await?,
            None => self.database.connect().await?,
        };
        let posts = timeout(TIME_TO_READ, draw(&mut connection, count)).await;
        let posts =
            posts.map_err(|_| SourceError::Silent { database: self.database.to_string(), within: TIME_TO_READ })??;
        // The rows are here; a farewell that does not arrive changes nothing.
        drop(timeout(TIME_TO_LEAVE, connection.close()).await);
        Ok(posts)
    }
}

/// How long a run waits for the end of its connection.
const TIME_TO_LEAVE: Duration = Duration::from_secs(1);

async fn draw(connection: &mut MySqlConnection, count: usize) -> Result<Vec<Post>, SourceError> {
    let Some((first, others)) = CATALOG.split_first() else { return Ok(Vec::new()) };
    let rows = sqlx::query(AssertSqlSafe(random_rows(first, others)))
        .bind(u64::try_from(count).unwrap_or(u64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let mut posts = Vec::with_capacity(rows.len());
    for row in &rows {
        posts.push((join_key(first, row)?, vec![to_row(first, row)?]));
    }
    if posts.is_empty() {
        return Ok(Vec::new());
    }
    for kind in others {
        let mut query: QueryBuilder<MySql> =
            QueryBuilder::new(format!("SELECT * FROM `{}` WHERE `{}` IN (", kind.table, kind.join_key));
        let mut keys = query.separated(", ");
        for (key, _) in &posts {
            keys.push_bind(*key);
        }
        query.push(")");
        let mut rows = HashMap::new();
        for row in query.build().fetch_all(&mut *connection).await? {
            rows.insert(join_key(kind, &row)?, to_row(kind, &row)?);
        }
        // A row may have gone since the keys were drawn: its post is sent without it.
        for (key, post) in &mut posts {
            post.extend(rows.get(key).cloned());
        }
    }
    Ok(posts.into_iter().map(|(_, post)| post).collect())
}

/// Random rows of `kind` whose join key every other table has as well. Table and column names are the catalog's constants.
fn random_rows(kind: &Kind, others: &[&Kind]) -> String {
    let also_in = |other: &&Kind| {
        format!("EXISTS (SELECT 1 FROM `{}` o WHERE o.`{}` = t.`{}`)", other.table, other.join_key, kind.join_key)
    };
    let everywhere = others.iter().map(also_in).collect::<Vec<_>>().join(" AND ");
    format!("SELECT t.* FROM `{}` t WHERE {everywhere} ORDER BY RAND() LIMIT ?", kind.table)
}

/// The column may be signed or not.
fn join_key(kind: &Kind, row: &MySqlRow) -> Result<i64, SourceError> {
    match row.try_get::<i64, _>(kind.join_key) {
        Err(sqlx::Error::ColumnDecode { .. }) => {
            let key: u64 = row.try_get(kind.join_key)?;
            Ok(i64::try_from(key).map_err(|error| sqlx::Error::Decode(error.into()))?)
        }
        key => Ok(key?),
    }
}

fn to_row(kind: &'static Kind, row: &MySqlRow) -> Result<Row, SourceError> {
    if let Some(column) = row.columns().iter().find(|column| Form::of(column).is_none()) {
        return Err(SourceError::Column {
            table: kind.table,
            column: column.name().to_owned(),
            type_name: column.type_info().name().to_owned(),
        });
    }
    let json = serde_json::to_string(&Json(row)).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Row { kind, json })
}

/// What a column's values become in JSON.
#[derive(Clone, Copy)]
enum Form {
    Signed,
    Unsigned,
    /// Printed as the 32-bit value it is: `-89.9787`, and not `-89.97869873046875`.
    Float,
    Double,
    Text,
    Date,
    DateTime,
}

impl Form {
    fn of(column: &MySqlColumn) -> Option<Self> {
        Some(match column.type_info().name() {
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => Self::Signed,
            "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED"
            | "YEAR" => Self::Unsigned,
            "FLOAT" => Self::Float,
            "DOUBLE" => Self::Double,
            "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "ENUM" | "SET" | "DECIMAL" => {
                Self::Text
            }
            "DATE" => Self::Date,
            "DATETIME" | "TIMESTAMP" => Self::DateTime,
            _ => return None,
        })
    }
}

/// A row as a JSON object, its columns in the table's order.
struct Json<'a>(&'a MySqlRow);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for column in self.0.columns() {
            map.serialize_entry(column.name(), &JsonColumn { row: self.0, column })?;
        }
        map.end()
    }
}

struct JsonColumn<'a> {
    row: &'a MySqlRow,
    column: &'a MySqlColumn,
}

impl JsonColumn<'_> {
    /// The value, without asking whether sqlx knows the column's type under Rust's: [`Form`] has.
    fn get<'r, T: sqlx::Decode<'r, MySql> + sqlx::Type<MySql>, E: serde::ser::Error>(&'r self) -> Result<T, E> {
        self.row.try_get_unchecked(self.column.ordinal()).map_err(E::custom)
    }
}

impl Serialize for JsonColumn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.row.try_get_raw(self.column.ordinal()).map_err(S::Error::custom)?;
        if value.is_null() {
            return serializer.serialize_none();
        }
        match Form::of(self.column) {
            None => serializer.serialize_none(),
            Some(Form::Signed) => serializer.serialize_i64(self.get()?),
            Some(Form::Unsigned) => serializer.serialize_u64(self.get()?),
            Some(Form::Float) => serializer.serialize_f32(self.get()?),
            Some(Form::Double) => serializer.serialize_f64(self.get()?),
            Some(Form::Text) => serializer.serialize_str(self.get()?),
            Some(Form::Date) => serializer.collect_str(&self.get::<NaiveDate, S::Error>()?.format("%Y-%m-%d")),
            Some(Form::DateTime) => {
                let moment: NaiveDateTime = self.get()?;
                // The fraction stands there only when there is one.
                serializer.collect_str(&moment.format("%Y-%m-%d %H:%M:%S%.f"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::kind::{GEO, PIN, USER};

    use super::*;

    #[test]
    fn a_random_post_is_one_whose_join_key_every_table_has() {
        assert_eq!(
            random_rows(&PIN, &[&GEO, &USER]),
            "SELECT t.* FROM `pinterest_data` t \
             WHERE EXISTS (SELECT 1 FROM `geolocation_data` o WHERE o.`ind` = t.`index`) \
             AND EXISTS (SELECT 1 FROM `user_data` o WHERE o.`ind` = t.`index`) ORDER BY RAND() LIMIT ?"
        );
    }
}
