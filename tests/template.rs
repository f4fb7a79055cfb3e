//! The template is what it says: for each profile and each choice it resolves, and what it makes is safe, bounded, and
//! free when idle.

mod api;
mod archive;
mod cases;
mod costs;
mod documented;
mod functions;
mod order;
mod policies;
mod rights;
mod rules;
mod storage;
mod timing;
mod views;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::template::{Stack, stack, texts, workspace};

use cases::{every, of_profiles, with};

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn every_profile_and_every_choice_resolves_without_a_reference_to_what_is_not_there() {
    let stacks = every().await;
    let made: BTreeSet<_> = stacks.iter().flat_map(|(_, stack)| stack.resources.keys().cloned()).collect();
    // Each resource is made for some choice, or nobody would ever see it.
    let all = stack(&with(&[])).await.names.iter().cloned().collect::<BTreeSet<_>>();
    // A deployment of the API has another name each time.
    let never = all.difference(&made).filter(|name| !name.starts_with("ApiDeployment"));
    assert_eq!(never.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn nothing_refers_to_a_name_that_sam_makes_of_a_value() {
    let template = std::fs::read_to_string(workspace("template.yaml")).unwrap();
    let stacks = every().await;
    let all: BTreeSet<_> = stacks.iter().flat_map(|(_, stack)| &stack.names).collect();
    let changing = all.into_iter().filter(|name| !stacks.iter().all(|(_, stack)| stack.names.contains(name)));
    let changing: Vec<_> = changing.collect();
    assert!(changing.iter().any(|name| name.starts_with("IngestFunctionVersion")), "{changing:?}");
    for name in changing {
        assert!(!template.contains(name.as_str()), "{name} is not there for each value");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_stacks_name_of_53_characters_is_not_too_long_for_what_is_called_by_it() {
    for (case, stack) in every().await {
        for (_, cluster) in stack.of_type("AWS::MSK::ServerlessCluster") {
            let more = cluster["ClusterName"].as_str().unwrap().len() - crate::support::template::STACK.len();
            assert!(53 + more <= 64, "{case:?}: MSK takes 64");
        }
    }
    let deploy = std::fs::read_to_string(workspace("docs/deploy.md")).unwrap();
    assert!(deploy.contains("at most 53 characters"));
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn two_stacks_lie_beside_each_other() {
    // Names that are unique in an account; a log group's goes with its stack's.
    let own = |name: &str| {
        let name = name.strip_prefix("/aws/vendedlogs").unwrap_or(name);
        name.starts_with(crate::support::template::STACK) || name.starts_with("/my-pins/") || name == "my_pins"
    };
    for (case, stack) in every().await {
        for (name, resource) in &stack.resources {
            let properties = &resource["Properties"];
            let given = match resource["Type"].as_str().unwrap() {
                "AWS::MSK::Cluster" | "AWS::MSK::ServerlessCluster" => &properties["ClusterName"],
                "AWS::MSK::Configuration"
                | "AWS::Athena::WorkGroup"
                | "AWS::KafkaConnect::WorkerConfiguration"
                | "AWS::Scheduler::Schedule" => &properties["Name"],
                "AWS::KafkaConnect::Connector" => &properties["ConnectorName"],
                "AWS::Logs::LogGroup" => &properties["LogGroupName"],
                "AWS::CloudWatch::Dashboard" => &properties["DashboardName"],
                "AWS::CloudWatch::Alarm" => &properties["AlarmName"],
                "AWS::Glue::Database" => &properties["DatabaseInput"]["Name"],
                "AWS::Lambda::Function" => &properties["FunctionName"],
                "AWS::IAM::Role" => &properties["RoleName"],
                "AWS::S3::Bucket" => &properties["BucketName"],
                "AWS::SQS::Queue" => &properties["QueueName"],
                "AWS::RDS::DBInstance" => &properties["DBInstanceIdentifier"],
                _ => &Value::Null,
            };
            assert!(given.as_str().is_none_or(own), "{case:?}: {name} is called {given} in each stack");
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_profile_may_be_built_and_deployed_as_it_stands() {
    let profiles = crate::support::template::profiles();
    assert_eq!(profiles.as_object().unwrap().keys().collect::<Vec<_>>(), ["default", "drop-in", "serverless"]);
    for (profile, options) in profiles.as_object().unwrap() {
        // Without either, `sam build` ends with an error of its own.
        assert_eq!(options["build"]["language_extensions"], true, "{profile}");
        assert_eq!(options["build"]["parameter_overrides"], options["deploy"]["parameter_overrides"], "{profile}");
        // IAM: roles, none of which has a name. Auto-expand: both transforms.
        assert_eq!(
            texts(&options["deploy"]["capabilities"]),
            ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            "{profile}"
        );
        // CloudFormation passes a stack's tags to each resource that takes some.
        assert_eq!(options["deploy"]["tags"], json!({"Project": "pinterest-data-pipeline"}), "{profile}");
        assert_eq!(
            (&options["deploy"]["resolve_s3"], &options["deploy"]["confirm_changeset"]),
            (&true.into(), &true.into())
        );
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_profile_that_lacks_ids_is_told_which() {
    let refused: Vec<(String, Vec<String>)> = {
        let mut told = Vec::new();
        for (profile, parameters) in of_profiles() {
            told.push((profile, stack(&parameters).await.refused.clone()));
        }
        told
    };
    let missing = |names: &[&str], told: &[String]| {
        names.len() == told.len()
            && names.iter().zip(told).all(|(name, sentence)| sentence.contains(&format!("{name} ")))
    };
    for (profile, told) in refused {
        let names: &[&str] = if profile == "drop-in" {
            &["ClusterArn", "VpcId", "ClusterSecurityGroupId", "ConnectPluginArn"]
        } else {
            &[]
        };
        assert!(missing(names, &told), "{profile}: {told:?}");
    }
}

/// The functions' names, without the word that each ends with.
fn functions(stack: &Stack) -> impl Iterator<Item = (&str, &Value)> {
    stack
        .of_type("AWS::Lambda::Function")
        .map(|(name, properties)| (name.strip_suffix("Function").unwrap(), properties))
}
