//! The catalog's tables and their sample rows.

use serde_json::Value;
use shared::{
    kind::{CATALOG, Field, JOIN_KEY, Kind, Presence, Rule},
    sample,
};
use sqlx::{AssertSqlSafe, Connection, MySql, MySqlConnection, QueryBuilder, query_builder::Separated};

use crate::name::DatabaseName;

/// The statement that creates a kind's table, with its columns in the catalog's order.
fn definition(database: &DatabaseName, kind: &Kind) -> String {
    let join_key = format!("`{}` {} NOT NULL", kind.join_key, column_type(JOIN_KEY));
    let fields = kind.fields.iter().map(|Field { name, rule, presence, .. }| {
        let null = if *presence == Presence::NotNull { "NOT NULL" } else { "NULL" };
        format!("`{name}` {} {null}", column_type(*rule))
    });
    let columns = std::iter::once(join_key).chain(fields).collect::<Vec<_>>().join(", ");
    format!(
        "CREATE TABLE IF NOT EXISTS {} ({columns}, PRIMARY KEY (`{}`)) DEFAULT CHARACTER SET utf8mb4",
        table(database, kind),
        kind.join_key
    )
}

/// The column types of the course's database, inferred from its rows: the coordinates have the six digits of a 32-bit
/// `FLOAT`.
const fn column_type(rule: Rule) -> &'static str {
    match rule {
        Rule::Text | Rule::TextOrList => "TEXT",
        Rule::Integer { .. } => "INT",
        Rule::Number { .. } => "FLOAT",
        Rule::DateTime => "DATETIME",
    }
}

pub(crate) fn table(database: &DatabaseName, kind: &Kind) -> String {
    format!("`{database}`.`{}`", kind.table)
}

/// Creates the missing tables and returns their number.
pub(crate) async fn create(connection: &mut MySqlConnection, database: &DatabaseName) -> Result<usize, sqlx::Error> {
    let existing = count(connection, database).await?;
    for kind in CATALOG {
        sqlx::raw_sql(AssertSqlSafe(definition(database, kind))).execute(&mut *connection).await?;
    }
    Ok(count(connection, database).await? - existing)
}

async fn count(connection: &mut MySqlConnection, database: &DatabaseName) -> Result<usize, sqlx::Error> {
    let tables = "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = ?";
    let tables: Vec<String> = sqlx::query_scalar(tables).bind(database.to_string()).fetch_all(connection).await?;
    Ok(CATALOG.iter().filter(|kind| tables.iter().any(|table| table == kind.table)).count())
}

/// Loads the sample into the tables, all or nothing, if none of them holds a row. Returns the number of rows loaded.
///
/// Existing rows belong to the user: not even missing sample rows are added to them.
pub(crate) async fn fill(connection: &mut MySqlConnection, database: &DatabaseName) -> Result<u64, sqlx::Error> {
    for kind in CATALOG {
        let some = format!("SELECT EXISTS (SELECT 1 FROM {})", table(database, kind));
        if sqlx::query_scalar(AssertSqlSafe(some)).fetch_one(&mut *connection).await? {
            return Ok(0);
        }
    }
    let mut transaction = connection.begin().await?;
    let mut rows_loaded = 0;
    for kind in CATALOG {
        let rows = sample::rows(kind.table).unwrap_or_default().lines().map(serde_json::from_str);
        let rows: Vec<Value> = rows.collect::<Result<_, _>>().map_err(|error| sqlx::Error::Encode(error.into()))?;
        if !rows.is_empty() {
            // 877 rows of 12 values: MySQL's limit is 65,535 per statement.
            rows_loaded += insertion(database, kind, &rows).build().execute(&mut *transaction).await?.rows_affected();
        }
    }
    transaction.commit().await?;
    Ok(rows_loaded)
}

/// Keeps a row that was inserted concurrently. Unlike `IGNORE`, it does not suppress other errors.
fn insertion(database: &DatabaseName, kind: &Kind, rows: &[Value]) -> QueryBuilder<MySql> {
    let names: Vec<&str> = std::iter::once(kind.join_key).chain(kind.fields.iter().map(|field| field.name)).collect();
    let columns = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut query = QueryBuilder::new(format!("INSERT INTO {} ({columns}) ", table(database, kind)));
    query.push_values(rows, |mut values, row| {
        for name in &names {
            push(&mut values, &row[*name]);
        }
    });
    query.push(format!(" ON DUPLICATE KEY UPDATE `{0}` = `{0}`", kind.join_key));
    query
}

fn push(values: &mut Separated<'_, MySql, &'static str>, value: &Value) {
    match value {
        Value::Null => values.push("NULL"),
        Value::String(text) => values.push_bind(text.clone()),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => values.push_bind(integer),
            None => values.push_bind(number.as_f64()),
        },
        other => values.push_bind(other.to_string()),
    };
}

#[cfg(test)]
mod tests {
    use shared::kind::{GEO, PIN};

    use super::*;

    fn database() -> DatabaseName {
        "d".to_owned().try_into().unwrap()
    }

    #[test]
    fn a_table_has_its_kinds_columns_in_order() {
        assert_eq!(
            definition(&database(), &GEO),
            "CREATE TABLE IF NOT EXISTS `d`.`geolocation_data` (`ind` INT NOT NULL, `timestamp` DATETIME NULL, \
             `latitude` FLOAT NULL, `longitude` FLOAT NULL, `country` TEXT NULL, PRIMARY KEY (`ind`)) \
             DEFAULT CHARACTER SET utf8mb4"
        );
        for kind in CATALOG {
            let definition = definition(&database(), kind);
            let columns = definition.split_once('(').unwrap().1.split(", ").filter(|column| column.starts_with('`'));
            let names: Vec<&str> = columns.map(|column| column.split('`').nth(1).unwrap()).collect();
            let fields = kind.fields.iter().map(|field| field.name);
            assert_eq!(names, std::iter::once(kind.join_key).chain(fields).collect::<Vec<_>>(), "{kind}");
        }
    }

    #[test]
    fn every_value_of_the_sample_has_a_column() {
        for kind in CATALOG {
            for row in sample::rows(kind.table).unwrap().lines() {
                let row: serde_json::Map<String, Value> = serde_json::from_str(row).unwrap();
                for name in row.keys() {
                    let known = name == kind.join_key || kind.fields.iter().any(|field| field.name == name);
                    assert!(known, "{}: {name}", kind.table);
                }
            }
        }
    }

    #[test]
    fn rows_are_inserted_by_parameters() {
        let row = serde_json::json!({"index": 1, "title": "'); DROP TABLE x; --", "downloaded": 1});
        let sql = insertion(&database(), &PIN, &[row]).sql().as_str().to_owned();
        assert!(sql.starts_with("INSERT INTO `d`.`pinterest_data` (`index`, `unique_id`, "), "{sql}");
        assert!(!sql.contains("DROP"), "{sql}");
    }
}
