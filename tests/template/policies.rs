//! The roles' policies: each right is needed by a call, and limited to the stack's own resources.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{cases::every, functions};
use crate::support::template::{ACCOUNT, REGION, Stack, list, texts};

/// Each role's Kafka actions and the calls that need them.
const NEEDED: &[(&str, &str, &str)] = &[
    ("Ingest", "Connect", "it logs in"),
    ("Ingest", "WriteDataIdempotently", "its idempotent producer asks for an id"),
    ("Ingest", "DescribeTopic", "its producer fetches a topic's partitions and their leaders"),
    ("Ingest", "WriteData", "it writes records"),
    ("Emulator", "Connect", "it logs in"),
    ("Emulator", "WriteDataIdempotently", "its producer is ingest's"),
    ("Emulator", "DescribeTopic", "its producer is ingest's"),
    ("Emulator", "WriteData", "it writes records"),
    ("Archive", "Connect", "it logs in"),
    ("Archive", "DescribeTopic", "it fetches partitions, leaders and offsets"),
    ("Archive", "ReadData", "it reads records, without a group"),
    ("Ingest", "ReadData", "clients read records back"),
    ("Archive", "DescribeGroup", "a mapping's pollers find their coordinator"),
    ("Archive", "AlterGroup", "a mapping's pollers join a group and commit"),
    // https://docs.aws.amazon.com/lambda/latest/dg/msk-cluster-auth.html lists it.
    ("Archive", "DescribeClusterDynamicConfiguration", "a mapping's pollers read the cluster's settings"),
    ("Topics", "Connect", "it logs in"),
    ("Topics", "CreateTopic", "it makes topics"),
    ("Topics", "DescribeTopic", "it lists the existing ones and their partitions"),
    ("Connector", "Connect", "MSK Connect's worker logs in"),
    ("Connector", "DescribeCluster", "MSK Connect requires it: msk-connect-service-execution-role"),
    ("Connector", "DescribeTopic", "it finds matching topics and its own"),
    ("Connector", "ReadData", "it reads records and its state"),
    ("Connector", "CreateTopic", "it creates the topics of its state"),
    ("Connector", "WriteData", "it keeps its state"),
    ("Connector", "DescribeGroup", "its tasks are a group"),
    ("Connector", "AlterGroup", "its tasks are a group"),
];

/// Managed policies that SAM adds: logs, network interfaces in the VPC, the gateway's log.
const MANAGED: [&str; 3] =
    ["AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole", "AmazonAPIGatewayPushToCloudWatchLogs"];

