//! The template's rules reject wrong combinations of parameters before anything is created.

use std::collections::BTreeSet;

use shared::topic::UserIds;

use super::cases::{every, with};
use crate::support::template::{Parameters, list, stacks};

const ARN: (&str, &str) = ("ClusterArn", "arn:aws:kafka:eu-west-1:123456789012:cluster/theirs/0a1b2c3d-4");
const SECRET: (&str, &str) =
    ("DatabaseSecretArn", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reader-0A1B2C");

const KRAFT: (&str, &str) = ("KafkaVersion", "4.2.x.kraft");
const USER: (&str, &str) = ("DatabaseUserArn", "arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-0A1B/a");
const GROUP: (&str, &str) = ("DatabaseSecurityGroupId", "sg-0d");

/// A version's description fits six subnets.
const SEVEN_SUBNETS: &str = "subnet-0a,subnet-0b,subnet-0c,subnet-0d,subnet-0e,subnet-0f,subnet-1a";

/// The start of a violation, and parameters that cause it.
const WRONG: &[(&str, &[(&str, &str)])] = &[
    ("Cluster is existing: set ClusterArn", &[("Cluster", "existing"), ("ClusterArn", "")]),
    (
        "Cluster is existing: set VpcId to its VPC and SubnetIds",
        &[("Cluster", "existing"), ("VpcId", ""), ("SubnetIds", "")],
    ),
    ("Cluster is existing: set ClusterSecurityGroupId", &[("Cluster", "existing"), ("ClusterSecurityGroupId", "")]),
    ("ClusterArn and ClusterSecurityGroupId are for", &[ARN]),
    (
        "ClusterArn and ClusterSecurityGroupId are for",
        &[("ClusterSecurityGroupId", "sg-0c"), ("Cluster", "serverless")],
    ),
    (
        "BrokerType is kafka.t3.small: MSK supports only KafkaVersion 3.9.x on it",
        &[KRAFT, ("BrokerType", "kafka.t3.small")],
    ),
    ("KafkaVersion: not one of its values", &[("KafkaVersion", "3.9.1"), ("BrokerType", "kafka.m5.large")]),
    ("StageName: letters, digits and _", &[("StageName", "pin-pipeline")]),
    ("EmulatorRate: rate(5 minutes) or cron(0 8 * * ? *). In samconfig.toml", &[("EmulatorRate", "rate(5")]),
    ("EmulatorRate: rate(5 minutes)", &[("EmulatorRate", "rate(0 minutes)")]),
    ("DatabaseVersion: a major version of MySQL", &[("DatabaseVersion", "8"), ("Database", "create")]),
    ("VpcId is set: set SubnetIds", &[("VpcId", "vpc-0a")]),
    ("SubnetIds and RouteTableIds belong", &[("SubnetIds", "subnet-0a,subnet-0b")]),
    ("SubnetIds and RouteTableIds belong", &[("RouteTableIds", "rtb-0a")]),
    ("Archive is msk-connect", &[("Archive", "msk-connect"), ("ConnectPluginArn", "")]),
    ("ArchivePrefix: folders", &[("ArchivePrefix", "second")]),
    ("ArchivePrefix: folders", &[("ArchivePrefix", "query-results/")]),
    ("ArchivePrefix: folders", &[("ArchivePrefix", "query-results/second/")]),
    ("ArchivePrefix: folders", &[("ArchivePrefix", "aws/lambda/")]),
    ("ArchivePrefix: folders", &[("ArchivePrefix", "connect/4f0c1b6e-13/")]),
    ("ArchivePrefix: folders", &[("ArchivePrefix", "second/connect/4f0c1b6e-13/")]),
    ("SubnetIds: two to six subnets", &[("VpcId", "vpc-0a"), ("SubnetIds", "subnet-0a")]),
    ("SubnetIds: two to six subnets", &[("VpcId", "vpc-0a"), ("SubnetIds", SEVEN_SUBNETS)]),
    (
        "AvailabilityZones is for a new VPC",
        &[
            ("VpcId", "vpc-0a"),
            ("SubnetIds", "subnet-0a,subnet-0b"),
            ("AvailabilityZones", "eu-west-1a,eu-west-1b,eu-west-1c"),
        ],
    ),
    ("Database is existing: set DatabaseUrl", &[("Database", "existing-public"), ("DatabaseUrl", "")]),
    ("Database is existing: set DatabaseUserArn", &[("Database", "existing-public"), ("DatabaseSecretArn", "")]),
    ("Database is existing: set DatabaseUserArn", &[("Database", "existing-private"), ("DatabaseUserArn", "")]),
    ("Database is existing-private: set VpcId", &[("Database", "existing-private"), ("VpcId", ""), ("SubnetIds", "")]),
    ("Database is existing-private: set VpcId", &[("Database", "existing-private"), ("DatabaseSecurityGroupId", "")]),
    (
        "Database is existing-private: secrets cannot be read inside the VPC",
        &[("Database", "existing-private"), SECRET],
    ),
    ("Database is existing-public: DatabaseUserArn", &[("Database", "existing-public"), USER]),
    ("Database is existing-public: DatabaseSecurityGroupId", &[("Database", "existing-public"), GROUP]),
    ("DatabaseUrl, DatabaseUserArn", &[("DatabaseUrl", "mysql://a@b/c")]),
    ("DatabaseUrl, DatabaseUserArn", &[("Database", "create"), SECRET]),
    ("DatabaseUrl, DatabaseUserArn", &[USER]),
    ("DatabaseUrl, DatabaseUserArn", &[GROUP]),
];

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_wrong_choice_violates_one_rule_and_each_rule_has_a_wrong_choice() {
    let cases: Vec<Parameters> = WRONG.iter().map(|(_, given)| with(given)).collect();
    let stacks = stacks(&cases).await;
    for ((begins, given), stack) in WRONG.iter().zip(&stacks) {
        let [sentence] = &stack.refused[..] else { panic!("{given:?}: {:?}", stack.refused) };
        assert!(sentence.starts_with(begins), "{given:?}: {sentence}");
    }
    let refused: BTreeSet<_> = stacks.iter().flat_map(|stack| stack.refused.clone()).collect();
    let rules = stacks[0].all_rules.as_object().unwrap().values();
    let sentences =
        rules.flat_map(|rule| list(&rule["Assertions"])).map(|it| it["AssertDescription"].as_str().unwrap());
    for sentence in sentences {
        assert!(refused.contains(sentence), "no case breaks: {sentence}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn no_right_choice_is_rejected_and_each_rule_has_one() {
    // `every` asserts that none of these is rejected.
    let asked: BTreeSet<_> = every().await.iter().flat_map(|(_, stack)| stack.rules.clone()).collect();
    let (_, stack) = every().await.remove(0);
    let rules: BTreeSet<_> = stack.all_rules.as_object().unwrap().keys().cloned().collect();
    assert_eq!(asked, rules);
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_template_rejects_every_user_id_that_the_functions_reject() {
    let longest = "a".repeat(64);
    let cases = [
        ("demo,b-2", true),
        ("-a,0,a_b,A_", true),
        (&longest, true),
        ("_a", false),
        ("demo,_", false),
        (".a", false),
        ("a b", false),
        ("", false),
    ];
    let parameters: Vec<_> = cases.iter().map(|(user_ids, _)| with(&[("UserIds", user_ids)])).collect();
    for ((user_ids, good), stack) in cases.iter().zip(stacks(&parameters).await) {
        let about: Vec<_> = stack.refused.iter().filter(|sentence| sentence.starts_with("UserIds: ")).collect();
        assert_eq!(about.is_empty(), *good, "{user_ids}: {about:?}");
        assert_eq!(user_ids.parse::<UserIds>().is_ok(), *good, "{user_ids}");
    }
    // The functions accept these. Rights by prefix could not separate the first, and the second is too long for a response.
    for user_ids in ["a.b", &"a".repeat(65)] {
        assert_eq!(stacks(&[with(&[("UserIds", user_ids)])]).await[0].refused.len(), 1, "{user_ids}");
    }
}
