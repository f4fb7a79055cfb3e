//! The load: wrk, which posts requests in turn over a number of connections and looks at every answer.

use std::{path::Path, process::Stdio, time::Duration};

use serde::Deserialize;
use tokio::{process::Command, time::sleep};

use crate::{
    Result,
    figures::{Figures, Metric},
    folders, process,
};

/// What wrk leaves in flight when it stops is over by then. The emulator of Lambda's runtime ends when it is asked while busy.
const SETTLE: Duration = Duration::from_millis(700);

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) url: &'a str,
    /// A file of requests, one a line.
    pub(crate) requests: &'a Path,
    /// Offsets that each answer has at least.
    pub(crate) entries: usize,
    pub(crate) connections: usize,
}

/// What one pass gave.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) mean_ms: f64,
    pub(crate) per_second: f64,
    /// Of the process that was watched, a request.
    pub(crate) cpu_us: f64,
}

/// The last line of `post.lua`.
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
    /// Sends for a time, and watches what it costs a process.
    ///
    /// # Errors
    /// When any answer is wrong or missing.
    pub(crate) async fn send(&self, process: u32, time: Duration) -> Result<Pass> {
        let before = process::cpu(process)?;
        let report = self.run(time).await?;
        sleep(SETTLE).await;
        let cpu = process::cpu(process)?.saturating_sub(before);
        let Report { right, wrong, failed, duration_us, p50_us, p99_us, mean_us, example } = report;
        if wrong > 0 || failed > 0 || right == 0 {
            let url = self.url;
            return Err(
                format!("{url}: {right} answers right, {wrong} wrong, {failed} missing; one is {example}").into()
            );
        }
        Ok(Pass {
            p50_ms: p50_us / 1e3,
            p99_ms: p99_us / 1e3,
            mean_ms: mean_us / 1e3,
            per_second: right as f64 / duration_us * 1e6,
            cpu_us: cpu.as_secs_f64() * 1e6 / right as f64,
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
        let tell = |error| format!("wrk: {error}: {text}{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_str(last).map_err(tell)?)
    }
}

impl Pass {
    /// Adds it to the figures of a scene.
    pub(crate) fn keep(&self, figures: &mut Figures, scene: &'static str, who: &'static str) {
        figures.push(scene, who, Metric::P50, self.p50_ms);
        figures.push(scene, who, Metric::P99, self.p99_ms);
        figures.push(scene, who, Metric::Rate, self.per_second);
        figures.push(scene, who, Metric::CpuPerRequest, self.cpu_us);
    }
}
