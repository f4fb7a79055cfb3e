//! The function's settings.

use std::{str::FromStr, time::Duration};

use serde::Deserialize;
use shared::{
    cluster::{self, Cluster, SECURITY_PROTOCOL, SSL_CA_LOCATION},
    settings::{Reader, SettingsError, Variable},
    topic::{USER_IDS, UserIds},
};

use crate::{
    delivery::{Delivery, FunctionName},
    order::{Order, POST_ORDER},
    secret::SecretArn,
    source::DatabaseUrl,
};

static BOOTSTRAP_SERVERS: Variable = Variable {
    name: cluster::BOOTSTRAP_SERVERS.name,
    default: Some(""),
    meaning: "Kafka's addresses, `host:port`, comma separated; either these or `INGEST_FUNCTION`",
};

static INGEST_FUNCTION: Variable = Variable {
    name: "INGEST_FUNCTION",
    default: Some(""),
    meaning: "the function `ingest`, by name or ARN, invoked to write the records where Kafka cannot be reached",
};

static DATABASE_URL: Variable = Variable {
    name: "DATABASE_URL",
    default: None,
    meaning: "the database to read: `mysql://user@host/database?login=iam`, `mysql://user:password@host/database`, or \
              `sample` for the project's sample rows",
};

static DATABASE_SECRET_ARN: Variable = Variable {
    name: "DATABASE_SECRET_ARN",
    default: Some(""),
    meaning: "a secret in Secrets Manager, `{\"username\":…,\"password\":…}`, for a `DATABASE_URL` without a user: \
              `mysql://host/database`",
};

static POSTS_PER_RUN: Variable =
    Variable { name: "POSTS_PER_RUN", default: Some("60"), meaning: "posts per run, 1 to 10000" };

static SPREAD_SECONDS: Variable = Variable {
    name: "SPREAD_SECONDS",
    default: Some("0"),
    meaning: "seconds over which a run spreads its posts, 0 to 840; 0 sends them at once",
};

/// The settings of `emulator`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The destination of the records.
    pub delivery: Delivery,
    /// The user ids whose topics get the posts, in turn.
    pub user_ids: UserIds,
    /// The source of the rows.
    pub database_url: DatabaseUrl,
    /// The secret to log in with, for a `database_url` without a user.
    pub database_secret: Option<SecretArn>,
    /// The order of the posts.
    pub order: Order,
    /// Posts per run, unless the event sets another number.
    pub posts_per_run: PostsPerRun,
    /// The time over which a run spreads its posts.
    pub spread: Spread,
}

/// The number of posts per run, 1 to 10,000: one query per table lists all of a run's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct PostsPerRun(usize);

impl PostsPerRun {
    /// The maximum number of posts per run.
    pub const MAX: usize = 10_000;

    /// The number.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}

impl TryFrom<u64> for PostsPerRun {
    type Error = OutOfRange;

    fn try_from(posts: u64) -> Result<Self, OutOfRange> {
        let (min, max) = (1, Self::MAX as u64);
        let in_range = usize::try_from(posts).ok().filter(|posts| (1..=Self::MAX).contains(posts));
        in_range.map(Self).ok_or(OutOfRange { min, max })
    }
}

/// The time over which a run spreads its posts, up to 14 minutes: Lambda's limit is 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread(pub Duration);

impl Spread {
    const MAX_SECONDS: u64 = 840;
}

/// The error of a number outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a whole number from {min} to {max}")]
pub struct OutOfRange {
    min: u64,
    max: u64,
}

impl FromStr for PostsPerRun {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        // Text that is not a number is out of range, like 0.
        Self::try_from(text.parse::<u64>().unwrap_or_default())
    }
}

impl FromStr for Spread {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        let seconds = text.parse().ok().filter(|seconds| *seconds <= Self::MAX_SECONDS);
        let spread = seconds.map(Duration::from_secs).map(Self);
        spread.ok_or(OutOfRange { min: 0, max: Self::MAX_SECONDS })
    }
}