/// Every statement of every role, with the role's name.
fn statements(stack: &Stack) -> Vec<(&str, &Value)> {
    let roles = stack.of_type("AWS::IAM::Role").map(|(name, _)| name);
    roles.flat_map(|role| stack.statements(role).into_iter().map(move |statement| (role, statement))).collect()
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn no_action_is_a_wildcard_and_only_actions_without_resources_are_on_any() {
    for (case, stack) in every().await {
        for (role, statement) in statements(&stack) {
            assert_eq!(statement["Effect"], "Allow", "{role}: {statement}");
            for action in texts(&statement["Action"]) {
                assert!(!action.contains('*'), "{case:?}: {role} may {action}");
            }
            // Actions without a resource type in the service authorization reference.
            let any = texts(&statement["Resource"]) == ["*"];
            for action in texts(&statement["Action"]) {
                let without = action.starts_with("ec2:") || action == "kafka:GetBootstrapBrokers";
                assert_eq!(any, without, "{case:?}: {role}: {statement}");
            }
        }
        for (role, properties) in stack.of_type("AWS::IAM::Role") {
            for policy in properties.get("ManagedPolicyArns").map(texts).unwrap_or_default() {
                let name = policy.rsplit('/').next().unwrap();
                assert!(MANAGED.contains(&name), "{case:?}: {role} has {policy}");
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn every_policy_has_the_current_policy_version() {
    // The default version is 2008, which has no variables such as `${aws:PrincipalAccount}`.
    for (case, stack) in every().await {
        for (role, properties) in stack.of_type("AWS::IAM::Role") {
            let inline = properties["Policies"].as_array().into_iter().flatten().map(|it| &it["PolicyDocument"]);
            // SAM writes one for the queue of failed runs, without statement ids.
            let own = inline.filter(|policy| list(&policy["Statement"]).iter().all(|it| it.get("Sid").is_some()));
            for policy in own.chain([&properties["AssumeRolePolicyDocument"]]) {
                assert_eq!(policy["Version"], "2012-10-17", "{case:?}: {role}: {policy}");
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_kafka_right_is_needed_and_each_needed_one_is_granted() {
    let mut given = BTreeSet::new();
    for (_, stack) in every().await {
        for (role, statement) in statements(&stack) {
            let role = role.trim_end_matches("Role").trim_end_matches("Function").to_owned();
            let actions = texts(&statement["Action"]).into_iter();
            let actions = actions.filter_map(|action| action.strip_prefix("kafka-cluster:"));
            given.extend(actions.map(|action| (role.clone(), action.to_owned())));
        }
    }
    let needed = NEEDED.iter().map(|(role, action, _)| ((*role).to_owned(), (*action).to_owned())).collect();
    assert_eq!(given, needed);
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn ingest_may_read_only_where_clients_authenticate_and_read_back_is_on() {
    let mut found = BTreeSet::new();
    for (case, stack) in every().await {
        let parameter = |name: &str| stack.parameters[name].as_str().unwrap().to_owned();
        let expected = parameter("ReadBack") == "on" && parameter("Authentication") != "none";
        let statements = stack.statements("IngestFunctionRole");
        let reads = statements.iter().any(|statement| texts(&statement["Action"]).contains(&"kafka-cluster:ReadData"));
        let set = &stack.properties("IngestFunction")["Environment"]["Variables"]["READ_BACK"];
        assert_eq!((reads, set == "on"), (expected, expected), "{case:?}: {set}");
        found.insert((parameter("ReadBack"), parameter("Authentication") == "none", reads));
    }
    assert!(found.len() >= 3, "{found:?}");
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn kafka_rights_are_limited_to_this_cluster_and_the_user_ids_topics() {
    for (case, stack) in every().await {
        let cluster = stack.outputs["ClusterArn"]["Value"].as_str().unwrap();
        let of = |what: &str| cluster.replacen(":cluster/", &format!(":{what}/"), 1);
        let topics: Vec<_> = stack.user_ids().iter().map(|user_id| format!("{}/{user_id}.*", of("topic"))).collect();
        let others = stack.parameters["PassThroughTopics"].as_str().unwrap().split(',');
        let others: Vec<_> = others.map(|topic| format!("{}/{topic}", of("topic"))).collect();
        for (role, statement) in statements(&stack) {
            let on = texts(&statement["Resource"]);
            for action in texts(&statement["Action"]).into_iter().filter_map(|it| it.strip_prefix("kafka-cluster:")) {
                let may = format!("{case:?}: {role} may {action} on {on:?}");
                match action {
                    "Connect" | "DescribeCluster" | "DescribeClusterDynamicConfiguration" | "WriteDataIdempotently" => {
                        assert_eq!(on, [cluster], "{may}");
                    }
                    "AlterGroup" | "DescribeGroup" => {
                        let own = ["/my-pins-*", "/__amazon_msk_connect_*", "/connect-*"].map(|own| of("group") + own);
                        assert!(on.iter().all(|on| own.contains(&(*on).to_owned())), "{may}");
                    }
                    // MSK Connect's names for the topics of its state.
                    _ if statement["Sid"] == "KeepState" => {
                        assert_eq!(on, [of("topic") + "/__amazon_msk_connect_*"], "{may}");
                    }
                    _ if ["PassRecordsThrough", "MakePassThroughTopics"]
                        .map(Value::from)
                        .contains(&statement["Sid"]) =>
                    {
                        assert_eq!(on, others, "{may}");
                    }
                    _ => assert_eq!(on, topics, "{may}"),
                }
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_other_rights_are_limited_to_the_stacks_resources_and_given_arns() {
    for (case, stack) in every().await {
        let cluster = stack.outputs["ClusterArn"]["Value"].as_str().unwrap();
        let given: Vec<_> = ["DatabaseUserArn", "DatabaseSecretArn", "KmsKeyArn"]
            .map(|it| stack.parameters[it].as_str().unwrap())
            .into();
        for (role, statement) in statements(&stack) {
            let foreign = |on: &&str| {
                let own = on.starts_with("arn:aws:s3:::my-pins-")
                    || on.starts_with(&format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:my-pins-"))
                    || on.starts_with(&format!("arn:aws:sqs:{REGION}:{ACCOUNT}:my-pins-"))
                    || on.starts_with(&format!(
                        "arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:DatabaseInstance.DbiResourceId/"
                    ))
                    || on.starts_with(&format!("arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/my-pins"))
                    || *on == "DatabaseInstance.MasterUserSecret.SecretArn";
                !own && !given.contains(on) && *on != cluster
            };
            let kafka = texts(&statement["Action"]).iter().all(|action| action.starts_with("kafka-cluster:"));
            let on = texts(&statement["Resource"]);
            if !kafka && !on.contains(&"*") && statement["Sid"] != "ReadUnderFormerKeys" {
                assert_eq!(
                    on.iter().copied().filter(|on| foreign(on)).collect::<Vec<_>>(),
                    Vec::<&str>::new(),
                    "{case:?}: {role}"
                );
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn what_reads_the_archive_can_decrypt_with_former_keys_and_uses_keys_for_nothing_else() {
    for (case, stack) in every().await {
        for (role, statement) in statements(&stack) {
            if statement["Sid"] == "ReadUnderFormerKeys" {
                assert!(["ArchiveFunctionRole", "TablesFunctionRole"].contains(&role), "{case:?}: {role}");
                assert_eq!(statement["Action"], "kms:Decrypt", "{case:?}");
                assert_eq!(statement["Resource"], format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/*"), "{case:?}");
                let by = json!({"kms:ViaService": format!("s3.{REGION}.amazonaws.com"), "kms:CallerAccount": ACCOUNT});
                let bucket = json!({"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::my-pins-archivebucket-1a2b3c*"});
                assert_eq!(statement["Condition"], json!({"StringEquals": by, "StringLike": bucket}), "{case:?}");
            } else if texts(&statement["Action"]).iter().any(|action| action.starts_with("kms:")) {
                assert_eq!(statement["Resource"], stack.parameters["KmsKeyArn"], "{case:?}: {role}");
            }
        }
        // Independent of the current key: the stack does not know former ones.
        let reads =
            statements(&stack).iter().filter(|(_, statement)| statement["Sid"] == "ReadUnderFormerKeys").count();
        let readers = ["ArchiveFunction", "TablesFunction"].map(|name| stack.resources.contains_key(name));
        assert_eq!(reads, readers.into_iter().filter(|reads| *reads).count(), "{case:?}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_function_has_a_role_that_only_it_can_assume() {
    for (case, stack) in every().await {
        let roles: Vec<_> = functions(&stack).map(|(_, properties)| properties["Role"].as_str().unwrap()).collect();
        assert_eq!(roles.len(), roles.iter().collect::<BTreeSet<_>>().len(), "{case:?}: {roles:?}");
        for (role, properties) in stack.of_type("AWS::IAM::Role") {
            let [statement] = list(&properties["AssumeRolePolicyDocument"]["Statement"])[..] else { panic!("{role}") };
            let service = texts(&statement["Principal"]["Service"]);
            // Services that accept role ARNs of other accounts need a condition on the account. Lambda and API Gateway accept none.
            let (expected, of_this_account) = match role {
                "ArchiveScheduleRole" | "EmulatorScheduleRole" | "TablesScheduleRole" => {
                    ("scheduler.amazonaws.com", true)
                }
                "ConnectorRole" => ("kafkaconnect.amazonaws.com", true),
                "GatewayRole" => ("apigateway.amazonaws.com", false),
                _ => ("lambda.amazonaws.com", false),
            };
            assert_eq!(service, [expected], "{case:?}: {role}");
            let account = json!({"StringEquals": {"aws:SourceAccount": ACCOUNT}});
            assert_eq!(statement.get("Condition"), of_this_account.then_some(&account), "{case:?}: {role}");
        }
    }
}
