//! What a deployment sets.

use std::{str::FromStr, time::Duration};

use serde::Deserialize;
use shared::{
    cluster::{BOOTSTRAP_SERVERS, Cluster, SECURITY_PROTOCOL, SSL_CA_LOCATION},
    settings::{Reader, SettingsError, Variable},
    topic::{USER_IDS, UserIds},
};

use crate::source::DatabaseUrl;

static DATABASE_URL: Variable = Variable {
    name: "DATABASE_URL",
    default: None,
    meaning: "where the rows come from: `mysql://user@host/database?login=iam`, `mysql://user:password@host/database`, or \
              `sample` for those that ship with the project",
};

static POSTS_PER_RUN: Variable =
    Variable { name: "POSTS_PER_RUN", default: Some("60"), meaning: "posts of one run, 1 to 10000" };

static SPREAD_SECONDS: Variable = Variable {
    name: "SPREAD_SECONDS",
    default: Some("0"),
    meaning: "seconds over which a run spreads its posts, 0 to 840; 0 sends them at once",
};

/// The settings of `emulator`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How Kafka is reached.
    pub cluster: Cluster,
    /// Whose topics the posts go to, in turn.
    pub user_ids: UserIds,
    /// Where the rows come from.
    pub database_url: DatabaseUrl,
    /// Posts of one run, unless its event says otherwise.
    pub posts_per_run: PostsPerRun,
    /// The time over which a run spreads its posts.
    pub spread: Spread,
}

/// How many posts a run sends, 1 to 10,000: the keys of a run stand in one query a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct PostsPerRun(usize);

impl PostsPerRun {
    /// The most posts of a run.
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

/// The time over which a run spreads its posts, up to 14 minutes: a function runs for 15 at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread(pub Duration);

impl Spread {
    /// 14 minutes.
    const MAX_SECONDS: u64 = 840;
}

/// A number that is not in its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a whole number from {min} to {max}")]
pub struct OutOfRange {
    min: u64,
    max: u64,
}

impl FromStr for PostsPerRun {
    type Err = OutOfRange;

    fn from_str(text: &str) -> Result<Self, OutOfRange> {
        // What is no number is out of range like 0.
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
        &USER_IDS,
        &DATABASE_URL,
        &POSTS_PER_RUN,
        &SPREAD_SECONDS,
    ];

    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// When a variable is missing or does not parse, with all of them named.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(lookup);
        let cluster = Cluster::read(&mut reader);
        let user_ids = reader.read(&USER_IDS);
        let database_url = reader.read(&DATABASE_URL);
        let posts_per_run = reader.read(&POSTS_PER_RUN);
        let spread = reader.read(&SPREAD_SECONDS);
        let settings = (|| {
            Some(Self {
                cluster: cluster?,
                user_ids: user_ids?,
                database_url: database_url?,
                posts_per_run: posts_per_run?,
                spread: spread?,
            })
        })();
        reader.finish(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_range_is_refused_and_never_becomes_the_default() {
        let error = Settings::from_lookup(|name| {
            Some(match name {
                "POSTS_PER_RUN" => "0".to_owned(),
                "SPREAD_SECONDS" => "-1".to_owned(),
                "DATABASE_URL" => "sample".to_owned(),
                "SECURITY_PROTOCOL" => "PLAINTEXT".to_owned(),
                _ => "demo".to_owned(),
            })
        })
        .unwrap_err()
        .to_string();
        assert_eq!(
            error,
            "POSTS_PER_RUN cannot be used (not a whole number from 1 to 10000): posts of one run, 1 to 10000\n\
             SPREAD_SECONDS cannot be used (not a whole number from 0 to 840): seconds over which a run spreads its \
             posts, 0 to 840; 0 sends them at once"
        );
    }
}
