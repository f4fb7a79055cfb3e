//! The functions' settings, times and logs.

use std::collections::BTreeMap;

use emulator::settings::PostsPerRun;
use serde_json::Value;
use shared::settings::{SettingsError, Variable};

use super::{
    cases::{every, with},
    functions,
};
use crate::support::template::{Stack, stack, texts};

/// What Lambda sets.
const OF_LAMBDA: [(&str, &str); 4] = [
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
        "Database" | "DatabaseSetup" => database::Settings::VARIABLES.to_vec(),
        "Topics" => topics::VARIABLES.to_vec(),
        "Brokers" => Vec::new(),
        other => panic!("a function that is new: {other}"),
    }
}

/// What the function itself says of its settings.
fn read(function: &str, set: &BTreeMap<String, String>) -> Result<(), SettingsError> {
    let lookup = |name: &str| {
        let of_lambda = OF_LAMBDA.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        set.get(name).cloned().or(of_lambda)
    };
    match function {
        "Ingest" => ingest::Settings::from_lookup(lookup).map(drop),
        "Emulator" => emulator::Settings::from_lookup(lookup).map(drop),
        "Archive" => archive::settings::Settings::from_lookup(lookup).map(drop),
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
async fn each_function_is_set_what_it_reads_and_nothing_else() {
    for (case, stack) in every().await {
        for (function, properties) in functions(&stack) {
            let set = environment(properties);
            for name in set.keys().filter(|name| *name != "RUST_LOG") {
                let known = variables(function).iter().any(|variable| variable.name == name);
                assert!(known, "{case:?}: {function} does not read {name}");
            }
            // What is required and not set, or does not parse, is what this says.
            read(function, &set).unwrap_or_else(|error| panic!("{case:?}: {function}: {error}"));
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_function_logs_to_a_group_of_its_stack_that_is_kept_for_a_while() {
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
        // AWS adds a group elsewhere, to which it delivers logs itself, to the account's one resource policy, until that is full.
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
async fn the_template_admits_as_many_posts_of_a_run_as_the_emulator() {
    let declared = &stack(&with(&[])).await.declared["EmulatorPosts"];
    assert_eq!((&declared["MinValue"], &declared["MaxValue"]), (&1.into(), &PostsPerRun::MAX.into()));
}

fn seconds(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn each_time_ends_before_the_one_around_it() {
    /// API Gateway's own limit.
    const GATEWAY: u64 = 29;
    let stack = stack(&with(&[("Database", "create")])).await;
    let timeout = |function: &str| stack.properties(&format!("{function}Function"))["Timeout"].as_u64().unwrap();

    assert!(timeout("Ingest") < GATEWAY);
    // A broker's session ends after 9 s; records that wait for its successor are written all the same.
    assert!(timeout("Ingest") - ingest::event::RESPONSE_MARGIN.as_secs() > 2 * 9);

    for (function, schedule) in [("Emulator", "EmulatorFunctionEachMinute"), ("Archive", "ArchiveSchedule")] {
        assert_eq!(stack.properties(schedule)["ScheduleExpression"], "rate(1 minute)");
        assert!(timeout(function) < 60, "{function}: two runs would overlap");
        let retry = &stack.properties(schedule)["Target"]["RetryPolicy"];
        assert_eq!((&retry["MaximumRetryAttempts"], &retry["MaximumEventAgeInSeconds"]), (&0.into(), &60.into()));
    }
    let spread = seconds(&stack.properties("EmulatorFunction")["Environment"]["Variables"]["SPREAD_SECONDS"]);
    assert!(spread + 10 < timeout("Emulator"), "a lost broker takes 9 s of the last post");

    for (resource, function) in [("Brokers", "Brokers"), ("Topics", "Topics"), ("DatabaseContent", "Database")] {
        assert!(timeout(function) < seconds(&stack.properties(resource)["ServiceTimeout"]), "{resource}");
    }
    assert!(timeout("Topics") > 90, "new rights take up to a minute and a half");
    assert!(timeout("Database") > timeout("DatabaseSetup") + 2 * 90, "and here there are two to be waited for");
}

/// The version that the gateway calls, by what makes CloudFormation publish another: its resource's name and its description.
fn version(stack: &Stack) -> (&str, &str) {
    let [(name, version)] = stack.of_type("AWS::Lambda::Version").collect::<Vec<_>>()[..] else { panic!("not one") };
    (name, version["Description"].as_str().unwrap())
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn ingest_is_published_again_when_what_a_version_holds_has_changed_and_only_then() {
    // Lambda refuses to publish what is as it was, and the alias keeps a version that is not published again.
    let held = |stack: &Stack| {
        let mut held = stack.properties("IngestFunction").clone();
        held.as_object_mut().unwrap().remove("ReservedConcurrentExecutions");
        held
    };
    let plain = stack(&with(&[])).await;
    let mut again = 0;
    for (case, stack) in every().await {
        let changed = held(&stack) != held(&plain);
        assert_eq!(version(&stack) != version(&plain), changed, "{case:?}: {:?}", version(&stack));
        again += usize::from(changed);
        let (name, description) = version(&stack);
        let function = stack.properties("IngestFunction");
        let of_the_template = format!(" {} MB {} s", function["MemorySize"], function["Timeout"]);
        assert!(description.ends_with(&of_the_template), "{description}");
        assert_eq!(stack.resource(name)["DeletionPolicy"], "Delete", "it would keep its network interfaces");
    }
    assert!(again > 5, "{again}");
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_versions_description_has_room_for_as_many_subnets_as_may_be_given() {
    let subnets = [1, 2, 3, 4, 5, 6].map(|n| format!("subnet-{n:017x}")).join(",");
    let given = with(&[("VpcId", "vpc-0a"), ("SubnetIds", &subnets), ("Statuses", "confluent"), ("LogLevel", "error")]);
    let stack = stack(&given).await;
    assert_eq!(stack.refused, Vec::<String>::new());
    assert!(version(&stack).1.len() <= 256, "{}", version(&stack).1);
}

/// For each method of each path that starts `ingest`, how many requests at once the stage's throttle admits. Those of a
/// method that stands for any are bounded each.
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
            let asked = own.unwrap_or(&methods["x-amazon-apigateway-any-method"]);
            if asked["x-amazon-apigateway-integration"]["type"] == "aws_proxy" {
                bursts.push(burst(path, method));
            }
        }
    }
    bursts
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_burst_of_cold_starts_logs_in_within_a_requests_time() {
    /// A `kafka.t3.small` admits so many new log-ins a second.
    const LOG_INS_A_SECOND: u64 = 4;
    let stack = stack(&with(&[])).await;
    let time =
        stack.properties("IngestFunction")["Timeout"].as_u64().unwrap() - ingest::event::RESPONSE_MARGIN.as_secs();
    let burst = seconds(&stack.parameters["ThrottleBurst"]);
    let bursts = bursts(&stack);
    let starts: u64 = bursts.iter().sum();
    for brokers in [2, 3] {
        // One to begin with, and one at each broker.
        let log_ins = starts * (1 + brokers);
        let needed = log_ins.div_ceil(brokers * LOG_INS_A_SECOND);
        assert!(needed <= time, "{brokers} brokers: {needed} s of {time}");
        if seconds(&stack.parameters["BrokerCount"]) == brokers {
            let told = stack.declared["ThrottleBurst"]["Description"].as_str().unwrap();
            for number in [
                format!("{burst} of them and {} of other methods", starts - burst),
                format!("make {} log-ins each", 1 + brokers),
                format!("{log_ins} over three"),
                format!("{needed} s, within the {time} s"),
            ] {
                assert!(told.contains(&number), "{number}: {told}");
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_run_that_fails_is_kept_and_not_repeated() {
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
async fn a_function_is_in_the_vpc_when_it_speaks_to_what_is_there_and_only_then() {
    for (case, stack) in every().await {
        let database = stack.parameters["Database"].as_str().unwrap();
        for (function, properties) in functions(&stack) {
            let inside = match function {
                // `archive` reads Kafka with a mapping as well: what that leaves out.
                "Ingest" | "Topics" | "DatabaseSetup" | "Archive" => true,
                "Brokers" | "Database" => false,
                "Emulator" => database != "existing-public",
                other => panic!("a function that is new: {other}"),
            };
            assert_eq!(properties.get("VpcConfig").is_some(), inside, "{case:?}: {function}");
            // What SAM adds for it, once it sees which it is.
            let policies = texts(&stack.properties(&format!("{function}FunctionRole"))["ManagedPolicyArns"]);
            let may = policies.iter().any(|policy| policy.ends_with("/AWSLambdaVPCAccessExecutionRole"));
            assert_eq!(may, inside, "{case:?}: {function}");
        }
    }
}
