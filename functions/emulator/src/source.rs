//! Where posts come from: the database, or the rows that ship with the project.

use std::{fmt, str::FromStr, time::Duration};

use rand::{Rng, rngs::StdRng};
use shared::kind::Kind;
use sqlx::mysql::MySqlConnectOptions;

mod mysql;
mod sample;

/// One row of a table, as the JSON that the course's script sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whose table it comes from.
    pub kind: &'static Kind,
    /// The row's columns in the table's order.
    pub json: String,
}

/// The rows that share a join key, in the catalog's order.
pub type Post = Vec<Row>;

/// Where rows are read.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// The rows that ship with the project.
    Sample,
    /// A MySQL database with the course's tables.
    MySql(Box<MySqlConnectOptions>),
}

/// The options hold a password.
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sample => f.write_str("Sample"),
            Self::MySql(_) => f.write_str("MySql(…)"),
        }
    }
}

/// Why a text names no database.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum DatabaseUrlError {
    #[error("not `mysql://user:password@host:3306/database`, nor `sample`")]
    Scheme,
    #[error("no MySQL URL")]
    Url(#[source] sqlx::Error),
    #[error("the URL names no database: mysql://user@host/database")]
    NoDatabase,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        match text {
            "sample" => Ok(Self::Sample),
            _ if text.starts_with("mysql://") => {
                let options = text.parse::<MySqlConnectOptions>().map_err(DatabaseUrlError::Url)?;
                if options.get_database().is_none_or(str::is_empty) {
                    return Err(DatabaseUrlError::NoDatabase);
                }
                Ok(Self::MySql(Box::new(options)))
            }
            _ => Err(DatabaseUrlError::Scheme),
        }
    }
}

/// Draws random posts.
#[derive(Debug)]
pub enum Source {
    /// The rows that ship with the project.
    Sample(sample::Sample),
    /// A MySQL database.
    MySql(mysql::Database),
}

/// Why posts could not be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum SourceError {
    #[error("no database answered at {host}:{port} within {} s", within.as_secs())]
    Unreachable { host: String, port: u16, within: Duration },
    #[error("the database cannot be read")]
    Database(#[from] sqlx::Error),
    #[error("the tables have no join key in common: there is no post to send")]
    NoPosts,
    #[error("table `{table}`, column `{column}`: a value of type {type_name} cannot be sent as JSON")]
    Column { table: &'static str, column: String, type_name: String },
}

impl Source {
    /// Opens the source. Connects to no database yet.
    #[must_use]
    pub fn new(url: &DatabaseUrl) -> Self {
        match url {
            DatabaseUrl::Sample => Self::Sample(sample::Sample::new()),
            DatabaseUrl::MySql(options) => Self::MySql(mysql::Database::new(options)),
        }
    }

    /// Draws `count` posts at random among the join keys that every table has. Where there are fewer, some come again.
    ///
    /// # Errors
    /// When the database does not answer, has not the tables, or has no post.
    pub async fn draw(&self, count: usize, rng: &mut StdRng) -> Result<Vec<Post>, SourceError> {
        match self {
            Self::Sample(sample) => Ok(sample.draw(count, rng)),
            Self::MySql(database) => {
                let drawn = database.draw(count).await?;
                if drawn.is_empty() {
                    return Err(SourceError::NoPosts);
                }
                let again = |rng: &mut StdRng| drawn[rng.random_range(0..drawn.len())].clone();
                Ok((0..count).map(|at| drawn.get(at).cloned().unwrap_or_else(|| again(rng))).collect())
            }
        }
    }
}
