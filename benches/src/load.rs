//! The load generator: wrk, which posts requests in rotation over several connections and checks every response.

use std::{path::Path, process::Stdio, time::Duration};

use serde::Deserialize;
use tokio::{process::Command, time::sleep};

use crate::{
    Result,
    figures::{Figures, Metric},
    folders, process,
};

/// The time in which the requests left by wrk complete. The Lambda runtime emulator exits when it gets a request while
/// busy.
const SETTLE_DELAY: Duration = Duration::from_millis(700);

/// The requests to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) url: &'a str,
    /// A file with one request per line.
    pub(crate) requests: &'a Path,
    /// The minimum number of offsets in each response.
    pub(crate) entries: usize,
    pub(crate) connections: usize,
}

/// The result of a pass.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) mean_ms: f64,
    pub(crate) per_second: f64,
    /// The watched process's CPU time per request.
    pub(crate) cpu_us: f64,
}

/// The last line of `post.lua`'s output.
#[derive(Debug, Deserialize)]
struct Report {
    right: u64,
    wrong: u64,
    failed: u64,
    duration_us: f64,
    p50_us: f64,
    p99_us: f64,
    mean_us: f64,
    example: String,
}

impl Load<'_> {
    /// Sends requests for a time, and measures the CPU time of a process.
    ///
    /// # Errors
    /// When any response is wrong or missing.
    pub(crate) async fn send(&self, process: u32, time: Duration) -> Result<Pass> {
        let before = process::cpu(process)?;
        let report = self.run(time).await?;
        sleep(SETTLE_DELAY).await;
        let cpu = process::cpu(process)?.saturating_sub(before);
        let Report { right, wrong, failed, duration_us, p50_us, p99_us, mean_us, example } = report;
        if wrong > 0 || failed > 0 || right == 0 {
            let url = self.url;
            return Err(format!(
                "{url}: {right} responses right, {wrong} wrong, {failed} missing; for example {example}"
            )
            .into());
        }
        Ok(Pass {
            p50_ms: p50_us / 1e3,
            p99_ms: p99_us / 1e3,
            mean_ms: mean_us / 1e3,
            per_second: right as f64 / duration_us * 1e6,
            // wrk leaves one request per connection, which completes later.
            cpu_us: cpu.as_secs_f64() * 1e6 / (right + self.connections as u64) as f64,
        })
    }

    async fn run(&self, time: Duration) -> Result<Report> {
        let wrk = folders::tools().join("wrk/usr");
        let mut command = Command::new(wrk.join("bin/wrk"));
        command.env("LD_LIBRARY_PATH", wrk.join("lib/x86_64-linux-gnu"));
        command.args(["--threads", "1", "--timeout", "30s", "--connections", &self.connections.to_string()]);
        command.args(["--duration", &format!("{}s", time.as_secs())]);
        command.arg("--script").arg(folders::benches().join("load/post.lua"));
        command.args([self.url, "--"]).arg(self.requests).arg(self.entries.to_string());
        command.args(["Content-Type", "application/vnd.kafka.json.v2+json", "Accept", "application/vnd.kafka.v2+json"]);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await?;
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or_default();
        let describe = |error| format!("wrk: {error}: {text}{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_str(last).map_err(describe)?)
    }
}

impl Pass {
    /// Adds the result to the figures of a scene.
    pub(crate) fn record(&self, figures: &mut Figures, scene: &'static str, candidate: &'static str) {
        figures.push(scene, candidate, Metric::P50, self.p50_ms);
        figures.push(scene, candidate, Metric::P99, self.p99_ms);
        figures.push(scene, candidate, Metric::Rate, self.per_second);
        figures.push(scene, candidate, Metric::CpuPerRequest, self.cpu_us);
    }
}
