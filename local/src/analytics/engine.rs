//! An SQLite in memory with the tables' latest rows, on which the questions' texts run unchanged.

use chrono::{DateTime, Datelike};
use rusqlite::{
    Connection, Result, Row,
    functions::FunctionFlags,
    params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use serde::Serialize;
use serde_json::Value;
use shared::kind::{CATALOG, Cell, Kind};
use tables::follow::Rows;

use super::AnswerError;

/// The columns by which a row is the latest of its post.
const PLACE: [&str; 4] = ["ind", "offset", "partition", "list_index"];

/// The other columns that a question uses, of each kind.
const COLUMNS: [(&str, &[&str]); 3] = [
    ("pin", &["category", "poster_name", "follower_count"]),
    ("geo", &["country", "timestamp"]),
    ("user", &["age", "date_joined"]),
];

/// The row id of the latest row without an `ind`, which is a 32-bit number.
const WITHOUT_IND: i64 = 1 << 32;

/// The tables `pin_rows`, `geo_rows` and `user_rows`. Of the rows with the same `ind` each has the latest one, so its size is
/// bounded by the number of posts.
#[derive(Debug)]
pub(super) struct Engine {
    connection: Connection,
}

/// The rows that answer a question.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Answer {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Value>>,
}

impl Engine {
    /// Creates empty tables.
    pub(super) fn new() -> Result<Self> {
        let connection = Connection::open_in_memory()?;
        // Larger sorts would otherwise go through files.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        for kind in CATALOG {
            connection.execute_batch(&format!("CREATE TABLE {kind}_rows ({})", list(&columns(kind), quoted)))?;
        }
        let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_UTF8;
        connection.create_scalar_function("year", 1, flags, |arguments| {
            Ok(arguments.get::<Option<i64>>(0)?.and_then(year))
        })?;
        Ok(Self { connection })
    }

    /// Adds rows of a kind's table, in any order, or replaces older rows of the same posts. Returns the number of posts then.
    pub(super) fn feed(&mut self, kind: &Kind, rows: &Rows) -> Result<u64, AnswerError> {
        let columns = columns(kind);
        let transaction = self.connection.transaction()?;
        let mut upsert = transaction.prepare_cached(&upsert(kind, &columns))?;
        rows.for_each(&columns, |cells| {
            upsert.execute(params_from_iter(cells.iter().map(value)))?;
            Ok::<_, AnswerError>(())
        })?;
        drop(upsert);
        transaction.commit()?;
        Ok(self.posts()?)
    }

    /// The number of posts in the table that has most.
    pub(super) fn posts(&self) -> Result<u64> {
        let mut most: u32 = 0;
        for kind in CATALOG {
            let count = format!("SELECT count(*) FROM {kind}_rows");
            most = most.max(self.connection.prepare_cached(&count)?.query_row([], |row| row.get(0))?);
        }
        Ok(most.into())
    }

    /// Runs a question's text.
    pub(super) fn answer(&self, sql: &str) -> Result<Answer> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let columns: Vec<_> = statement.column_names().into_iter().map(str::to_owned).collect();
        let cells = |row: &Row<'_>| (0..columns.len()).map(|at| Ok(json(row.get_ref(at)?))).collect::<Result<Vec<_>>>();
        let rows = statement.query_map([], cells)?.collect::<Result<_>>()?;
        Ok(Answer { columns, rows })
    }
}

/// The columns of a kind's table here.
fn columns(kind: &Kind) -> Vec<&'static str> {
    let of_kind = COLUMNS.iter().filter(|(name, _)| *name == kind.name).flat_map(|(_, columns)| *columns);
    PLACE.iter().chain(of_kind).copied().collect()
}

/// Two of the columns have names that SQL reserves.
fn quoted(column: &str) -> String {
    format!("\"{column}\"")
}

fn list(columns: &[&str], form: impl Fn(&str) -> String) -> String {
    columns.iter().map(|column| form(column)).collect::<Vec<_>>().join(", ")
}

