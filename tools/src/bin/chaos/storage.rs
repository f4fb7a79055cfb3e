//! S3 that fails, and the functions that use it.

use std::{collections::BTreeMap, time::Duration};

use nix::sys::signal::Signal;
use object_store::{
    aws::{AmazonS3, AmazonS3Builder},
    prefix::PrefixStore,
};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use stack::{
    lambda::{Function, Lambda, built},
    proxy::End,
    s3::{ACCESS_KEY, Errors, Flaky, S3, SECRET_KEY},
};
use tokio::time::sleep;

use crate::{Result, process::signal};

const BUCKET: &str = "chaos";

/// The number of environments of a function that work concurrently.
pub(crate) const WRITERS: usize = 3;

/// The maximum number of fault-free runs at the end. The first ones may find an earlier run's leftovers.
const FINAL_RUNS: usize = 5;

/// An S3, and a faulty way to it.
#[derive(Debug)]
pub(crate) struct Storage {
    s3: S3,
    flaky: Flaky,
}

impl Storage {
    pub(crate) async fn start(seed: u64) -> Result<Self> {
        let s3 = S3::start().await?;
        s3.create_bucket(BUCKET).await?;
        let flaky = Flaky::start(&s3, seed).await?;
        Ok(Self { s3, flaky })
    }

    /// The archive below `prefix`, without faults.
    pub(crate) fn archive(&self, prefix: &str) -> Result<PrefixStore<AmazonS3>> {
        let builder = AmazonS3Builder::new().with_bucket_name(BUCKET).with_endpoint(self.s3.endpoint());
        let builder = builder.with_allow_http(true).with_region("us-east-1");
        let bucket = builder.with_access_key_id(ACCESS_KEY).with_secret_access_key(SECRET_KEY).build()?;
        Ok(PrefixStore::new(bucket, prefix))
    }

    /// Starts [`WRITERS`] environments of a function on the archive below `prefix`, with faults.
    pub(crate) async fn function(
        &self,
        name: &str,
        prefix: &str,
        user_id: &str,
        timeout: Duration,
        more: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Lambda> {
        let mut variables: BTreeMap<_, _> = self.s3.environment().into_iter().collect();
        variables.extend([
            ("AWS_ENDPOINT_URL_S3", self.flaky.endpoint()),
            ("ARCHIVE_URL", format!("s3://{BUCKET}/{prefix}")),
            ("USER_IDS", user_id.to_owned()),
        ]);
        variables.extend(more);
        let mut function = Function::new(&built(name).await?, variables);
        (function.concurrency, function.timeout, function.quiet) = (WRITERS, timeout, true);
        Ok(Lambda::start(&function).await?)
    }

    /// Injects one random fault and removes it. Returns the number of killed environments.
    pub(crate) async fn inject_fault(&self, lambda: &Lambda, random: &mut StdRng) -> Result<u64> {
        let time = Duration::from_millis(random.random_range(50..1_500));
        let mut kills = 0;
        match random.random_range(0..6) {
            0 => {
                if let Some(process) = lambda.processes().choose(random) {
                    signal(*process, Signal::SIGKILL)?;
                    kills += 1;
                }
                sleep(time / 4).await;
            }
            1 => {
                self.flaky.set(Errors { refused: 30, done: 30 });
                sleep(time).await;
            }
            2 => {
                for _ in 0..5 {
                    self.flaky.proxy().cut(End::Reset).await;
                    sleep(time / 10).await;
                }
            }
            3 => {
                self.flaky.proxy().delay(time / 5);
                sleep(time).await;
            }
            4 => {
                self.flaky.proxy().hold();
                sleep(time).await;
            }
            _ => sleep(time).await,
        }
        self.flaky.set(Errors::default());
        self.flaky.proxy().pass()?;
        Ok(kills)
    }
}

/// Returns whether an invocation finished everything.
pub(crate) fn is_finished(report: &Value) -> bool {
    report["left_behind"] == json!([]) && report["failures"] == json!([])
}

/// Runs a function, without faults, until it has finished everything. Returns the last response.
pub(crate) async fn finish(lambda: &Lambda) -> Value {
    let mut last = Value::Null;
    for _ in 0..FINAL_RUNS {
        last = lambda.invoke(&json!({})).await.unwrap_or_else(|error| json!(error.to_string()));
        if is_finished(&last) {
            break;
        }
    }
    last
}
