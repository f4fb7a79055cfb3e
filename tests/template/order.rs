//! Whatever a function needs is made before CloudFormation or an event calls it, and deleted after that.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cases::every;
use crate::support::template::{Stack, list, texts};

/// A resource, one that has to be made before it where both are made, and the reason.
const BEFORE: &[(&str, &str, &str)] = &[
    ("Brokers", "ProvisionedCluster", "it is looked for"),
    ("Brokers", "ServerlessCluster", "it is looked for"),
    ("Topics", "ClusterFromFunctions", "topics reaches the brokers by it"),
    ("Topics", "S3Endpoint", "topics answers CloudFormation by way of S3, at a deletion too"),
    ("Topics", "FirstRoute", "the endpoint is reached by the subnet's own table"),
    ("Topics", "SecondRoute", "the endpoint is reached by the subnet's own table"),
    ("DatabaseContent", "DatabaseInstance", "it is filled"),
    ("DatabaseContent", "DatabaseFromFunctions", "the half in the VPC reaches the database by it"),
    ("EmulatorFunctionEachMinute", "Topics", "posts go there"),
    ("EmulatorFunctionEachMinute", "DatabaseContent", "posts come from there"),
    ("IngestFromApi", "Topics", "records go there"),
    ("ArchiveSchedule", "Topics", "records come from there"),
    ("ArchiveSchedule", "S3Endpoint", "objects go that way"),
    ("ArchiveOfdemopin", "Topics", "records come from there"),
    ("ArchiveOfdemopin", "ClusterFromItself", "pollers reach the brokers by it"),
    ("Connector", "Topics", "a topic that is missing would be made without the stack's settings"),
    ("Connector", "ClusterFromItself", "workers reach the brokers by it"),
    ("Connector", "S3Endpoint", "objects go that way"),
    ("Connector", "ConnectorLog", "MSK Connect makes none"),
];

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn whatever_a_resource_needs_is_made_before_it_and_deleted_after_it() {
    let mut met = BTreeSet::new();
    for (case, stack) in every().await {
        for (name, needed, reason) in BEFORE {
            if [name, needed].into_iter().all(|name| stack.resources.contains_key(*name)) {
                assert!(stack.made_before(name).contains(needed), "{case:?}: {name} needs {needed}: {reason}");
                met.insert((name, needed));
            }
        }
    }
    assert_eq!(met.len(), BEFORE.len(), "a pair of these is never made: {met:?}");
}

/// The functions that work for a custom resource: its own, and those that this one invokes.
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
async fn the_function_behind_a_custom_resource_has_its_rights_log_and_network_before_it_is_called() {
    for (case, stack) in every().await {
        let custom = stack.resources.iter().filter(|(_, it)| it["Type"].as_str().unwrap().starts_with("Custom::"));
        for (name, resource) in custom {
            let before = stack.made_before(name);
            for function in behind(&stack, resource) {
                let role = format!("{function}Role");
                let properties = stack.properties(function);
                let group = properties["LoggingConfig"]["LogGroup"].as_str().unwrap();
                let mut groups = stack.of_type("AWS::Logs::LogGroup");
                let log = groups.find(|(_, it)| it["LogGroupName"] == group).unwrap().0;
                for needed in [function, role.as_str(), log] {
                    assert!(before.contains(needed), "{case:?}: {name} is made before {needed}");
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
async fn the_right_to_look_for_the_cluster_is_older_than_the_cluster() {
    for (case, stack) in every().await {
        let before_the_role = stack.made_before("BrokersFunctionRole");
        assert_eq!(before_the_role, BTreeSet::new(), "{case:?}: it waits for nothing");
        for cluster in ["ProvisionedCluster", "ServerlessCluster"] {
            if stack.resources.contains_key(cluster) {
                assert!(stack.made_before(cluster).contains("BrokersFunctionRole"), "{case:?}: {cluster}");
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
async fn no_resource_waits_for_itself() {
    for (_, stack) in every().await {
        for name in stack.resources.keys() {
            stack.made_before(name);
        }
    }
}
