//! The template for each profile and each parameter value: it resolves, and its resources are safe, bounded and free when
//! idle.

mod api;
mod archive;
mod athena;
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

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::template::{Stack, stack, texts, workspace};

use cases::{every, of_profiles, with};

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn every_profile_and_every_choice_resolves_without_dangling_references() {
    let stacks = every().await;
    let made: BTreeSet<_> = stacks.iter().flat_map(|(_, stack)| stack.resources.keys().cloned()).collect();
    // Each resource is created for some choice.
    let all = stack(&with(&[])).await.names.iter().cloned().collect::<BTreeSet<_>>();
    // The API's deployment has a name of its own for each stack.
    let never = all.difference(&made).filter(|name| !name.starts_with("ApiDeployment"));
    assert_eq!(never.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn no_reference_uses_a_name_that_sam_generates_from_a_value() {
    let template = std::fs::read_to_string(workspace("template.yaml")).unwrap();
    let stacks = every().await;
    let all: BTreeSet<_> = stacks.iter().flat_map(|(_, stack)| &stack.names).collect();
    let changing = all.into_iter().filter(|name| !stacks.iter().all(|(_, stack)| stack.names.contains(name)));
    let changing: Vec<_> = changing.collect();
    assert!(changing.iter().any(|name| name.starts_with("IngestFunctionVersion")), "{changing:?}");
    for name in changing {
        assert!(!template.contains(name.as_str()), "{name} does not exist for every value");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_stack_name_of_53_characters_fits_every_derived_name() {
    for (case, stack) in every().await {
        for (_, cluster) in stack.of_type("AWS::MSK::ServerlessCluster") {
            let more = cluster["ClusterName"].as_str().unwrap().len() - crate::support::template::STACK.len();
            assert!(53 + more <= 64, "{case:?}: MSK allows 64");
        }
    }
    let deploy = std::fs::read_to_string(workspace("docs/deploy.md")).unwrap();
    assert!(deploy.contains("at most 53 characters"));
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn two_stacks_can_exist_in_one_account() {
    // Names that are unique to the stack within an account.
    let own = |name: &str| {
        let name = name.strip_prefix("/aws/vendedlogs").unwrap_or(name);
        name.starts_with(crate::support::template::STACK)
            || name.starts_with("/my-pins/")
            || name.starts_with("my_pins_")
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
            assert!(given.as_str().is_none_or(own), "{case:?}: {name} is named {given} in every stack");
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_profile_can_be_built_and_deployed_unchanged() {
    let profiles = crate::support::template::profiles();
    assert_eq!(profiles.as_object().unwrap().keys().collect::<Vec<_>>(), ["default", "drop-in", "serverless"]);
    for (profile, options) in profiles.as_object().unwrap() {
        // `sam build` fails without either.
        assert_eq!(options["build"]["language_extensions"], true, "{profile}");
        assert_eq!(options["build"]["parameter_overrides"], options["deploy"]["parameter_overrides"], "{profile}");
        // CAPABILITY_IAM: roles without names. CAPABILITY_AUTO_EXPAND: both transforms.
        assert_eq!(
            texts(&options["deploy"]["capabilities"]),
            ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            "{profile}"
        );
        // CloudFormation copies a stack's tags to its resources.
        assert_eq!(options["deploy"]["tags"], json!({"Project": "pinterest-data-pipeline"}), "{profile}");
        assert_eq!(
            (&options["deploy"]["resolve_s3"], &options["deploy"]["confirm_changeset"]),
            (&true.into(), &true.into())
        );
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_profile_without_required_ids_names_each_one() {
    let lists = |names: &[&str], violations: &[String]| {
        names.len() == violations.len()
            && names.iter().zip(violations).all(|(name, violation)| violation.contains(&format!("{name} ")))
    };
    for (profile, parameters) in of_profiles() {
        let violations = &stack(&parameters).await.refused;
        let names: &[&str] = if profile == "drop-in" {
            &["ClusterArn", "VpcId", "ClusterSecurityGroupId", "ConnectPluginArn"]
        } else {
            &[]
        };
        assert!(lists(names, violations), "{profile}: {violations:?}");
    }
}

/// The functions, by logical id without the suffix `Function`.
fn functions(stack: &Stack) -> impl Iterator<Item = (&str, &Value)> {
    stack
        .of_type("AWS::Lambda::Function")
        .map(|(name, properties)| (name.strip_suffix("Function").unwrap(), properties))
}
