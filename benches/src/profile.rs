//! The CPU profile of `ingest`: Linux's `perf` samples an unstripped build under load.

use std::{path::Path, time::Duration};

use tokio::{process::Command, try_join};

use crate::{
    Result,
    figures::{Figures, Metric},
    function::Warm,
    load::Load,
    payload::{MANY, Requests, small_event},
    peers::{Listener, TOPIC, for_benchmarks, kafka, unstripped},
    plan::Plan,
    progress::log_progress,
};

const ONE: &str = "by `perf`: 1 record, plain listener";
const FIVE_HUNDRED: &str = "by `perf`: 500 records, plain listener";
const FIVE_HUNDRED_IAM: &str = "by `perf`: 500 records, IAM listener";
pub(crate) const SCENES: [&str; 3] = [ONE, FIVE_HUNDRED, FIVE_HUNDRED_IAM];

pub(crate) const COLUMNS: &[Metric] = &[Metric::CpuPerRequest, Metric::Share];

/// Samples per second of processor time. A prime, so that samples do not coincide with the kernel's timer.
const FREQUENCY: u32 = 4_999;

/// A row of the tables: what code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    KernelForRuntime,
    KernelForLibrdkafka,
    OpenSsl,
    Librdkafka,
    Memory,
    Json,
    Ours,
    Runtime,
    Other,
}

const ROWS: [Purpose; 9] = [
    Purpose::KernelForRuntime,
    Purpose::KernelForLibrdkafka,
    Purpose::OpenSsl,
    Purpose::Librdkafka,
    Purpose::Memory,
    Purpose::Json,
    Purpose::Ours,
    Purpose::Runtime,
    Purpose::Other,
];

/// The first letters of OpenSSL's functions, in lower case.
const OPENSSL: &[&str] =
    &["aes", "asn1", "bio_", "bn_", "crypto", "err_", "evp", "gcm", "ossl", "rand_", "sha", "ssl", "tls", "x509"];
const MEMORY: &[&str] =
    &["__mem", "_int_", "calloc", "cfree", "free", "malloc", "memcpy", "memmove", "realloc", "unlink_chunk"];
const RUNTIME: &[&str] = &[
    "aws_lambda_events",
    "http",
    "hyper",
    "lambda_runtime",
    "mio",
    "serde_path_to_error",
    "tokio",
    "tower",
    "tracing",
];
const OURS: &[&str] = &["event_queue", "ingest", "shared"];

impl Purpose {
    /// Classifies a sampled function by its thread, its file and its name.
    fn of(thread: &str, file: &str, function: &str) -> Self {
        let of_librdkafka = thread.starts_with("rdk:");
        if file.starts_with("[kernel") {
            return if of_librdkafka { Self::KernelForLibrdkafka } else { Self::KernelForRuntime };
        }
        // `<hyper::Connection as tokio::Future>::poll` is hyper's.
        let name = function.trim_start_matches(['<', '&', ' ']).to_lowercase();
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        match () {
            () if starts(MEMORY) => Self::Memory,
            () if starts(&["serde_json", "serde_core", "memchr"]) => Self::Json,
            () if starts(OURS) => Self::Ours,
            () if starts(RUNTIME) => Self::Runtime,
            () if starts(&["rd_", "rdk", "crc32c", "cnd_", "mtx_"]) => Self::Librdkafka,
            () if starts(OPENSSL) => Self::OpenSsl,
            () if of_librdkafka => Self::Librdkafka,
            () => Self::Other,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::KernelForRuntime => "kernel, called by the runtime's thread",
            Self::KernelForLibrdkafka => "kernel, called by librdkafka's threads",
            Self::OpenSsl => "OpenSSL",
            Self::Librdkafka => "librdkafka",
            Self::Memory => "allocating and copying memory",
            Self::Json => "serde_json and memchr",
            Self::Ours => "`ingest` and `shared`",
            Self::Runtime => "lambda_runtime, hyper, tokio and tracing",
            Self::Other => "other",
        }
    }
}

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let kafka = kafka(for_benchmarks()).await?;
    let requests = Requests::events(&folder, TOPIC)?;
    let peer = unstripped();
    for (listener, scenes) in
        [(Listener::Plain, &[(ONE, false), (FIVE_HUNDRED, true)][..]), (Listener::Iam, &[(FIVE_HUNDRED_IAM, true)][..])]
    {
        let function = peer.function(&kafka, listener)?;
        let warm = Warm::start_function(&peer, function, &small_event(TOPIC)?).await?;
        for (scene, is_many) in scenes.iter().copied() {
            let (requests, entries) = if is_many { (&requests.many, MANY) } else { (&requests.one, 1) };
            let load = Load { url: &warm.url, requests, entries, connections: 1 };
            load.send(warm.process, plan.warm_up).await?;
            for pass in 1..=plan.passes {
                log_progress(&format!("{scene}, pass {pass} of {}", plan.passes));
                let samples = folder.path().join("perf.data");
                let (passed, ()) =
                    try_join!(load.send(warm.process, plan.pass), record(warm.process, plan.pass, &samples))?;
                for (purpose, share) in shares(&report(&samples).await?) {
                    figures.push(scene, purpose.name(), Metric::CpuPerRequest, share * passed.cpu_us);
                    figures.push(scene, purpose.name(), Metric::Share, share * 100.0);
                }
            }
        }
    }
    Ok(())
}