impl Settings {
    /// Every variable that `emulator` reads.
    pub const VARIABLES: &[&Variable] = &[
        &BOOTSTRAP_SERVERS,
        &SECURITY_PROTOCOL,
        &SSL_CA_LOCATION,
        &INGEST_FUNCTION,
        &USER_IDS,
        &DATABASE_URL,
        &DATABASE_SECRET_ARN,
        &POST_ORDER,
        &POSTS_PER_RUN,
        &SPREAD_SECONDS,
    ];

    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// When a variable is missing or does not parse. The error lists all of them.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(lookup);
        let delivery = delivery(&mut reader);
        let user_ids = reader.read(&USER_IDS);
        let database_url = reader.read::<DatabaseUrl>(&DATABASE_URL);
        let database_secret = reader.read_if_set::<SecretArn>(&DATABASE_SECRET_ARN);
        if let (Some(database_url), Some(Some(_))) = (&database_url, &database_secret)
            && !matches!(database_url, DatabaseUrl::MySql(location) if !location.has_login())
        {
            reader.reject(&DATABASE_SECRET_ARN, "`DATABASE_URL` already names a user, or is not a database");
        }
        let order = reader.read(&POST_ORDER);
        let posts_per_run = reader.read(&POSTS_PER_RUN);
        let spread = reader.read(&SPREAD_SECONDS);
        let settings = (|| {
            Some(Self {
                delivery: delivery?,
                user_ids: user_ids?,
                database_url: database_url?,
                database_secret: database_secret?,
                order: order?,
                posts_per_run: posts_per_run?,
                spread: spread?,
            })
        })();
        reader.finish(settings)
    }
}

/// Reads the destination. Ignores Kafka's variables if `INGEST_FUNCTION` is set.
fn delivery<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<Delivery> {
    if reader.one_of([&BOOTSTRAP_SERVERS, &INGEST_FUNCTION])?.name == INGEST_FUNCTION.name {
        reader.read::<FunctionName>(&INGEST_FUNCTION).map(Delivery::Ingest)
    } else {
        Cluster::read(reader).map(Delivery::Kafka)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<Settings, String> {
        let usual = [("USER_IDS", "demo"), ("DATABASE_URL", "sample")];
        let set = |name: &str| more.iter().chain(&usual).find(|(other, _)| *other == name).map(|(_, value)| *value);
        Settings::from_lookup(|name| set(name).map(str::to_owned)).map_err(|error| error.to_string())
    }

    #[test]
    fn records_go_either_to_kafka_or_to_a_function_without_kafkas_settings() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:stack-ingest:live";
        for name in [arn, "ingest"] {
            let settings = read(&[("INGEST_FUNCTION", name)]).unwrap();
            assert!(matches!(settings.delivery, Delivery::Ingest(function) if function.to_string() == name));
        }
        let kafka = [("BOOTSTRAP_SERVERS", "b:1"), ("SECURITY_PROTOCOL", "PLAINTEXT")];
        assert!(matches!(read(&kafka).unwrap().delivery, Delivery::Kafka(_)));
        let both = read(&[("BOOTSTRAP_SERVERS", "b:1"), ("INGEST_FUNCTION", "ingest")]).unwrap_err();
        assert!(both.starts_with("BOOTSTRAP_SERVERS and INGEST_FUNCTION are both set"), "{both}");
        let neither = read(&[]).unwrap_err();
        assert!(neither.starts_with("BOOTSTRAP_SERVERS and INGEST_FUNCTION are not set"), "{neither}");
        let no_name = read(&[("INGEST_FUNCTION", "a/../b")]).unwrap_err();
        assert!(no_name.contains("neither a function's name nor its ARN"), "{no_name}");
    }

    #[test]
    fn a_secret_is_used_only_for_a_url_without_a_user() {
        const SECRET: (&str, &str) =
            ("DATABASE_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1-AbCdEf");
        let with = |url| read(&[("INGEST_FUNCTION", "ingest"), SECRET, ("DATABASE_URL", url)]);
        let settings = with("mysql://db.example/pinterest_data").unwrap();
        assert_eq!(settings.database_secret.unwrap().to_string(), SECRET.1);
        for url in ["sample", "mysql://u:s3cret@db/d", "mysql://u@db/d?login=iam"] {
            let error = with(url).unwrap_err();
            assert!(
                error.contains("DATABASE_SECRET_ARN cannot be used (`DATABASE_URL` already names a user"),
                "{error}"
            );
            assert!(!error.contains("s3cret"), "{error}");
        }
        let error = read(&[("INGEST_FUNCTION", "ingest"), ("DATABASE_SECRET_ARN", "s3cret")]).unwrap_err();
        assert!(error.contains("not the ARN of a secret") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_refused_and_never_becomes_the_default() {
        let wrong =
            [("POST_ORDER", "Course"), ("POSTS_PER_RUN", "0"), ("SPREAD_SECONDS", "-1"), ("INGEST_FUNCTION", "ingest")];
        let error = read(&wrong).unwrap_err();
        assert_eq!(
            error,
            "POST_ORDER cannot be used (neither `random` nor `course`): `random`, or `course`: the posts that the course's \
             script draws, in its order, from the first at each start and again after the 909th\n\
             POSTS_PER_RUN cannot be used (not a whole number from 1 to 10000): posts per run, 1 to 10000\n\
             SPREAD_SECONDS cannot be used (not a whole number from 0 to 840): seconds over which a run spreads its \
             posts, 0 to 840; 0 sends them at once"
        );
    }
}
