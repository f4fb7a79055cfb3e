//! The functions' settings, timeouts and logs.

use std::collections::BTreeMap;

use emulator::{Order, order::POST_ORDER, settings::PostsPerRun};
use serde_json::Value;
use shared::settings::{SettingsError, Variable};

use super::{
    cases::{every, with},
    functions,
};
use crate::support::template::{Stack, stack, texts};

/// Variables that Lambda sets.
const LAMBDA_VARIABLES: [(&str, &str); 4] = [
    ("AWS_REGION", "eu-west-1"),
    ("AWS_ACCESS_KEY_ID", "ASIA0A1B"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_SESSION_TOKEN", "token"),
];

/// The variables that a function reads.
fn variables(function: &str) -> Vec<&'static Variable> {
    match function {
        "Ingest" => ingest::Settings::VARIABLES.to_vec(),
        "Emulator" => emulator::Settings::VARIABLES.to_vec(),
        "Archive" => archive::settings::Settings::VARIABLES.to_vec(),
        "Tables" => tables::settings::Settings::VARIABLES.to_vec(),
        "Database" | "DatabaseSetup" => database::Settings::VARIABLES.to_vec(),
        "Topics" => topics::VARIABLES.to_vec(),
        "Brokers" => Vec::new(),
        other => panic!("unknown function {other}"),
    }
}

/// Parses the settings with the function's own code.
fn parse(function: &str, set: &BTreeMap<String, String>) -> Result<(), SettingsError> {
    let lookup = |name: &str| {
        let by_lambda = LAMBDA_VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        set.get(name).cloned().or(by_lambda)
    };
    match function {
        "Ingest" => ingest::Settings::from_lookup(lookup).map(drop),
        "Emulator" => emulator::Settings::from_lookup(lookup).map(drop),
        "Archive" => archive::settings::Settings::from_lookup(lookup).map(drop),
        "Tables" => tables::settings::Settings::from_lookup(lookup).map(drop),
        "Database" | "DatabaseSetup" => database::Settings::from_lookup(lookup).map(drop),
        _ => Ok(()),
    }
}