/// Samples a process.
async fn record(process: u32, time: Duration, samples: &Path) -> Result<()> {
    let mut command = Command::new("perf");
    command.args(["record", "--quiet", "--freq", &FREQUENCY.to_string(), "--pid", &process.to_string(), "--output"]);
    output(command.arg(samples).args(["--", "sleep", &time.as_secs().to_string()])).await.map(drop)
}

/// Returns the samples' functions, each a line of share, thread, file and function.
async fn report(samples: &Path) -> Result<String> {
    let mut command = Command::new("perf");
    command.args(["report", "--stdio", "--fields", "overhead,comm,dso,sym", "--field-separator", "|", "--input"]);
    output(command.arg(samples)).await
}

async fn output(command: &mut Command) -> Result<String> {
    let output = command.kill_on_drop(true).output().await;
    let output = output.map_err(|error| format!("perf: {error}; Debian has it in linux-perf"))?;
    if !output.status.success() {
        return Err(format!("perf: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Sums the shares of a report by row.
fn shares(report: &str) -> Vec<(Purpose, f64)> {
    let mut sums = ROWS.map(|purpose| (purpose, 0.0));
    for line in report.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let [share, thread, file, symbol, ..] = fields[..] else { continue };
        let Ok(share) = share.trim_end_matches('%').parse::<f64>() else { continue };
        // `[.] name`, or `[k] name` in the kernel.
        let function = symbol.split_once("] ").map_or(symbol, |(_, name)| name);
        let purpose = Purpose::of(thread, file, function);
        for (_, sum) in sums.iter_mut().filter(|(row, _)| *row == purpose) {
            *sum += share / 100.0;
        }
    }
    sums.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_summed_by_what_the_code_is_for() {
        let report = "\
# Overhead|Command|Shared Object|Symbol
 20.00%|ingest|[kernel.kallsyms]|[k] tcp_sendmsg
 10.00%|rdk:broker1|[kernel.kallsyms]|[k] do_poll
 5.50%|rdk:broker1|ingest|[.] rd_kafka_broker_serve
 4.50%|rdk:broker1|ingest|[.] aesni_gcm_encrypt
 3.00%|rdk:broker1|ingest|[.] SSL_write_ex
 7.00%|ingest|libc.so.6|[.] __memmove_avx512_unaligned_erms
 6.00%|ingest|ingest|[.] <serde_json::read::SliceRead as serde_json::read::Read>::next
 2.00%|ingest|ingest|[.] shared::kind::fast_path::Reader::row
 1.00%|ingest|ingest|[.] hyper::proto::h1::role::parse
";
        let shares = shares(report);
        let share = |purpose| shares.iter().find(|(row, _)| *row == purpose).map(|(_, share)| (share * 1e4).round());
        let expected = [
            (Purpose::KernelForRuntime, 2000.0),
            (Purpose::KernelForLibrdkafka, 1000.0),
            (Purpose::Librdkafka, 550.0),
            (Purpose::OpenSsl, 750.0),
            (Purpose::Memory, 700.0),
            (Purpose::Json, 600.0),
            (Purpose::Ours, 200.0),
            (Purpose::Runtime, 100.0),
            (Purpose::Other, 0.0),
        ];
        for (purpose, of_ten_thousand) in expected {
            assert_eq!(share(purpose), Some(of_ten_thousand), "{purpose:?}");
        }
    }
}
