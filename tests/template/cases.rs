//! The tested stacks: each profile, and each allowed value of each parameter.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::support::template::{Parameters, Stack, parameters, profiles, stacks};

/// Parameter names and values.
type Given = &'static [(&'static str, &'static str)];

/// The further parameters that a parameter's value requires.
const REQUIRED: &[(&str, &str, Given)] = &[
    (
        "Cluster",
        "existing",
        &[
            ("ClusterArn", "arn:aws:kafka:eu-west-1:123456789012:cluster/theirs/0a1b2c3d-4"),
            ("ClusterSecurityGroupId", "sg-0c"),
            ("VpcId", "vpc-0a"),
            ("SubnetIds", "subnet-0a,subnet-0b,subnet-0c"),
        ],
    ),
    ("KafkaVersion", "3.9.x.kraft", &[("BrokerType", "kafka.m5.large")]),
    ("KafkaVersion", "4.0.x.kraft", &[("BrokerType", "kafka.m7g.large")]),
    ("KafkaVersion", "4.1.x.kraft", &[("BrokerType", "kafka.m7g.large")]),
    ("KafkaVersion", "4.2.x.kraft", &[("BrokerType", "kafka.m7g.xlarge")]),
    (
        "Archive",
        "msk-connect",
        &[("ConnectPluginArn", "arn:aws:kafkaconnect:eu-west-1:123456789012:custom-plugin/confluent-s3/0a1b2c3d-4")],
    ),
    (
        "Database",
        "existing-private",
        &[
            ("DatabaseUrl", "mysql://reader@db.internal:3306/pinterest_data?login=iam"),
            ("DatabaseUserArn", "arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-0A1B/reader"),
            ("DatabaseSecurityGroupId", "sg-0d"),
            ("VpcId", "vpc-0a"),
            ("SubnetIds", "subnet-0a,subnet-0b,subnet-0c"),
        ],
    ),
    (
        "Database",
        "existing-public",
        &[
            ("DatabaseUrl", "mysql://db.example.com/pinterest_data"),
            ("DatabaseSecretArn", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reader-0A1B2C"),
        ],
    ),
];

/// Sets of values for parameters without allowed values.
const FREE_TEXT: &[Given] = &[
    &[("VpcId", "vpc-0a"), ("SubnetIds", "subnet-0a,subnet-0b,subnet-0c")],
    &[
        ("VpcId", "vpc-0a"),
        ("SubnetIds", "subnet-0a,subnet-0b"),
        ("RouteTableIds", "rtb-0a,rtb-0b"),
        ("BrokerCount", "2"),
    ],
    &[
        ("Database", "existing-public"),
        ("DatabaseUserArn", "arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-0A1B/reader"),
        ("DatabaseSecretArn", ""),
    ],
    &[("PassThroughTopics", "clicks,views.v1")],
    &[("SharedStreams", "Kinesis-Prod-Stream=demo,all=b-2")],
    &[("StageName", "v1")],
    &[("StageName", "_team_2")],
    &[("EmulatorRate", "cron(0 8 * * ? *)")],
    &[("DatabaseVersion", "8.4.9"), ("Database", "create")],
    &[("AccessLog", "on-and-make-role"), ("Authentication", "none")],
    &[("AvailabilityZones", "eu-west-1c,eu-west-1b,eu-west-1a")],
    &[("KafkaVersion", "4.0.x.kraft"), ("BrokerStorage", "20"), ("Partitions", "3")],
    &[("ThrottleRate", "7"), ("ThrottleBurst", "9")],
    &[("ReservedConcurrency", "5")],
    &[("ProvisionedConcurrency", "2")],
    &[("ArchivePrefix", "second/")],
    &[("ArchivePrefix", "second/"), ("Archive", "msk-connect")],
    &[("AlarmTopicArn", "arn:aws:sns:eu-west-1:123456789012:alarms")],
    &[("KmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:key/0a1b"), ("Database", "create")],
    &[("KmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:key/0a1b"), ("Archive", "msk-connect")],
    &[("KmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:key/0a1b"), ("Archive", "event-source-mapping")],
    &[("Cluster", "existing"), ("Archive", "event-source-mapping")],
    &[("Cluster", "serverless"), ("Archive", "msk-connect")],
    &[("Cluster", "serverless"), ("VpcId", "vpc-0a"), ("SubnetIds", "subnet-0a,subnet-0b")],
];

/// These parameters on top of the default profile's, with the ones that they require.
pub(crate) fn with(given: &[(&str, &str)]) -> Parameters {
    completed(&parameters(given))
}

fn completed(given: &Parameters) -> Parameters {
    let requires = |(name, value, _): &&(&str, &str, _)| given.get(*name).is_some_and(|given| given == value);
    let ids = REQUIRED.iter().filter(requires).flat_map(|(_, _, ids)| parameters(ids));
    // Two user ids: a list of one could pass for a string.
    [("UserIds".to_owned(), "demo,b-2".to_owned())].into_iter().chain(ids).chain(given.clone()).collect()
}

/// Each profile's parameters.
pub(crate) fn of_profiles() -> BTreeMap<String, Parameters> {
    let overrides = |options: &Value| serde_json::from_value(options["deploy"]["parameter_overrides"].clone()).unwrap();
    profiles().as_object().unwrap().iter().map(|(profile, options)| (profile.clone(), overrides(options))).collect()
}

/// Every tested stack with its parameters.
pub(crate) async fn every() -> Vec<(Parameters, Arc<Stack>)> {
    let plain = with(&[]);
    let declared = stacks(&[plain]).await.remove(0).declared.clone();
    let mut cases: Vec<_> = of_profiles().values().map(completed).collect();
    for (name, parameter) in declared.as_object().unwrap() {
        for value in parameter["AllowedValues"].as_array().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            cases.push(with(&[(name, &value)]));
        }
    }
    cases.extend(FREE_TEXT.iter().map(|given| with(given)));
    let stacks = stacks(&cases).await;
    for (case, stack) in cases.iter().zip(&stacks) {
        assert!(stack.refused.is_empty(), "{case:?}: {:?}", stack.refused);
    }
    cases.into_iter().zip(stacks).collect()
}
