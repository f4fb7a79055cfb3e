//! A function's dependencies are created before CloudFormation or an event invokes it, and deleted afterwards.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cases::every;
use crate::support::template::{Stack, list, texts};

/// A resource, its prerequisite, and the reason.
const BEFORE: &[(&str, &str, &str)] = &[
    ("Brokers", "ProvisionedCluster", "it is looked for"),
    ("Brokers", "ServerlessCluster", "it is looked for"),
    ("Topics", "ClusterFromFunctions", "`topics` reaches the brokers through it"),
    ("Topics", "S3Endpoint", "`topics` responds to CloudFormation through S3, also on deletion"),
    ("Topics", "FirstRoute", "the endpoint is reached through the subnet's route table"),
    ("Topics", "SecondRoute", "the endpoint is reached through the subnet's route table"),
    ("DatabaseContent", "DatabaseInstance", "it is filled"),
    ("DatabaseContent", "DatabaseFromFunctions", "the part in the VPC reaches the database through it"),
    ("EmulatorFunctionEachMinute", "Topics", "posts are written to them"),
    ("EmulatorFunctionEachMinute", "DatabaseContent", "posts are read from it"),
    ("IngestFromApi", "Topics", "records go there"),
    ("ArchiveSchedule", "Topics", "records come from there"),
    ("ArchiveSchedule", "S3Endpoint", "objects go that way"),
    ("ArchiveOfdemopin", "Topics", "records come from there"),
    ("ArchiveOfdemopin", "ClusterFromItself", "pollers reach the brokers through it"),
    ("Connector", "Topics", "a missing topic would be created with other settings"),
    ("Connector", "ClusterFromItself", "workers reach the brokers through it"),
    ("Connector", "S3Endpoint", "objects go that way"),
    ("Connector", "ConnectorLog", "MSK Connect makes none"),
];

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn prerequisites_are_created_before_and_deleted_after_their_resources() {
    let mut met = BTreeSet::new();
    for (case, stack) in every().await {
        for (name, needed, reason) in BEFORE {
            if [name, needed].into_iter().all(|name| stack.resources.contains_key(*name)) {
                assert!(stack.created_before(name).contains(needed), "{case:?}: {name} needs {needed}: {reason}");
                met.insert((name, needed));
            }
        }
    }
    assert_eq!(met.len(), BEFORE.len(), "a pair that never occurs: {met:?}");
}

/// The functions behind a custom resource: its own, and those that this one invokes.
fn behind<'a>(stack: &'a Stack, resource: &Value) -> Vec<&'a str> {
    let by_arn = |arn: &Value| {
        let mut functions = stack.of_type("AWS::Lambda::Function");
        functions.find(|(name, _)| arn.as_str().unwrap().contains(&format!("-{name}-"))).unwrap().0
    };
    let outer = by_arn(&resource["Properties"]["ServiceToken"]);
    let invokes = stack.statements(&format!("{outer}Role")).into_iter();
    let invokes = invokes.filter(|statement| statement["Action"] == "lambda:InvokeFunction");
    std::iter::once(outer).chain(invokes.flat_map(|statement| list(&statement["Resource"])).map(by_arn)).collect()
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_custom_resources_function_has_its_rights_log_and_network_before_it_is_invoked() {
    for (case, stack) in every().await {
        let custom = stack.resources.iter().filter(|(_, it)| it["Type"].as_str().unwrap().starts_with("Custom::"));
        for (name, resource) in custom {
            let before = stack.created_before(name);
            for function in behind(&stack, resource) {
                let role = format!("{function}Role");
                let properties = stack.properties(function);
                let group = properties["LoggingConfig"]["LogGroup"].as_str().unwrap();
                let mut groups = stack.of_type("AWS::Logs::LogGroup");
                let log = groups.find(|(_, it)| it["LogGroupName"] == group).unwrap().0;
                for needed in [function, role.as_str(), log] {
                    assert!(before.contains(needed), "{case:?}: {name} is created before {needed}");
                }
                if properties.get("VpcConfig").is_some() {
                    assert!(before.contains("FunctionsSecurityGroup"), "{case:?}: {name}");
                }
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_right_to_find_the_cluster_is_created_before_the_cluster() {
    for (case, stack) in every().await {
        let before_the_role = stack.created_before("BrokersFunctionRole");
        assert_eq!(before_the_role, BTreeSet::new(), "{case:?}: it has no dependency");
        for cluster in ["ProvisionedCluster", "ServerlessCluster"] {
            if stack.resources.contains_key(cluster) {
                assert!(stack.created_before(cluster).contains("BrokersFunctionRole"), "{case:?}: {cluster}");
            }
        }
        let statements = stack.statements("BrokersFunctionRole").into_iter();
        let on = statements.filter(|statement| statement["Action"] == "kafka:DescribeClusterV2");
        let on: Vec<_> = on.flat_map(|statement| texts(&statement["Resource"])).collect();
        let cluster = stack.outputs["ClusterArn"]["Value"].as_str().unwrap();
        let matches =
            on.iter().any(|on| cluster == *on || on.strip_suffix('*').is_some_and(|it| cluster.starts_with(it)));
        assert!(matches, "{case:?}: {cluster} is not one of {on:?}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn no_resource_depends_on_itself() {
    for (_, stack) in every().await {
        for name in stack.resources.keys() {
            stack.created_before(name);
        }
    }
}
