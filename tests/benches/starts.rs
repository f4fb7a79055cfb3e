//! `make bench`: what a cold start and a freeze cost, next to a Python function that does the same.
//!
//! Kafka with IAM, the Lambda runtime and the client share this machine, so the network costs nothing and the processor more
//! than it would: the two are to be compared with each other, and not with AWS.

#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{
    error::Error,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use stack::{
    kafka::{Identity, Kafka, Operation, Options, Topics},
    lambda::{Function, Lambda},
    proxy::End,
};
use tokio::time::{Instant, sleep};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Environments of each function, one after the other.
const ENVIRONMENTS: usize = 10;

/// Shorter than MSK's 15 minutes, so that it ends in a freeze that can be waited for.
const SESSION: Duration = Duration::from_secs(20);

const TOPIC: &str = "bench.geo";

#[tokio::main]
async fn main() -> Result<()> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir()?;
    let ingest = tests.join("../target/release/ingest");
    let python = script(folder.path(), tests)?;
    println!("| function | cold start to the first answer | its init | warm | after the freeze | answered after it |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (name, binary) in [("`ingest`, Rust", ingest), ("the same in Python", python)] {
        let Times { cold, init, warm, thawed, served } = measure(&binary).await?;
        let served = format!("{served} of {ENVIRONMENTS}");
        println!("| {name} | {} | {} | {} | {} | {served} |", shown(cold), shown(init), shown(warm), shown(thawed));
    }
    Ok(())
}

/// awslambdaric is AWS's own runtime for Python.
fn script(folder: &Path, tests: &Path) -> Result<PathBuf> {
    let python = tests.join("../.tools/venv/bin/python");
    let (clients, script) = (tests.join("clients"), folder.join("bootstrap"));
    let text = format!(
        "#!/bin/sh\ncd '{}' && exec '{}' -m awslambdaric lambda_function.handle\n",
        clients.display(),
        python.display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

struct Times {
    cold: Vec<Duration>,
    init: Vec<Duration>,
    warm: Vec<Duration>,
    thawed: Vec<Duration>,
    served: usize,
}

async fn measure(binary: &Path) -> Result<Times> {
    let kafka = Kafka::start(Options::default()).await?;
    kafka.create_topic(TOPIC, 1).await?;
    kafka.add_identity(Identity::new("AKIABENCH", "secret", "bench").with_session_token("token"))?;
    kafka.allow("bench", &[Operation::Describe, Operation::Write], Topics::Prefixed("bench.")).await?;
    kafka.set_session_cap(Some(SESSION))?;
    let mut function = Function::new(
        binary,
        [
            ("BOOTSTRAP_SERVERS", kafka.bootstrap_servers()),
            ("SSL_CA_LOCATION", kafka.ca_file().display().to_string()),
            ("AWS_REGION", kafka.region().to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIABENCH".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
            ("AWS_SESSION_TOKEN", "token".to_owned()),
            ("USER_IDS", "bench".to_owned()),
            ("TOKEN_SECONDS", SESSION.as_secs().to_string()),
        ],
    );
    function.timeout = Duration::from_secs(29);
    let event = event()?;
    let (mut cold, mut warm, mut init, mut lambdas) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ENVIRONMENTS {
        let lambda = Lambda::start(&function).await?;
        cold.push(invoke(&lambda, &event).await?.0);
        for _ in 0..20 {
            warm.push(invoke(&lambda, &event).await?.0);
        }
        init.extend(lambda.reports().into_iter().flat_map(|report| report.inits));
        lambda.freeze().await?;
        lambdas.push(lambda);
    }
    // Their connections are cut, and their sessions and tokens end, as in the twenty minutes that a test has pass. (There the
    // clock is moved, and librdkafka's waits for a moment of the day take a second longer than they would.)
    kafka.proxy().cut(End::Finish).await;
    sleep(SESSION).await;
    let (mut thawed, mut served) = (Vec::new(), 0);
    for lambda in &lambdas {
        let (took, written) = invoke(lambda, &event).await?;
        thawed.push(took);
        served += usize::from(written);
    }
    Ok(Times { cold, init, warm, thawed, served })
}

/// How long it took, and whether the record was written.
async fn invoke(lambda: &Lambda, event: &Value) -> Result<(Duration, bool)> {
    let begun = Instant::now();
    let answer = lambda.invoke(event).await;
    let took = begun.elapsed();
    Ok((took, answer.is_ok_and(|answer| answer["statusCode"] == 200)))
}

fn event() -> Result<Value> {
    let mut event: Value = serde_json::from_str(include_str!("../../events/ingest-geo.json"))?;
    event["path"] = json!(format!("/topics/{TOPIC}"));
    Ok(event)
}

/// The median and the longest.
fn shown(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let ms = |time: Option<&Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0);
    format!("{:.1} ms, at most {:.0}", ms(times.get(times.len() / 2)), ms(times.last()))
}
