//! `make instructions`: compares the instructions that a request takes with the recorded numbers.
//!
//! Unlike times, instructions hardly vary on a shared machine.

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
use hot_path::{USER_ID, app, payload};
use lambda_runtime::{Context, LambdaEvent};
use shared::kind::{GEO, Kind, PIN, USER};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The recorded numbers, relative to this crate's folder.
const RECORDED: &str = "instructions.json";

/// The tolerated increase in percent: hash maps use random keys.
const TOLERANCE: u64 = 5;

/// The iterations in each of two processes. The difference is counted.
const ITERATIONS: [u64; 2] = [2, 7];

/// Counts the instructions of `ingest`'s hot path under callgrind, and fails if they exceed the recorded numbers.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
struct Cli {
    /// Records the numbers instead of comparing them
    #[arg(long)]
    record: bool,

    /// Runs one scene this many times, for callgrind
    #[arg(long, hide = true, requires = "times")]
    scene: Option<Scene>,

    #[arg(long, hide = true)]
    times: Option<u64>,
}

/// A measured piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Scene {
    /// The first 500 pins, each validated and compacted
    Pins,
    /// 500 rows of geo
    Geos,
    /// 500 rows of user
    Users,
    /// An event with one record, from API Gateway's JSON to the response
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
    for _ in 0..times {
        let mut copies = Vec::new();
        for row in payload::rows(kind).take(500) {
            kind.check_start(black_box(row), &mut copies)?.0.map_err(|broken| format!("{broken:?}"))?;
        }
        black_box(copies);
    }
    Ok(())
}

fn events(records: usize, times: u64) -> Result<()> {
    let app = app();
    let topic = format!("{USER_ID}.{PIN}");
    let event = payload::event(&topic, &payload::body(payload::rows(&PIN).take(records)))?.to_string();
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
        for _ in 0..times {
            let event = LambdaEvent::new(serde_json::from_str(&event)?, Context::default());
            let answer = ingest::event::handle(&app, Duration::ZERO, event).await;
            if answer.status_code != 200 {
                return Err(format!("{answer:?}").into());
            }
        }
        Ok(())
    })
}

/// The instructions of each scene by name.
type Counts = BTreeMap<String, u64>;

fn count_all() -> Result<Counts> {
    Scene::value_variants().iter().map(|scene| Ok((scene.name(), count(*scene)?))).collect()
}

/// Counts the instructions of one iteration. Startup and exit are in both processes and cancel out.
fn count(scene: Scene) -> Result<u64> {
    let [few, many] = ITERATIONS;
    Ok((collected(scene, many)? - collected(scene, few)?) / (many - few))
}

/// Runs callgrind and returns the instructions of the process.
fn collected(scene: Scene, times: u64) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(env::current_exe()?);
    valgrind.args(["--scene", &scene.name(), "--times", &times.to_string()]);
    let output = valgrind.output().map_err(|error| format!("valgrind: {error}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    let line = report.lines().find_map(|line| line.split_once("Collected : ")).filter(|_| output.status.success());
    let (_, count) = line.ok_or_else(|| format!("valgrind, {}: {report}", output.status))?;
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
