//! The resources that cost money while idle.

use std::collections::BTreeSet;

use super::cases::{every, of_profiles};
use crate::support::template::{list, stack, workspace};

/// Types that are free while idle. Three dashboards and ten alarms per account are free; more cost some dollars a month.
const FREE: &[&str] = &[
    "AWS::ApiGateway::Account",
    "AWS::ApiGateway::ApiKey",
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::ApiGateway::UsagePlan",
    "AWS::ApiGateway::UsagePlanKey",
    "AWS::Athena::NamedQuery",
    "AWS::Athena::WorkGroup",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    "AWS::Glue::Database",
    "AWS::Glue::Table",
    "AWS::IAM::Role",
    "AWS::KafkaConnect::WorkerConfiguration",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::MSK::Configuration",
    "AWS::RDS::DBSubnetGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::Queue",
    "AWS::Scheduler::Schedule",
    "Custom::Brokers",
    "Custom::Database",
    "Custom::Topics",
];

/// Types that are billed by the hour, with the parameter and the value that create them.
const HOURLY: &[(&str, &str, &str)] = &[
    ("AWS::MSK::Cluster", "Cluster", "provisioned"),
    ("AWS::MSK::ServerlessCluster", "Cluster", "serverless"),
    ("AWS::RDS::DBInstance", "Database", "create"),
    ("AWS::Lambda::EventSourceMapping", "Archive", "event-source-mapping"),
    ("AWS::KafkaConnect::Connector", "Archive", "msk-connect"),
];

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn only_chosen_resources_cost_money_while_idle() {
    for (case, stack) in every().await {
        for (name, resource) in &stack.resources {
            let kind = resource["Type"].as_str().unwrap();
            let chosen = HOURLY.iter().find(|(paid, ..)| *paid == kind);
            match chosen {
                Some((_, parameter, value)) => assert_eq!(stack.parameters[*parameter], *value, "{case:?}: {name}"),
                None => assert!(FREE.contains(&kind), "{case:?}: {name}, {kind}"),
            }
        }
        // Interface endpoints are billed by the hour, gateway endpoints are free.
        for (name, endpoint) in stack.of_type("AWS::EC2::VPCEndpoint") {
            assert_eq!(endpoint["VpcEndpointType"], "Gateway", "{case:?}: {name}");
        }
        for (name, alias) in stack.of_type("AWS::Lambda::Alias") {
            let chosen = &stack.parameters["ProvisionedConcurrency"];
            let kept =
                alias.get("ProvisionedConcurrencyConfig").map(|config| &config["ProvisionedConcurrentExecutions"]);
            assert_eq!(kept.unwrap_or(&"0".into()), chosen, "{case:?}: {name}");
        }
        let groups: BTreeSet<_> = stack
            .of_type("AWS::Lambda::EventSourceMapping")
            .map(|(_, mapping)| mapping["ProvisionedPollerConfig"]["PollerGroupName"].to_string())
            .collect();
        assert!(groups.len() <= 1, "{case:?}: pollers are billed by the group: {groups:?}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_default_profile_only_pays_for_three_small_brokers() {
    let stack = stack(&of_profiles()["default"]).await;
    let paid: Vec<_> =
        HOURLY.iter().filter(|(kind, ..)| stack.of_type(kind).next().is_some()).map(|(kind, ..)| *kind).collect();
    assert_eq!(paid, ["AWS::MSK::Cluster"]);
    let cluster = stack.properties("ProvisionedCluster");
    assert_eq!(
        (&cluster["BrokerNodeGroupInfo"]["InstanceType"], &cluster["NumberOfBrokerNodes"]),
        (&"kafka.t3.small".into(), &"3".into())
    );
    // More detailed metrics are billed.
    assert_eq!(cluster["EnhancedMonitoring"], "DEFAULT");
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_broker_and_the_traffic_between_zones_has_its_price_in_the_documents() {
    let deploy = std::fs::read_to_string(workspace("docs/deploy.md")).unwrap();
    let costs = deploy.split("## What it costs").nth(1).unwrap().split("\n## ").next().unwrap();
    assert!(costs.contains("\n| traffic between zones |"));
    let declared = &stack(&of_profiles()["default"]).await.declared["BrokerType"];
    for kind in list(&declared["AllowedValues"]) {
        assert!(costs.contains(&format!("`{}`", kind.as_str().unwrap())), "{kind} has no price");
    }
}
