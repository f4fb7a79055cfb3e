//! The resource's properties in the template. CloudFormation passes numbers as strings.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de};
use shared::{
    cluster::{BootstrapServers, BootstrapServersError},
    topic::UserIds,
};

/// Selects the cluster's default replication factor, since Kafka 2.4 (KIP-464).
const CLUSTER_DEFAULT: i16 = -1;

/// The required topics, and the settings of missing ones.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Properties {
    /// Kafka's addresses, `host:port`, comma separated.
    pub bootstrap_servers: String,
    /// The topics' names, without duplicates.
    pub topics: Vec<String>,
    /// The partitions per topic, at least one.
    pub partitions: i32,
    /// The replicas per partition; -1 for the cluster's default.
    pub replication_factor: i16,
}

/// The error of parsing the properties.
#[derive(Debug, thiserror::Error)]
enum PropertiesError {
    #[error("BootstrapServers: {0}")]
    BootstrapServers(BootstrapServersError),
    // Not a source: serde keeps only an error's text.
    #[error("UserIds: {0}")]
    UserIds(shared::topic::UserIdsError),
    #[error("neither UserIds nor Topics names anything")]
    NoTopics,
    #[error("Partitions is {0} and must be at least 1")]
    Partitions(i32),
    #[error("ReplicationFactor is {0} and must be at least 1, or -1 for the cluster's own")]
    ReplicationFactor(i16),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Raw {
    bootstrap_servers: String,
    #[serde(default)]
    user_ids: Names,
    #[serde(default)]
    topics: Names,
    #[serde(default = "one", deserialize_with = "number")]
    partitions: i32,
    #[serde(default = "cluster_default", deserialize_with = "number")]
    replication_factor: i16,
}

/// A list, from a parameter of type `CommaDelimitedList`, or comma-separated text, from a string.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Names {
    #[default]
    None,
    List(Vec<String>),
    Text(String),
}

impl Names {
    /// The names without empty ones: a template cannot omit a list, only pass one empty name.
    fn each(&self) -> Vec<&str> {
        let names: Vec<_> = match self {
            Self::None => Vec::new(),
            Self::List(names) => names.iter().map(String::as_str).collect(),
            Self::Text(names) => names.split(',').collect(),
        };
        names.into_iter().map(str::trim).filter(|name| !name.is_empty()).collect()
    }
}

impl TryFrom<Raw> for Properties {
    type Error = PropertiesError;

    fn try_from(raw: Raw) -> Result<Self, PropertiesError> {
        let Raw { bootstrap_servers, user_ids, topics: others, partitions, replication_factor } = raw;
        let user_ids = user_ids.each().join(",");
        let mut topics = match user_ids.as_str() {
            "" => Vec::new(),
            ids => ids.parse::<UserIds>().map_err(PropertiesError::UserIds)?.topic_names(),
        };
        for name in others.each() {
            if !topics.iter().any(|known| known == name) {
                topics.push(name.to_owned());
            }
        }
        if topics.is_empty() {
            return Err(PropertiesError::NoTopics);
        }
        if partitions < 1 {
            return Err(PropertiesError::Partitions(partitions));
        }
        if replication_factor < 1 && replication_factor != CLUSTER_DEFAULT {
            return Err(PropertiesError::ReplicationFactor(replication_factor));
        }
        let BootstrapServers(bootstrap_servers) =
            bootstrap_servers.parse().map_err(PropertiesError::BootstrapServers)?;
        Ok(Self { bootstrap_servers, topics, partitions, replication_factor })
    }
}

fn one() -> i32 {
    1
}

fn cluster_default() -> i16 {
    CLUSTER_DEFAULT
}

fn number<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(deserializer: D) -> Result<T, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(i64),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Text(text) => text,
        Written::Number(number) => number.to_string(),
    };
    text.trim().parse().map_err(|reason| de::Error::custom(format!("`{text}` is not a number in range ({reason})")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(properties: Value) -> Result<Properties, String> {
        serde_json::from_value(properties).map_err(|error| error.to_string())
    }

    #[test]
    fn each_user_id_gets_one_topic_per_kind_with_default_settings() {
        let properties = read(json!({"BootstrapServers": "b:9098", "UserIds": ["a", "b"]})).unwrap();
        assert_eq!(properties.topics, "a,b".parse::<UserIds>().unwrap().topic_names());
        assert_eq!((properties.partitions, properties.replication_factor), (1, -1));
    }

    #[test]
    fn numbers_and_lists_are_also_parsed_from_strings() {
        let strings = json!({"BootstrapServers": "b:9098", "UserIds": "a, b", "Topics": "", "Partitions": "6", "ReplicationFactor": "3"});
        let lists = json!({"BootstrapServers": "b:9098", "UserIds": ["a", "b"], "Topics": [""], "Partitions": 6, "ReplicationFactor": 3});
        assert_eq!(read(strings).unwrap(), read(lists).unwrap());
    }

    #[test]
    fn further_topics_are_added_to_those_of_the_user_ids_without_duplicates() {
        let properties = json!({"BootstrapServers": "b:9098", "UserIds": ["a"], "Topics": ["a.pin", "dead-letters"]});
        assert_eq!(read(properties).unwrap().topics, ["a.pin", "a.geo", "a.user", "dead-letters"]);
        assert_eq!(read(json!({"BootstrapServers": "b:9098", "Topics": ["x"]})).unwrap().topics, ["x"]);
    }

    #[test]
    fn an_invalid_property_is_named() {
        for (wrong, problem) in [
            (json!({"UserIds": ["a b"]}), "UserIds: `a b`: a user id has"),
            (json!({"UserIds": ["a", "a"]}), "UserIds: `a` is given twice"),
            (json!({"UserIds": ""}), "neither UserIds nor Topics names anything"),
            (json!({"UserIds": "a", "Partitions": "0"}), "Partitions is 0 and must be at least 1"),
            (json!({"UserIds": "a", "Partitions": "many"}), "`many` is not a number in range"),
            (json!({"UserIds": "a", "ReplicationFactor": "0"}), "ReplicationFactor is 0 and must be at least 1, or -1"),
            (json!({"UserIds": "a", "ReplicationFactor": "-2"}), "ReplicationFactor is -2"),
            (json!({"UserIds": "a", "Partition": "1"}), "unknown field `Partition`"),
        ] {
            let mut properties = wrong;
            properties["BootstrapServers"] = json!("b:9098");
            let error = read(properties).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
        assert!(read(json!({"UserIds": "a"})).unwrap_err().contains("missing field `BootstrapServers`"));
    }
}