fn environment(properties: &Value) -> BTreeMap<String, String> {
    let variables = properties["Environment"]["Variables"].as_object().unwrap();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    variables.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_function_gets_the_settings_that_it_reads_and_no_others() {
    for (case, stack) in every().await {
        for (function, properties) in functions(&stack) {
            let set = environment(properties);
            for name in set.keys().filter(|name| *name != "RUST_LOG") {
                let known = variables(function).iter().any(|variable| variable.name == name);
                assert!(known, "{case:?}: {function} does not read {name}");
            }
            // The error names missing and invalid settings.
            parse(function, &set).unwrap_or_else(|error| panic!("{case:?}: {function}: {error}"));
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_function_logs_to_its_own_group_with_a_retention_time() {
    for (case, stack) in every().await {
        let groups: BTreeMap<_, _> =
            stack.of_type("AWS::Logs::LogGroup").map(|(_, it)| (it["LogGroupName"].as_str().unwrap(), it)).collect();
        for (name, group) in &groups {
            assert_eq!(group["RetentionInDays"], stack.parameters["LogRetentionDays"], "{case:?}: {name}");
        }
        for (function, properties) in functions(&stack) {
            let group = properties["LoggingConfig"]["LogGroup"].as_str().unwrap();
            assert!(groups.contains_key(group), "{case:?}: {function} logs to {group}");
            assert_eq!(properties["LoggingConfig"]["LogFormat"], "JSON", "{case:?}: {function}");
        }
        // For log groups with other prefixes AWS extends the account's resource policy, whose size is limited.
        let delivered = ["ProvisionedCluster", "Connector"].into_iter().filter_map(|name| stack.resources.get(name));
        for resource in delivered {
            let logging = resource["Properties"].get("LoggingInfo").or(resource["Properties"].get("LogDelivery"));
            let (_, to) = logging.unwrap().as_object().unwrap().iter().next().unwrap();
            let group = to["CloudWatchLogs"]["LogGroup"].as_str().unwrap();
            assert!(group.starts_with("/aws/vendedlogs/") && groups.contains_key(group), "{case:?}: {group}");
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_template_and_the_emulator_allow_the_same_number_of_posts_per_run() {
    let declared = &stack(&with(&[])).await.declared["EmulatorPosts"];
    assert_eq!((&declared["MinValue"], &declared["MaxValue"]), (&1.into(), &PostsPerRun::MAX.into()));
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_emulator_reads_every_order_that_the_template_allows() {
    let declared = stack(&with(&[])).await.declared["EmulatorOrder"].clone();
    let orders: Vec<Order> = texts(&declared["AllowedValues"]).iter().map(|order| order.parse().unwrap()).collect();
    assert_eq!(orders, [Order::Random, Order::Course]);
    for order in orders {
        let stack = stack(&with(&[("EmulatorOrder", &order.to_string())])).await;
        let variables = &stack.properties("EmulatorFunction")["Environment"]["Variables"];
        assert_eq!(variables[POST_ORDER.name], order.to_string());
    }
}

fn seconds(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_timeout_is_shorter_than_the_enclosing_one() {
    /// API Gateway's timeout in seconds.
    const GATEWAY_TIMEOUT: u64 = 29;
    let stack = stack(&with(&[("Database", "create")])).await;
    let timeout = |function: &str| stack.properties(&format!("{function}Function"))["Timeout"].as_u64().unwrap();

    assert!(timeout("Ingest") < GATEWAY_TIMEOUT);
    // A broker's session ends after 9 s. Records that wait for the new leader must still be written in time.
    assert!(timeout("Ingest") - ingest::event::RESPONSE_RESERVE.as_secs() > 2 * 9);

    for (function, schedule) in [("Emulator", "EmulatorFunctionEachMinute"), ("Archive", "ArchiveSchedule")] {
        assert_eq!(stack.properties(schedule)["ScheduleExpression"], "rate(1 minute)");
        assert!(timeout(function) < 60, "{function}: two runs would overlap");
        let retry = &stack.properties(schedule)["Target"]["RetryPolicy"];
        assert_eq!((&retry["MaximumRetryAttempts"], &retry["MaximumEventAgeInSeconds"]), (&0.into(), &60.into()));
    }
    // Tables may be added to each minute.
    assert!(timeout("Tables") < 60);
    let spread = seconds(&stack.properties("EmulatorFunction")["Environment"]["Variables"]["SPREAD_SECONDS"]);
    assert!(spread + 10 < timeout("Emulator"), "a lost broker delays the last post by 9 s");

    for (resource, function) in [("Brokers", "Brokers"), ("Topics", "Topics"), ("DatabaseContent", "Database")] {
        assert!(timeout(function) < seconds(&stack.properties(resource)["ServiceTimeout"]), "{resource}");
    }
    assert!(timeout("Topics") > 90, "new rights take up to 90 s");
    assert!(timeout("Database") > timeout("DatabaseSetup") + 2 * 90, "here two new rights are waited for");
}

/// The published version's logical id and description. A change of either publishes a new version.
fn version(stack: &Stack) -> (&str, &str) {
    let [(name, version)] = stack.of_type("AWS::Lambda::Version").collect::<Vec<_>>()[..] else { panic!("not one") };
    (name, version["Description"].as_str().unwrap())
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn ingest_gets_a_new_version_exactly_when_its_configuration_changes() {
    // Lambda refuses to publish an unchanged version, and without a new version the alias keeps the old configuration.
    let configuration = |stack: &Stack| {
        let mut configuration = stack.properties("IngestFunction").clone();
        configuration.as_object_mut().unwrap().remove("ReservedConcurrentExecutions");
        configuration
    };
    let plain = stack(&with(&[])).await;
    let mut published = 0;
    for (case, stack) in every().await {
        let changed = configuration(&stack) != configuration(&plain);
        assert_eq!(version(&stack) != version(&plain), changed, "{case:?}: {:?}", version(&stack));
        published += usize::from(changed);
        let (name, description) = version(&stack);
        let function = stack.properties("IngestFunction");
        let suffix = format!(" {} MB {} s", function["MemorySize"], function["Timeout"]);
        assert!(description.ends_with(&suffix), "{description}");
        assert_eq!(stack.resource(name)["DeletionPolicy"], "Delete", "it would keep its network interfaces");
    }
    assert!(published > 5, "{published}");
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_versions_description_fits_the_most_subnets() {
    let subnets = [1, 2, 3, 4, 5, 6].map(|n| format!("subnet-{n:017x}")).join(",");
    let given = with(&[("VpcId", "vpc-0a"), ("SubnetIds", &subnets), ("Statuses", "confluent"), ("LogLevel", "error")]);
    let stack = stack(&given).await;
    assert_eq!(stack.refused, Vec::<String>::new());
    assert!(version(&stack).1.len() <= 256, "{}", version(&stack).1);
}

/// The burst limit of each method of each path that invokes `ingest`. ANY has one limit per method.
fn bursts(stack: &Stack) -> Vec<u64> {
    let [(_, stage)] = stack.of_type("AWS::ApiGateway::Stage").collect::<Vec<_>>()[..] else { panic!("not one stage") };
    let settings = stage["MethodSettings"].as_array().unwrap();
    let burst = |path: &str, method: &str| {
        let is = |setting: &&Value, path: &str, method: &str| {
            (&setting["ResourcePath"], &setting["HttpMethod"]) == (&path.into(), &method.into())
        };
        let path = if path == "/" { path.to_owned() } else { format!("/{}", path.replace('/', "~1")) };
        let own = settings.iter().find(|setting| is(setting, &path, method));
        let setting = own.or_else(|| settings.iter().find(|setting| is(setting, "/*", "*"))).unwrap();
        seconds(&setting["ThrottlingBurstLimit"])
    };
    let mut bursts = Vec::new();
    for (path, methods) in stack.properties("Api")["Body"]["paths"].as_object().unwrap() {
        for method in ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"] {
            let own = methods.get(method.to_lowercase());
            let operation = own.unwrap_or(&methods["x-amazon-apigateway-any-method"]);
            if operation["x-amazon-apigateway-integration"]["type"] == "aws_proxy" {
                bursts.push(burst(path, method));
            }
        }
    }
    bursts
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_burst_of_cold_starts_authenticates_before_the_requests_time_out() {
    /// The new authentications per second of a `kafka.t3.small`.
    const LOG_INS_A_SECOND: u64 = 4;
    let stack = stack(&with(&[])).await;
    let time =
        stack.properties("IngestFunction")["Timeout"].as_u64().unwrap() - ingest::event::RESPONSE_RESERVE.as_secs();
    let burst = seconds(&stack.parameters["ThrottleBurst"]);
    let bursts = bursts(&stack);
    let starts: u64 = bursts.iter().sum();
    for brokers in [2, 3] {
        // One for the bootstrap connection, and one at each broker.
        let log_ins = starts * (1 + brokers);
        let needed = log_ins.div_ceil(brokers * LOG_INS_A_SECOND);
        assert!(needed <= time, "{brokers} brokers: {needed} s of {time}");
        if seconds(&stack.parameters["BrokerCount"]) == brokers {
            let description = stack.declared["ThrottleBurst"]["Description"].as_str().unwrap();
            for number in [
                format!("{burst} of each and {} of other methods", starts - 2 * burst),
                format!("make {} logins each", 1 + brokers),
                format!("{log_ins} over three"),
                format!("takes {needed} s, within the {time} s"),
            ] {
                assert!(description.contains(&number), "{number}: {description}");
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_failed_run_is_queued_and_not_retried() {
    for (case, stack) in every().await {
        let queue = format!("arn:aws:sqs:eu-west-1:123456789012:{}", "my-pins-FailedRuns-1A2B3C");
        for (name, config) in stack.of_type("AWS::Lambda::EventInvokeConfig") {
            assert_eq!(config["MaximumRetryAttempts"], 0, "{case:?}: {name}");
            assert_eq!(config["DestinationConfig"]["OnFailure"]["Destination"], queue, "{case:?}: {name}");
            let role = format!("{}Role", name.strip_suffix("EventInvokeConfig").unwrap());
            let may_send = |it: &&Value| it["Action"] == "sqs:SendMessage" && it["Resource"] == queue;
            assert!(stack.statements(&role).iter().any(may_send), "{case:?}: {role} may not send to the queue");
        }
        for (name, schedule) in stack.of_type("AWS::Scheduler::Schedule") {
            let target = &schedule["Target"];
            assert_eq!(target["DeadLetterConfig"]["Arn"], queue, "{case:?}: {name}");
            let role = target["RoleArn"].as_str().unwrap();
            let role = role.split_once("my-pins-").unwrap().1.trim_end_matches("-1A2B3C");
            let may = |action: &str, on: &Value| {
                stack.statements(role).iter().any(|it| it["Action"] == action && it["Resource"] == *on)
            };
            assert!(may("sqs:SendMessage", &queue.clone().into()), "{case:?}: {role}");
            assert!(may("lambda:InvokeFunction", &target["Arn"]), "{case:?}: {role}");
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn exactly_the_functions_that_reach_the_vpc_are_in_it() {
    for (case, stack) in every().await {
        let database = stack.parameters["Database"].as_str().unwrap();
        for (function, properties) in functions(&stack) {
            let inside = match function {
                // With a mapping, `archive` still reads Kafka for the batches that the mapping gave up.
                "Ingest" | "Topics" | "DatabaseSetup" | "Archive" => true,
                "Brokers" | "Database" | "Tables" => false,
                "Emulator" => database != "existing-public",
                other => panic!("unknown function {other}"),
            };
            assert_eq!(properties.get("VpcConfig").is_some(), inside, "{case:?}: {function}");
            // SAM adds this policy if it can see the VPC's configuration.
            let policies = texts(&stack.properties(&format!("{function}FunctionRole"))["ManagedPolicyArns"]);
            let may = policies.iter().any(|policy| policy.ends_with("/AWSLambdaVPCAccessExecutionRole"));
            assert_eq!(may, inside, "{case:?}: {function}");
        }
    }
}
