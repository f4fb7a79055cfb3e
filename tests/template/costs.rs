//! What costs money while nobody sends anything.

use std::collections::BTreeSet;

use super::cases::{every, of_profiles};
use crate::support::template::{list, stack, workspace};

/// Types that cost nothing as long as nothing is sent. A dashboard (three an account) and alarms (ten) are free too, and
/// beyond that some dollars a month.
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

/// Those that are paid by the hour, and what is chosen to have one.
const CHOSEN: &[(&str, &str, &str)] = &[
    ("AWS::MSK::Cluster", "Cluster", "provisioned"),
    ("AWS::MSK::ServerlessCluster", "Cluster", "serverless"),
    ("AWS::RDS::DBInstance", "Database", "create"),
    ("AWS::Lambda::EventSourceMapping", "Archive", "event-source-mapping"),
    ("AWS::KafkaConnect::Connector", "Archive", "msk-connect"),
];

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn nothing_costs_while_idle_but_what_was_chosen() {
    for (case, stack) in every().await {
        for (name, resource) in &stack.resources {
            let kind = resource["Type"].as_str().unwrap();
            let chosen = CHOSEN.iter().find(|(paid, ..)| *paid == kind);
            match chosen {
                Some((_, parameter, value)) => assert_eq!(stack.parameters[*parameter], *value, "{case:?}: {name}"),
                None => assert!(FREE.contains(&kind), "{case:?}: {name}, {kind}"),
            }
        }
        // An interface endpoint is paid by the hour, a gateway endpoint is not.
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
        assert!(groups.len() <= 1, "{case:?}: pollers are paid by the group: {groups:?}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_default_profile_pays_for_three_small_brokers_and_nothing_else() {
    let stack = stack(&of_profiles()["default"]).await;
    let paid: Vec<_> =
        CHOSEN.iter().filter(|(kind, ..)| stack.of_type(kind).next().is_some()).map(|(kind, ..)| *kind).collect();
    assert_eq!(paid, ["AWS::MSK::Cluster"]);
    let cluster = stack.properties("ProvisionedCluster");
    assert_eq!(
        (&cluster["BrokerNodeGroupInfo"]["InstanceType"], &cluster["NumberOfBrokerNodes"]),
        (&"kafka.t3.small".into(), &"3".into())
    );
    // More detail than this is paid by the metric.
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
