//! The template evaluated for given parameters: transformed by AWS's own code, with its functions resolved and without
//! resources whose condition is false.
//!
//! It runs offline. It proves each resource's properties and that no reference dangles, not that AWS's services accept
//! them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use aws_credential_types::Credentials;
use aws_sdk_kafka::config::{BehaviorVersion, Region};
use serde_json::{Value, json};
use shared::custom_resource::respond;
use tokio::sync::Mutex;

pub(crate) use intrinsics::{ACCOUNT, REGION, STACK};
use intrinsics::{Scope, as_text};

use crate::support::{
    cloudformation::CloudFormation,
    stub::{Stub, StubResponse},
};

mod intrinsics;
mod order;

/// A deployment's parameters.
pub(crate) type Parameters = BTreeMap<String, String>;

/// An evaluated stack.
#[derive(Debug)]
pub(crate) struct Stack {
    /// The template's declarations of parameters.
    pub(crate) declared: Value,
    /// Every parameter's value.
    pub(crate) parameters: BTreeMap<String, Value>,
    /// The logical ids of all resources, created or not.
    pub(crate) names: Vec<String>,
    /// The created resources, resolved.
    pub(crate) resources: BTreeMap<String, Value>,
    pub(crate) outputs: BTreeMap<String, Value>,
    /// The resources that each created resource refers to or depends on.
    dependencies: BTreeMap<String, BTreeSet<String>>,
    /// The attributes that custom resources return, by logical id.
    pub(crate) answers: BTreeMap<&'static str, Value>,
    /// The violations of the parameters' patterns and the template's rules.
    pub(crate) refused: Vec<String>,
    /// The rules that apply to these parameters.
    pub(crate) rules: Vec<String>,
    /// All of the template's rules.
    pub(crate) all_rules: Value,
}

impl Stack {
    /// A created resource.
    pub(crate) fn resource(&self, name: &str) -> &Value {
        self.resources.get(name).unwrap_or_else(|| panic!("{name} is not created"))
    }

    /// Its properties.
    pub(crate) fn properties(&self, name: &str) -> &Value {
        &self.resource(name)["Properties"]
    }

    /// The resources of a type: logical ids and properties.
    pub(crate) fn of_type(&self, kind: &str) -> impl Iterator<Item = (&str, &Value)> {
        let all = self.resources.iter().filter(move |(_, resource)| resource["Type"] == kind);
        all.map(|(name, resource)| (name.as_str(), &resource["Properties"]))
    }

    /// The user ids with topics.
    pub(crate) fn user_ids(&self) -> Vec<&str> {
        self.parameters["UserIds"].as_array().unwrap().iter().map(|user_id| user_id.as_str().unwrap()).collect()
    }

    /// The statements of a role's inline policies.
    pub(crate) fn statements(&self, role: &str) -> Vec<&Value> {
        let policies = self.properties(role)["Policies"].as_array();
        let of = |policy: &'static str| move |value| list(&Value::get(value, policy).unwrap()["Statement"]);
        policies.into_iter().flatten().flat_map(of("PolicyDocument")).collect()
    }
}

/// Policies allow one value in place of a list; this returns a list of either.
pub(crate) fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// The same for strings.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    list(value).into_iter().map(|value| value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))).collect()
}