/// The statement that adds a row, or replaces an older one of the same post.
fn upsert(kind: &Kind, columns: &[&str]) -> String {
    let (names, place) = (list(columns, quoted), &PLACE[1..]);
    let values = (1..=columns.len()).map(|at| format!("?{at}")).collect::<Vec<_>>().join(", ");
    let updates = list(columns, |column| format!("\"{column}\" = excluded.\"{column}\""));
    let new = list(place, |column| format!("excluded.\"{column}\""));
    let old = list(place, |column| format!("{kind}_rows.\"{column}\""));
    format!(
        "INSERT INTO {kind}_rows (rowid, {names}) VALUES (coalesce(?1, {WITHOUT_IND}), {values}) \
         ON CONFLICT (rowid) DO UPDATE SET {updates} WHERE ({new}) > ({old})"
    )
}

fn value<'a>(cell: &'a Cell<'_>) -> ToSqlOutput<'a> {
    ToSqlOutput::Borrowed(match cell {
        Cell::Text(text) => ValueRef::Text(text.as_bytes()),
        Cell::Integer(value) => ValueRef::Integer((*value).into()),
        Cell::BigInteger(value) | Cell::Time(value) => ValueRef::Integer(*value),
        Cell::Number(value) => ValueRef::Real(*value),
        // SQLite has no lists.
        Cell::Numbers(_) | Cell::Null => ValueRef::Null,
    })
}

fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(value) => value.into(),
        ValueRef::Real(value) => value.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Null | ValueRef::Blob(_) => Value::Null,
    }
}

/// The year in UTC of a time in microseconds since 1970.
fn year(micros: i64) -> Option<i32> {
    DateTime::from_timestamp_micros(micros).map(|time| time.year())
}

#[cfg(test)]
mod tests {
    use rusqlite::params;

    use super::*;
    use crate::analytics::QUESTIONS;

    /// Replaces or adds a row of users.
    fn add(engine: &Engine, (offset, partition, list_index): (i64, i32, i32), ind: Option<i32>, joined: &str) {
        let kind = CATALOG.iter().find(|kind| kind.name == "user").unwrap();
        let joined = DateTime::parse_from_rfc3339(joined).unwrap().timestamp_micros();
        let upsert = upsert(kind, &columns(kind));
        engine.connection.execute(&upsert, params![ind, offset, partition, list_index, 30, joined]).unwrap();
    }

    /// The years in which users joined, with their posts, by question 6.
    fn joined(engine: &Engine) -> Vec<(i64, i64)> {
        let answer = engine.answer(QUESTIONS[5].sql).unwrap();
        assert_eq!(answer.columns, ["joining_year", "posts"]);
        answer.rows.iter().map(|row| (row[0].as_i64().unwrap(), row[1].as_i64().unwrap())).collect()
    }

    #[test]
    fn only_the_latest_row_of_a_post_counts_in_whatever_order_rows_come() {
        let engine = Engine::new().unwrap();
        // The texts take the rows without an `ind` as those of one post.
        for (posts, ind) in [(1_u64, Some(7)), (2, None)] {
            for (place, joined) in
                [((5, 0, 0), 2016), ((4, 9, 9), 2015), ((5, 1, 0), 2017), ((5, 0, 1), 2015), ((5, 1, 1), 2018)]
            {
                add(&engine, place, ind, &format!("{joined}-05-01T00:00:00Z"));
            }
            assert_eq!((engine.posts().unwrap(), joined(&engine)), (posts, vec![(2018, posts.cast_signed())]));
        }
    }

    #[test]
    fn a_year_begins_and_ends_in_utc() {
        let engine = Engine::new().unwrap();
        for (ind, joined) in
            ["2015-12-31T23:59:59.999999Z", "2016-01-01T00:00:00Z", "2017-01-01T02:00:00+03:00"].iter().enumerate()
        {
            add(&engine, (0, 0, 0), Some(ind.try_into().unwrap()), joined);
        }
        assert_eq!(joined(&engine), [(2015, 1), (2016, 2)]);
    }

    #[test]
    fn every_question_has_no_rows_before_the_first_post() {
        let engine = Engine::new().unwrap();
        for question in &QUESTIONS {
            let answer = engine.answer(question.sql).unwrap_or_else(|error| panic!("{}: {error}", question.name));
            assert!(answer.rows.is_empty() && answer.columns.len() >= 2, "{}: {answer:?}", question.name);
        }
    }
}
