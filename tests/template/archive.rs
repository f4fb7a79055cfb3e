//! The schedules of the archive and the tables, the dashboard and the alarms.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::metrics::CATALOG;

use super::cases::{every, with};
use crate::support::template::{Stack, list, stack, texts};

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn an_hourly_run_stores_batches_that_a_mapping_gave_up() {
    for (case, stack) in every().await {
        let expected = match stack.parameters["Archive"].as_str().unwrap() {
            "schedule" => Some("rate(1 minute)"),
            "event-source-mapping" => Some("rate(1 hour)"),
            _ => None,
        };
        let schedules: Vec<_> = stack.of_type("AWS::Scheduler::Schedule").collect();
        let runs = schedules.iter().find(|(name, _)| *name == "ArchiveSchedule").map(|(_, schedule)| schedule);
        assert_eq!(runs.map(|runs| runs["ScheduleExpression"].as_str().unwrap()), expected, "{case:?}");
        if let Some(runs) = runs {
            let function = stack.properties("ArchiveFunction");
            assert!(runs["Target"]["Arn"].as_str().unwrap().contains("ArchiveFunction"), "{case:?}: {runs}");
            assert!(!function["Environment"]["Variables"]["BOOTSTRAP_SERVERS"].is_null(), "{case:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_tables_are_brought_up_to_date_on_a_schedule_unless_it_is_off() {
    for (case, stack) in every().await {
        let archives = stack.resources.contains_key("ArchiveFunction");
        let minutes = stack.parameters["TablesMinutes"].to_string().replace('"', "");
        let writes = archives && minutes != "0";
        let made = ["TablesFunction", "TablesSchedule", "TablesBehind"].map(|name| stack.resources.contains_key(name));
        assert_eq!(made, [writes; 3], "{case:?}");
        assert_eq!(stack.outputs.contains_key("TablesUrl"), writes, "{case:?}");
        if writes {
            let schedule = stack.properties("TablesSchedule");
            assert_eq!(schedule["ScheduleExpression"], format!("cron(0/{minutes} * * * ? *)"), "{case:?}");
            let alarm = stack.properties("TablesBehind");
            let period = alarm["Period"].as_u64().unwrap();
            assert!(period >= 60 * minutes.parse::<u64>().unwrap(), "{case:?}: a period without a run is an alarm");
            let of = |function: &str| stack.properties(function)["Environment"]["Variables"]["ARCHIVE_URL"].clone();
            assert_eq!(of("TablesFunction"), of("ArchiveFunction"), "{case:?}");
        }
    }
}

/// The actions on objects that a function is allowed, by prefix.
fn rights(stack: &Stack, function: &str) -> BTreeSet<(String, String)> {
    let statements = stack.statements(&format!("{function}FunctionRole")).into_iter();
    let rights = statements.flat_map(|statement| {
        let objects: Vec<_> = texts(&statement["Resource"]).into_iter().filter(|on| on.ends_with("/*")).collect();
        let actions: Vec<_> = texts(&statement["Action"]).into_iter().filter_map(|it| it.strip_prefix("s3:")).collect();
        let pairs = actions.iter().flat_map(|action| {
            objects.iter().map(|on| {
                let folder = on.trim_end_matches("/*").rsplit('/').next().unwrap();
                ((*action).to_owned(), folder.to_owned())
            })
        });
        pairs.collect::<Vec<_>>()
    });
    rights.collect()
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn tables_only_read_the_archive_and_nothing_deletes_from_it() {
    for (case, stack) in every().await {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        if stack.resources.contains_key("TablesFunction") {
            let expected: BTreeSet<_> = pairs(&[
                ("DeleteObject", "tables"),
                ("GetObject", "tables"),
                ("GetObject", "topics"),
                ("PutObject", "tables"),
            ]);
            assert_eq!(rights(&stack, "Tables"), expected, "{case:?}");
        }
        if stack.resources.contains_key("ArchiveFunction") {
            assert!(
                rights(&stack, "Archive").iter().all(|(action, folder)| action != "DeleteObject" && folder != "tables")
            );
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn a_mapping_retries_a_batch_until_it_is_stored() {
    let stack = stack(&with(&[("Archive", "event-source-mapping")])).await;
    let mappings: Vec<_> = stack.of_type("AWS::Lambda::EventSourceMapping").collect();
    assert!(!mappings.is_empty());
    for (name, mapping) in mappings {
        for limit in ["MaximumRetryAttempts", "MaximumRecordAgeInSeconds"] {
            assert_eq!(mapping[limit], -1, "{name}: {limit}");
        }
        // With a destination, Lambda stops after ten attempts despite these limits.
        assert!(mapping.get("DestinationConfig").is_none(), "{name}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn the_dashboard_is_valid_and_shows_this_stack() {
    for (case, stack) in every().await {
        let body = stack.properties("Dashboard")["DashboardBody"].as_str().unwrap();
        let link =
            "(https://eu-west-1.console.aws.amazon.com/athena/home?region=eu-west-1#/query-editor/saved-queries)";
        assert_eq!(body.contains(link), stack.resources.contains_key("WorkGroup"), "{case:?}");
        let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{case:?}: {error}: {body}"));
        let widgets = body["widgets"].as_array().unwrap();
        assert!(widgets.len() > 5, "{case:?}");
        for widget in widgets {
            if widget["type"] == "metric" {
                assert_eq!(widget["properties"]["region"], "eu-west-1", "{case:?}");
            }
            // The grid has 24 columns.
            assert!(widget["x"].as_u64().unwrap() + widget["width"].as_u64().unwrap() <= 24, "{case:?}: {widget}");
        }
    }
}

/// The pipeline's metrics on a dashboard, with their functions.
fn metrics(body: &Value) -> Vec<(String, String)> {
    let mut named = Vec::new();
    for widget in body["widgets"].as_array().unwrap() {
        let mut last = Vec::new();
        for line in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let mut line: Vec<&str> = line.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            if let Some(("...", rest)) = line.split_first().map(|(first, rest)| (*first, rest.to_vec())) {
                line = [&last[..last.len() - rest.len()], &rest[..]].concat();
            }
            if line.first() == Some(&"PinterestDataPipeline") {
                named.push((line[1].to_owned(), line[3].to_owned()));
            }
            last = line;
        }
    }
    named
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn every_metric_of_the_dashboard_and_the_alarms_is_written_by_its_function() {
    let stack = stack(&with(&[])).await;
    let body: Value = serde_json::from_str(stack.properties("Dashboard")["DashboardBody"].as_str().unwrap()).unwrap();
    let mut named = metrics(&body);
    for (_, alarm) in stack.of_type("AWS::CloudWatch::Alarm") {
        let single = std::iter::once(alarm);
        let several = alarm["Metrics"].as_array().into_iter().flatten().map(|metric| &metric["MetricStat"]["Metric"]);
        for metric in single.chain(several).filter(|metric| metric["Namespace"] == "PinterestDataPipeline") {
            let [dimension] = &metric["Dimensions"].as_array().unwrap()[..] else { panic!("{metric}") };
            assert_eq!(dimension["Name"], "FunctionName", "{metric}");
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            named.push((text(&metric["MetricName"]), text(&dimension["Value"])));
        }
    }
    assert!(named.len() > 10, "{named:?}");
    for (metric, function) in named {
        let function = function.strip_prefix("my-pins-").unwrap().split("Function").next().unwrap().to_lowercase();
        let writes = |known: &&shared::metrics::Metric| {
            known.name == metric && known.functions.split(", ").any(|it| it == function)
        };
        assert!(CATALOG.iter().copied().any(|known| writes(&known)), "{function} does not write {metric}");
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn no_alarm_and_no_graph_aggregates_a_single_series() {
    // SUM, AVG, MAX and MIN of a single id are a scalar, which CloudWatch rejects here.
    let scalar = |expression: &str| {
        let inside = expression.split_once('(').and_then(|(function, rest)| Some((function, rest.strip_suffix(')')?)));
        inside.is_some_and(|(function, inside)| {
            ["SUM", "AVG", "MAX", "MIN"].contains(&function) && inside.chars().all(char::is_alphanumeric)
        })
    };
    assert!(scalar("SUM(ingest)") && !scalar("SUM(METRICS())") && !scalar("SUM([a, b])"));
    for (case, stack) in every().await {
        let alarms = stack.of_type("AWS::CloudWatch::Alarm").map(|(_, alarm)| alarm["Metrics"].clone());
        let body = stack.properties("Dashboard")["DashboardBody"].as_str().unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let graphs = body["widgets"].as_array().unwrap().iter().map(|widget| widget["properties"]["metrics"].clone());
        for metrics in alarms.chain(graphs) {
            let parts = metrics.as_array().into_iter().flatten().flat_map(list);
            for expression in parts.filter_map(|part| part.get("Expression").or(part.get("expression"))) {
                assert!(!scalar(expression.as_str().unwrap()), "{case:?}: {expression}");
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs SAM: make test"]
async fn alarms_notify_the_given_topic_only() {
    for (case, stack) in every().await {
        let topic = &stack.parameters["AlarmTopicArn"];
        for (name, alarm) in stack.of_type("AWS::CloudWatch::Alarm") {
            for actions in ["AlarmActions", "OKActions"] {
                let notified = alarm.get(actions).map(|actions| &actions[0]);
                assert_eq!(notified.unwrap_or(&"".into()), topic, "{case:?}: {name}");
            }
        }
    }
}