/// Parameters from names and values.
pub(crate) fn parameters(given: &[(&str, &str)]) -> Parameters {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Evaluates the template for `given`. A stack that violates a rule has no resources.
pub(crate) async fn stack(given: &Parameters) -> Arc<Stack> {
    stacks(std::slice::from_ref(given)).await.remove(0)
}

/// Evaluates the template for several sets of parameters, each once per process.
pub(crate) async fn stacks(given: &[Parameters]) -> Vec<Arc<Stack>> {
    static MADE: Mutex<BTreeMap<Parameters, Arc<Stack>>> = Mutex::const_new(BTreeMap::new());
    let mut made = MADE.lock().await;
    let new: Vec<_> = given.iter().filter(|given| !made.contains_key(*given)).collect();
    if !new.is_empty() {
        let answers = python("translate.py", &json!({"pseudo": pseudo(), "cases": new}));
        for (given, answer) in new.into_iter().zip(answers.as_array().unwrap()) {
            let values = texts(&answer["refused"]).into_iter().map(str::to_owned).collect();
            made.insert(given.clone(), Arc::new(resolved(&answer["template"], given, values).await));
        }
    }
    given.iter().map(|given| made[given].clone()).collect()
}

/// The values of the pseudo parameters.
fn pseudo() -> Value {
    json!({"region": REGION, "account_id": ACCOUNT, "stack_name": STACK})
}

/// The unmodified template.
pub(crate) fn source() -> Value {
    python("source.py", &Value::Null)
}

/// The options of `build` and `deploy` in each profile of `samconfig.toml`, read by SAM's own parser.
pub(crate) fn profiles() -> Value {
    python("profiles.py", &Value::Null)
}

/// A file of the workspace.
pub(crate) fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub(crate) fn python(program: &str, input: &Value) -> Value {
    python_in("template", program, input)
}

/// Runs a Python program of a folder of tests with JSON input, and returns its JSON output.
pub(crate) fn python_in(folder: &str, program: &str, input: &Value) -> Value {
    let mut python = Command::new(workspace(".tools/venv/bin/python"))
        .arg(workspace("tests").join(folder).join(program))
        .arg(workspace("template.yaml"))
        // SAM requires a region and calls nothing in it.
        .env("AWS_DEFAULT_REGION", REGION)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`make tools` fetches Python's packages");
    python.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Evaluates a transformed template. `refused` starts with the violations of single parameters.
async fn resolved(template: &Value, given: &Parameters, mut refused: Vec<String>) -> Stack {
    let parameters = values(&template["Parameters"], given);
    let (broken, rules) = refusals(template, &parameters);
    refused.extend(broken);
    let declared = template["Parameters"].clone();
    let all_rules = template["Rules"].clone();
    let names = template["Resources"].as_object().unwrap().keys().cloned().collect();
    let (resources, outputs) = (BTreeMap::new(), BTreeMap::new());
    let (answers, dependencies) = (BTreeMap::new(), BTreeMap::new());
    let mut stack =
        Stack { declared, parameters, names, resources, outputs, dependencies, answers, refused, rules, all_rules };
    if !stack.refused.is_empty() {
        return stack;
    }
    let mut answers = BTreeMap::new();
    let brokers = Scope { template, parameters: &stack.parameters, answers: &answers };
    let brokers = brokers.resolve(&template["Resources"]["Brokers"]["Properties"]).unwrap().unwrap();
    answers.insert("Brokers", found(&brokers).await);
    // The template may read these attributes. `rights` runs `topics` itself, on Kafka.
    answers.insert("Topics", json!({"Topics": "", "Created": "", "Existing": "", "Differing": ""}));
    let scope = Scope { template, parameters: &stack.parameters, answers: &answers };
    let section = |section: &str| {
        let all = template[section].as_object().unwrap();
        let made = |thing: &Value| thing["Condition"].as_str().is_none_or(|condition| scope.holds(condition).unwrap());
        let resolve = |name: &str, thing| scope.resolve(thing).unwrap_or_else(|error| panic!("{name}: {error}"));
        let made = all.iter().filter(|(_, thing)| made(thing));
        made.map(|(name, thing)| (name.clone(), resolve(name, thing).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let (resources, outputs) = (section("Resources"), section("Outputs"));
    for (name, resource) in &resources {
        for needed in resource.get("DependsOn").map(texts).unwrap_or_default() {
            assert!(!template["Resources"][needed].is_null(), "{name} depends on {needed}");
        }
    }
    let dependencies = order::dependencies(scope, &resources);
    (stack.resources, stack.outputs, stack.dependencies, stack.answers) = (resources, outputs, dependencies, answers);
    stack
}

/// Each parameter's value: the given one or its default.
fn values(declared: &Value, given: &Parameters) -> BTreeMap<String, Value> {
    for name in given.keys() {
        assert!(!declared[name].is_null(), "there is no parameter {name}");
    }
    let value = |name: &String, declared: &Value| {
        let default = || as_text(declared.get("Default").unwrap_or_else(|| panic!("{name} has to be given")));
        let value = given.get(name).cloned().unwrap_or_else(default);
        match declared["Type"].as_str().unwrap() {
            "CommaDelimitedList" => value.split(',').collect::<Vec<_>>().into(),
            _ => value.into(),
        }
    };
    declared.as_object().unwrap().iter().map(|(name, it)| (name.clone(), value(name, it))).collect()
}

/// The descriptions of the failed assertions, and the rules that apply.
fn refusals(template: &Value, parameters: &BTreeMap<String, Value>) -> (Vec<String>, Vec<String>) {
    let scope = Scope { template, parameters, answers: &BTreeMap::new() };
    let (mut refused, mut applied) = (Vec::new(), Vec::new());
    for (name, rule) in template["Rules"].as_object().unwrap() {
        if rule.get("RuleCondition").is_some_and(|condition| !scope.evaluate(condition).unwrap()) {
            continue;
        }
        applied.push(name.clone());
        let broken = list(&rule["Assertions"]).into_iter().filter(|it| !scope.evaluate(&it["Assert"]).unwrap());
        refused.extend(broken.map(|it| it["AssertDescription"].as_str().unwrap().to_owned()));
    }
    (refused, applied)
}

/// The attributes that the function `brokers` returns for these properties.
async fn found(properties: &Value) -> Value {
    let cluster = properties["ClusterArn"].as_str().unwrap().split('/').nth(1).unwrap();
    let servers = ["b-1", "b-2", "b-3"].map(|broker| format!("{broker}.{cluster}:9098")).join(",");
    let servers = json!({"bootstrapBrokerStringSaslIam": servers});
    let control_plane = Stub::start([("/bootstrap-brokers", vec![StubResponse::ok(&servers)])]).await;
    let config = aws_sdk_kafka::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(control_plane.address())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
        .build();
    let client = aws_sdk_kafka::Client::from_conf(config);
    let cloudformation = CloudFormation::start().await;
    let event = cloudformation.request("Create", properties).payload;
    let event = cloudformation.event(event, Duration::from_mins(1));
    respond(event, |request| brokers::find(&client, request)).await.unwrap();
    cloudformation.data()
}
