//! `make instructions`: how many instructions the work of a request takes, held to what is written down.
//!
//! Times differ from run to run on a machine that others use as well; instructions hardly do.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    hint::black_box,
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use clap::{Parser, ValueEnum};
use hot_path::{USER_ID, payload, router};
use lambda_runtime::{Context, LambdaEvent};
use shared::{
    json,
    kind::{GEO, Kind, PIN, USER},
    metrics::Metrics,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Below the folder of this crate.
const RECORDED: &str = "instructions.json";

/// How many more instructions than recorded are let pass, in percent: maps are hashed by random keys.
const TOLERANCE: u64 = 5;

/// How often each of two processes does it. What the second one does more is counted.
const TIMES: [u64; 2] = [2, 7];

/// Counts the instructions of `ingest`'s hot path under callgrind, and fails where they are more than recorded.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
struct Cli {
    /// Writes the counts down in place of comparing them
    #[arg(long)]
    record: bool,

    /// Does this so many times, and no more: what callgrind runs
    #[arg(long, hide = true, requires = "times")]
    scene: Option<Scene>,

    #[arg(long, hide = true)]
    times: Option<u64>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Scene {
    /// The first 500 pins, each validated and compacted
    Pins,
    /// As many rows of geo
    Geos,
    /// As many rows of user
    Users,
    /// An event with one record, from API Gateway's JSON to the answer
    EventOf1,
    /// An event with 500 records
    EventOf500,
}

fn main() -> ExitCode {
    let Cli { record, scene, times } = Cli::parse();
    let done = match (scene, times) {
        (Some(scene), Some(times)) => scene.run(times),
        _ => count_all().and_then(|counts| if record { write(&counts) } else { compare(&counts) }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Scene {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn run(self, times: u64) -> Result<()> {
        match self {
            Self::Pins => rows(&PIN, times),
            Self::Geos => rows(&GEO, times),
            Self::Users => rows(&USER, times),
            Self::EventOf1 => events(1, times),
            Self::EventOf500 => events(500, times),
        }
    }
}

fn rows(kind: &Kind, times: u64) -> Result<()> {
    for row in (0..times).flat_map(|_| payload::rows(kind).take(500)) {
        let row = black_box(row);
        kind.check(row, |_| String::new())?;
        black_box(json::compact(row));
    }
    Ok(())
}

fn events(records: usize, times: u64) -> Result<()> {
    let metrics = Metrics::default();
    let router = router(metrics.clone());
    let topic = format!("{USER_ID}.{PIN}");
    let event = payload::event(&topic, &payload::body(payload::rows(&PIN).take(records)))?.to_string();
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
        for _ in 0..times {
            let event = LambdaEvent::new(serde_json::from_str(&event)?, Context::default());
            let answer = ingest::event::handle(router.clone(), &metrics, Duration::ZERO, event).await;
            if answer.status_code != 200 {
                return Err(format!("{answer:?}").into());
            }
        }
        Ok(())
    })
}

/// By name.
type Counts = BTreeMap<String, u64>;

fn count_all() -> Result<Counts> {
    Scene::value_variants().iter().map(|scene| Ok((scene.name(), count(*scene)?))).collect()
}

/// The instructions of one time: what starts and ends a process is in both counts, and so in neither.
fn count(scene: Scene) -> Result<u64> {
    let [few, many] = TIMES;
    Ok((collected(scene, many)? - collected(scene, few)?) / (many - few))
}

/// The instructions of a process, as callgrind tells them.
fn collected(scene: Scene, times: u64) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(env::current_exe()?);
    valgrind.args(["--scene", &scene.name(), "--times", &times.to_string()]);
    let output = valgrind.output().map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find_map(|line| line.split_once("Collected : ")).filter(|_| output.status.success());
    let (_, count) = line.ok_or_else(|| format!("valgrind, {}: {said}", output.status))?;
    Ok(count.trim().parse()?)
}

fn recorded() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDED)
}

fn write(counts: &Counts) -> Result<()> {
    let file = recorded();
    fs::write(&file, format!("{}\n", serde_json::to_string_pretty(counts)?))?;
    println!("Written: {}", file.display());
    Ok(())
}

fn compare(counts: &Counts) -> Result<()> {
    let recorded: Counts = serde_json::from_str(&fs::read_to_string(recorded())?)?;
    let mut more = Vec::new();
    println!("{:<12} {:>12} {:>12}  change", "", "instructions", "recorded");
    for (name, count) in counts {
        let before =
            *recorded.get(name).ok_or_else(|| format!("{name} is not recorded: make instructions ARGS=--record"))?;
        let change = 100.0 * (*count as f64 / before as f64 - 1.0);
        println!("{name:<12} {count:>12} {before:>12}  {change:+.1} %");
        if count * 100 > before * (100 + TOLERANCE) {
            more.push(name.as_str());
        }
    }
    if more.is_empty() {
        return Ok(());
    }
    let more = more.join(", ");
    Err(format!(
        "over {TOLERANCE} % more instructions than recorded: {more}. If they have to be: make instructions ARGS=--record. (They were \
         recorded on x86-64 with AVX2; without it the search in strings takes more.)"
    )
    .into())
}
