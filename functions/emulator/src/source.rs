//! Where posts come from: the database, or the rows that ship with the project.

use std::{str::FromStr, time::Duration};

use rand::{Rng, rngs::StdRng};
use shared::{
    aws::secret::SecretError,
    database::{ConnectError, Location, LocationError},
    kind::{CATALOG, Kind},
    settings::{Reader, SettingsError},
};

use crate::aws::Aws;

mod login;
mod mysql;
mod sample;

pub use login::{NoSecret, SecretArn};

/// One row of a table, as the JSON that the course's script sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whose table it comes from.
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
    /// The columns at fault, and what is wrong with each.
    pub problem: String,
}

/// The rows that share a join key, in the catalog's order.
pub type Post = Vec<Result<Row, RefusedRow>>;

/// Where rows are read.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// The rows that ship with the project.
    Sample,
    /// A MySQL database with the course's tables.
    MySql(Box<Location>),
}

/// Why a text names no database.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum DatabaseUrlError {
    #[error("not `mysql://user:password@host:3306/database`, nor `sample`")]
    Scheme,
    #[error(transparent)]
    Location(#[from] LocationError),
}

impl DatabaseUrl {
    /// Whether it is a database and leaves open who logs in.
    pub(crate) const fn takes_login(&self) -> bool {
        match self {
            Self::Sample => false,
            Self::MySql(location) => !location.has_login(),
        }
    }
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

/// Draws random posts.
#[derive(Debug)]
pub enum Source {
    /// The rows that ship with the project.
    Sample(sample::Sample),
    /// A MySQL database.
    MySql(Box<mysql::Tables>),
}

/// Why posts could not be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum SourceError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(
        "the rows of {database} did not come within {} s: the database stopped answering, or its tables need an index on their \
         join keys, such as {}", within.as_secs(), index()
    )]
    Slow { database: String, within: Duration },
    #[error("the database cannot be read")]
    Database(#[from] sqlx::Error),
    #[error("the tables have no join key in common: there is no post to send")]
    NoPosts,
}

/// The statement that makes a table's index.
fn index() -> String {
    let Kind { table, join_key, .. } = CATALOG[0];
    format!("ALTER TABLE `{table}` ADD INDEX (`{join_key}`)")
}

impl Source {
    /// Opens the source. Connects to no database yet; who logs in to it by IAM is read through `lookup`.
    ///
    /// # Errors
    /// When a variable of AWS's is missing that the log-in needs.
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

    /// Logs in to a database by what `secret` holds, if there is one, read through `aws` when the rows are first drawn.
    #[must_use]
    pub fn with_secret(self, secret: Option<SecretArn>, aws: &Aws) -> Self {
        match (self, secret) {
            (Self::MySql(tables), Some(secret)) => {
                Self::MySql(Box::new(tables.with_login(login::KeptLogin::new(secret, aws.clone()))))
            }
            (source, _) => source,
        }
    }

    /// Draws `count` posts at random among the join keys that every table has. Where there are fewer, some come again.
    ///
    /// # Errors
    /// When the database does not answer, has not the tables, or has no post.
    pub async fn draw(&self, count: usize, rng: &mut StdRng) -> Result<Vec<Post>, SourceError> {
        match self {
            Self::Sample(sample) => Ok(sample.draw(count, rng)),
            Self::MySql(tables) => {
                let drawn = tables.draw(count).await?;
                if drawn.is_empty() {
                    return Err(SourceError::NoPosts);
                }
                let again = |rng: &mut StdRng| drawn[rng.random_range(0..drawn.len())].clone();
                Ok((0..count).map(|at| drawn.get(at).cloned().unwrap_or_else(|| again(rng))).collect())
            }
        }
    }
}
