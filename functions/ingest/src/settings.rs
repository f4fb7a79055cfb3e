//! The settings of a deployment.

use shared::{
    cluster::{BOOTSTRAP_SERVERS, Cluster, SECURITY_PROTOCOL, SSL_CA_LOCATION},
    settings::{Reader, SettingsError, Variable},
    stream::{SHARED_STREAMS, SharedStreams},
    topic::{PASS_THROUGH_TOPICS, PassThroughTopics, USER_IDS, UserIds},
};

use crate::{
    read_back::{READ_BACK, ReadBackSwitch},
    status_policy::{STATUSES, StatusPolicy},
};

/// The settings of `ingest`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Kafka cluster.
    pub cluster: Cluster,
    /// The user ids whose topics are served.
    pub user_ids: UserIds,
    /// More topics, whose records are not validated.
    pub pass_through: PassThroughTopics,
    /// Streams of `/streams` that take all kinds of a user id.
    pub shared_streams: SharedStreams,
    /// Set if clients may read records back.
    pub read_back: ReadBackSwitch,
    /// The status of partially written requests.
    pub status_policy: StatusPolicy,
}

impl Settings {
    /// Every variable that `ingest` reads.
    pub const VARIABLES: &[&Variable] = &[
        &BOOTSTRAP_SERVERS,
        &SECURITY_PROTOCOL,
        &SSL_CA_LOCATION,
        &USER_IDS,
        &PASS_THROUGH_TOPICS,
        &SHARED_STREAMS,
        &READ_BACK,
        &STATUSES,
    ];

    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// When a variable is missing or does not parse. The error lists all of them.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(lookup);
        let cluster = Cluster::read(&mut reader);
        let user_ids = reader.read(&USER_IDS);
        let pass_through = reader.read::<PassThroughTopics>(&PASS_THROUGH_TOPICS);
        let pass_through = match (&user_ids, pass_through) {
            (Some(user_ids), Some(topics)) => topics
                .checked_against(user_ids)
                .map_err(|error| reader.reject(&PASS_THROUGH_TOPICS, &error.to_string()))
                .ok(),
            _ => None,
        };
        let shared_streams = reader.read::<SharedStreams>(&SHARED_STREAMS);
        let shared_streams = match (&user_ids, shared_streams) {
            (Some(user_ids), Some(streams)) => streams
                .checked_against(user_ids)
                .map_err(|error| reader.reject(&SHARED_STREAMS, &error.to_string()))
                .ok(),
            _ => None,
        };
        let read_back = reader.read(&READ_BACK);
        let status_policy = reader.read(&STATUSES);
        let settings = (|| {
            Some(Self {
                cluster: cluster?,
                user_ids: user_ids?,
                pass_through: pass_through?,
                shared_streams: shared_streams?,
                read_back: read_back?,
                status_policy: status_policy?,
            })
        })();
        reader.finish(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_lists_every_missing_setting() {
        let error = Settings::from_lookup(|_| None).unwrap_err().to_string();
        assert_eq!(
            error,
            "BOOTSTRAP_SERVERS is not set: Kafka's addresses, `host:port`, comma separated\n\
             AWS_REGION is not set: the region\n\
             AWS_ACCESS_KEY_ID is not set: the access key that signs\n\
             AWS_SECRET_ACCESS_KEY is not set: the access key's secret\n\
             USER_IDS is not set: the user ids whose topics `<user_id>.pin`, `.geo` and `.user` are served, written to and archived, \
             comma separated"
        );
    }
}
