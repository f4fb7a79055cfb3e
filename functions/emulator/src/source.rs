//! The sources of posts: a database, or the project's sample rows.

use std::{error::Error, fmt, str::FromStr, time::Duration};

use futures::future::BoxFuture;
use rand::{Rng, rngs::StdRng};
use shared::{
    database::{ConnectError, Database, Location, LocationError},
    kind::{CATALOG, Kind},
    settings::{Reader, SettingsError},
};
use sqlx::MySqlConnection;

mod mysql;
mod sample;

/// A table's row, as the JSON that the course's script sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The kind whose table holds it.
    pub kind: &'static Kind,
    /// The row's columns in the table's order.
    pub json: String,
}

/// A row that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}, {} {join_key}: {problem}", kind.table, kind.join_key)]
pub struct RefusedRow {
    /// The kind whose table holds it.
    pub kind: &'static Kind,
    /// The value of its join key.
    pub join_key: String,
    /// The invalid columns and their problems.
    pub problem: String,
}

/// The rows that share a join key, in the catalog's order.
pub type Post = Vec<Result<Row, RefusedRow>>;

/// The source of rows.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// The project's sample rows.
    Sample,
    /// A MySQL database with the course's tables.
    MySql(Box<Location>),
}

/// The error of parsing a [`DatabaseUrl`].
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum DatabaseUrlError {
    #[error("not `mysql://user:password@host:3306/database`, nor `sample`")]
    Scheme,
    #[error(transparent)]
    Location(#[from] LocationError),
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        match text {
            "sample" => Ok(Self::Sample),
            _ if text.starts_with("mysql://") => Ok(Self::MySql(Box::new(text.parse()?))),
            _ => Err(DatabaseUrlError::Scheme),
        }
    }
}

/// Reads posts.
#[derive(Debug)]
pub enum Source {
    /// The project's sample rows.
    Sample(sample::Sample),
    /// A MySQL database.
    MySql(Box<mysql::Tables>),
}

/// Connects with a login that is not in the database's URL.
pub trait Connect: fmt::Debug + Send + Sync {
    /// Connects to `database`, but with its own login.
    ///
    /// # Errors
    /// When the login cannot be read, or the database does not accept it.
    fn connect<'a>(&'a self, database: &'a Database) -> BoxFuture<'a, Result<MySqlConnection, SourceError>>;
}

/// The error of reading posts.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum SourceError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Login(Box<dyn Error + Send + Sync>),
    #[error(
        "reading the rows of {database} took longer than {} s: the database stopped responding, or its tables need an index on \
         their join keys, such as {}", timeout.as_secs(), index()
    )]
    Timeout { database: String, timeout: Duration },
    #[error("the database cannot be read")]
    Database(#[from] sqlx::Error),
    #[error("the tables share no join key: there is no post to send")]
    NoPosts,
    #[error(
        "the table `{}` has no row with the `{}` {join_key}, which is in the course's order: choose the order `random`, or a \
         database with all posts of the course's", kind.table, kind.join_key
    )]
    NoPost { kind: &'static Kind, join_key: u16 },
}

/// The statement that creates an index.
fn index() -> String {
    let Kind { table, join_key, .. } = CATALOG[0];
    format!("ALTER TABLE `{table}` ADD INDEX (`{join_key}`)")
}

impl Source {
    /// Opens the source without connecting. Reads the identity for IAM authentication through `lookup`.
    ///
    /// # Errors
    /// When one of AWS's variables that IAM authentication needs is missing.
    pub fn open(url: &DatabaseUrl, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        Ok(match url {
            DatabaseUrl::Sample => Self::Sample(sample::Sample::new()),
            DatabaseUrl::MySql(location) => {
                let mut reader = Reader::new(lookup);
                let database = location.identify(&mut reader);
                Self::MySql(Box::new(mysql::Tables::new(reader.finish(database)?)))
            }
        })
    }

    /// Connects to the database, if there is one, through `login`.
    #[must_use]
    pub fn with_login(self, login: impl Connect + 'static) -> Self {
        match self {
            Self::MySql(tables) => Self::MySql(Box::new(tables.with_login(Box::new(login)))),
            Self::Sample(_) => self,
        }
    }

    /// Draws `count` random posts among the join keys that all tables share. Repeats some if there are fewer.
    ///
    /// # Errors
    /// When the database does not respond, lacks the tables, or holds no post.
    pub async fn draw(&self, count: usize, rng: &mut StdRng) -> Result<Vec<Post>, SourceError> {
        match self {
            Self::Sample(sample) => Ok(sample.draw(count, rng)),
            Self::MySql(tables) => {
                let drawn = tables.draw(count).await?;
                if drawn.is_empty() {
                    return Err(SourceError::NoPosts);
                }
                let repeat = |rng: &mut StdRng| drawn[rng.random_range(0..drawn.len())].clone();
                Ok((0..count).map(|at| drawn.get(at).cloned().unwrap_or_else(|| repeat(rng))).collect())
            }
        }
    }

    /// Reads the posts with these join keys, in this order.
    ///
    /// # Errors
    /// When the database does not respond, or a table lacks one of the join keys.
    pub async fn read(&self, join_keys: &[u16]) -> Result<Vec<Post>, SourceError> {
        match self {
            Self::Sample(sample) => sample.read(join_keys),
            Self::MySql(tables) => tables.read(join_keys).await,
        }
    }
}
