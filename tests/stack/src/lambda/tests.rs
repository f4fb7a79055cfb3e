use std::{sync::Arc, time::SystemTime};

use futures::future::join_all;
use serde_json::json;
use tokio::time::Instant;

use super::*;

/// The program of `examples/probe.rs`.
async fn probe() -> Function {
    Function::new(&built("probe").await.unwrap(), [("RUST_LOG", "warn")])
}

#[expect(clippy::disallowed_methods, reason = "compared with a function's clock")]
fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn a_function_without_its_settings_names_each_in_its_log() {
    let settings: [(&str, &str); 0] = [];
    let lambda = Lambda::start(&Function::new(&built("ingest").await.unwrap(), settings)).await.unwrap();
    let error = lambda.invoke(&json!({})).await.unwrap_err();
    assert!(matches!(error, InvokeError::Ended(_)), "{error}");
    for name in ["BOOTSTRAP_SERVERS", "USER_IDS"] {
        assert!(error.to_string().contains(name) && lambda.log().contains(name), "{name}: {error}");
    }
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn an_environment_serves_one_event_after_the_other_in_one_process() {
    let lambda = Lambda::start(&probe().await).await.unwrap();
    assert!(lambda.processes().is_empty(), "the first invocation starts the process");
    let first = lambda.invoke(&json!({"a": 1})).await.unwrap();
    let second = lambda.invoke(&json!({"sleep_ms": 50})).await.unwrap();
    assert_eq!(first["event"], json!({"a": 1}));
    assert_eq!(first["process"], second["process"]);
    assert_eq!(lambda.processes(), [u32::try_from(first["process"].as_u64().unwrap()).unwrap()]);
    let report = lambda.reports().remove(0);
    assert_eq!((report.inits.len(), report.invocations.len()), (1, 2), "{}", lambda.log());
    assert!(report.inits[0] > Duration::ZERO && report.inits[0] < Duration::from_secs(5), "{report:?}");
    assert!(report.invocations[1] >= Duration::from_millis(50), "{report:?}");
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn errors_exits_and_timeouts_are_distinguished_and_the_next_event_is_served() {
    let mut function = probe().await;
    function.timeout = Duration::from_secs(1);
    let lambda = Lambda::start(&function).await.unwrap();
    let error = lambda.invoke(&json!({"fail": "on purpose"})).await.unwrap_err();
    assert!(matches!(&error, InvokeError::Function { message, .. } if message == "on purpose"), "{error}");
    for attempt in 0..2 {
        let error = lambda.invoke(&json!({"exit": 3})).await.unwrap_err();
        assert!(matches!(error, InvokeError::Ended(_)), "{attempt}: {error}");
        let error = lambda.invoke(&json!({"sleep_ms": 60_000})).await.unwrap_err();
        assert!(matches!(error, InvokeError::TimedOut(_)), "{attempt}: {error}");
        assert_eq!(lambda.invoke(&json!(attempt)).await.unwrap()["event"], attempt);
    }
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn excess_events_wait_for_an_environment_and_none_overlap() {
    let mut function = probe().await;
    function.concurrency = 3;
    let lambda = Arc::new(Lambda::start(&function).await.unwrap());
    let event = json!({"sleep_ms": 200});
    let answers = join_all((0..9).map(|_| lambda.invoke(&event))).await;
    let mut processes: Vec<_> =
        answers.into_iter().map(|answer| answer.unwrap()["process"].as_u64().unwrap()).collect();
    processes.sort_unstable();
    processes.dedup();
    assert_eq!(processes.len(), 3, "each environment serves some: {}", lambda.log());
    assert_eq!(lambda.reports().iter().map(|report| report.invocations.len()).sum::<usize>(), 9);
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn an_invocation_goes_on_without_its_caller() {
    let lambda = Lambda::start(&probe().await).await.unwrap();
    lambda.invoke(&json!({})).await.unwrap();
    let event = json!({"sleep_ms": 300});
    assert!(tokio::time::timeout(Duration::from_millis(50), lambda.invoke(&event)).await.is_err());
    // It waits for the environment: a request to a busy emulator would end it.
    lambda.invoke(&json!({})).await.unwrap();
    assert_eq!(lambda.reports()[0].invocations.len(), 3);
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn a_frozen_function_stays_stopped_until_thawed_or_invoked() {
    let lambda = Lambda::start(&probe().await).await.unwrap();
    lambda.freeze().await.unwrap();
    let before = lambda.invoke(&json!({})).await.unwrap();
    lambda.freeze().await.unwrap();
    let status = || std::fs::read_to_string(format!("/proc/{}/stat", lambda.processes()[0])).unwrap();
    assert!(status().contains(") T "), "{}", status());
    lambda.thaw().unwrap();
    let running = Instant::now();
    while status().contains(") T ") {
        assert!(running.elapsed() < Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    lambda.freeze().await.unwrap();
    let after = lambda.invoke(&json!({})).await.unwrap();
    assert_eq!(before["process"], after["process"]);
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator and libfaketime: make test"]
async fn the_wall_clock_moves_and_the_monotonic_clock_does_not() {
    let mut function = probe().await;
    let still = Lambda::start(&function).await.unwrap();
    assert!(still.move_clock(Duration::from_mins(20)).is_err());
    function.movable_clock = true;
    let lambda = Lambda::start(&function).await.unwrap();
    let mut ahead = 0;
    let mut last_up_ms = 0;
    for minutes in [0, 20, 60] {
        lambda.freeze().await.unwrap();
        lambda.move_clock(Duration::from_mins(minutes)).unwrap();
        ahead += minutes * 60;
        let expected = now_s() + ahead;
        let seen = lambda.invoke(&json!({"sleep_ms": 20})).await.unwrap();
        let clock = seen["clock_s"].as_u64().unwrap();
        assert!((expected..expected + 60).contains(&clock), "{minutes}: {clock}, not {expected}");
        let up_ms = seen["up_ms"].as_u64().unwrap();
        assert!(up_ms >= last_up_ms && up_ms < 60_000, "{minutes}: {up_ms}");
        last_up_ms = up_ms;
    }
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn a_quiet_environment_serves_any_client_and_writes_no_report() {
    let lambda = Lambda::start(&Function { quiet: true, ..probe().await }).await.unwrap();
    let [url] = &lambda.urls()[..] else { panic!("one environment") };
    let response = reqwest::Client::new().post(url).body(r#"{"a":1}"#).send().await.unwrap().text().await.unwrap();
    let response: Value = serde_json::from_str(&response).unwrap();
    assert_eq!(response["event"], json!({"a": 1}));
    assert_eq!(lambda.reports(), [Report::default()]);
}
