//! SeaweedFS in the place of S3.
//!
//! It proves requests that are signed, objects that are created only once, and the archive's names and bytes. It knows no
//! bucket policies, no roles and no limits of rate.

use std::{path::PathBuf, time::Duration};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::json;

use crate::{StackError, folder::Folder, ports::free_port, process::Process, tools::tool};

mod flaky;

pub use flaky::{Errors, Flaky};

/// It takes about 3 s.
const TIME_TO_START: Duration = Duration::from_mins(1);
/// Its volumes are written at once; then it waits 15 s for nobody.
const TIME_TO_STOP: Duration = Duration::from_secs(2);

const REGION: &str = "us-east-1";

/// The servers that it consists of. Each has a port for HTTP and one for its own protocol.
const SERVERS: [&str; 4] = ["master", "volume", "filer", "s3"];

/// Who may do everything.
pub const ACCESS_KEY: &str = "AKIASTACK";
/// What that signs with.
pub const SECRET_KEY: &str = "s3cret/+stack";

/// What is read to see that it is ready.
const PROBE: &str = "/ready/probe";
const BUCKET_OF_PROBE: &str = "ready";

/// An S3 server with no bucket in it but the one by which it is seen to be ready.
#[derive(Debug)]
pub struct S3 {
    process: Option<Process>,
    arguments: Vec<String>,
    port: u16,
    client: Client,
    folder: Folder,
}

impl S3 {
    /// Starts it.
    ///
    /// # Errors
    /// When it was not fetched, or does not start.
    pub async fn start() -> Result<Self, StackError> {
        let folder = Folder::new("s3")?;
        let users = json!({"identities": [{
            "name": "stack",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }]});
        let users = folder.write("users.json", &users.to_string())?;
        let mut arguments = vec!["server".to_owned()];
        let mut port = 0;
        for server in SERVERS {
            port = free()?;
            arguments.extend([format!("-{server}.port={port}"), format!("-{server}.port.grpc={}", free()?)]);
        }
        arguments.extend([format!("-dir={}", folder.path().display()), format!("-s3.config={}", users.display())]);
        let constant = [
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-filer",
            "-s3",
            // Or it takes ports of its own choice.
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=20",
            // Or its volumes stay for 10 s, in case that somebody still asks.
            "-volume.preStopSeconds=0",
        ];
        arguments.extend(constant.map(str::to_owned));
        let mut s3 = Self { process: None, arguments, port, client: Client::new(), folder };
        s3.launch().await?;
        Ok(s3)
    }

    async fn launch(&mut self) -> Result<(), StackError> {
        let log = self.folder.path().join("s3.log");
        // Not a variable of AWS's: it would take a key from them for its administrator's.
        let nothing: [(&str, &str); 0] = [];
        let mut process = Process::start("s3", program()?, &self.arguments, nothing, self.folder.path(), &log)?;
        process.ready(TIME_TO_START, async || self.gives_back().await.unwrap_or(false)).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Whether it gives back what was stored in it, perhaps before it was stopped; stores it if nothing was.
    ///
    /// It lists its buckets some seconds before it knows where their objects are.
    async fn gives_back(&self) -> Result<bool, StackError> {
        let status = self.send(Method::GET, PROBE).await?.status();
        if status == StatusCode::NOT_FOUND {
            // There may be the bucket of an earlier try.
            if let Err(error) = self.create_bucket(BUCKET_OF_PROBE).await {
                tracing::debug!(%error, "no bucket was made");
            }
            self.send_body(Method::PUT, PROBE, PROBE.as_bytes()).await?;
        }
        Ok(status.is_success())
    }

    /// Stops it, as an S3 that is away.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub async fn stop(&mut self) -> Result<(), StackError> {
        if let Some(mut process) = self.process.take() {
            process.stop(TIME_TO_STOP).await?;
        }
        Ok(())
    }

    /// Starts it again, at the same endpoint and with the same objects, stopping it first if it runs.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> Result<(), StackError> {
        self.stop().await?;
        self.launch().await
    }

    /// Makes a bucket. Its name has three letters at least.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn create_bucket(&self, name: &str) -> Result<(), StackError> {
        let answer = self.send(Method::PUT, &format!("/{name}")).await?;
        let (status, said) = (answer.status(), answer.text().await.unwrap_or_default());
        if status.is_success() {
            return Ok(());
        }
        let problem = format!("did not make the bucket {name}: {status} {said}");
        Err(StackError::Part { part: "s3".to_owned(), problem, tail: String::new() })
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The variables by which a function finds it and may do everything.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL_S3", self.endpoint()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ]
    }

    /// Sends a signed request without a body.
    async fn send(&self, method: Method, path: &str) -> Result<Response, StackError> {
        self.send_body(method, path, b"").await
    }

    async fn send_body(&self, method: Method, path: &str, body: &'static [u8]) -> Result<Response, StackError> {
        let url = format!("{}{path}", self.endpoint());
        let failed = || format!("{method} {url}");
        let headers = signature(method.as_str(), &url, body).map_err(|error| other(failed(), error))?;
        let request = self.client.request(method.clone(), &url).body(body);
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.send().await.map_err(|error| other(failed(), error))
    }
}

type SigningError = Box<dyn std::error::Error + Send + Sync>;

/// The headers that sign a request.
fn signature(method: &str, url: &str, body: &[u8]) -> Result<Vec<(String, String)>, SigningError> {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let identity = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "stack").into();
    let params = v4::SigningParams::builder().identity(&identity).region(REGION).name("s3").settings(settings);
    #[expect(clippy::disallowed_methods, reason = "a signature holds the time of day")]
    let params = params.time(std::time::SystemTime::now()).build()?.into();
    let request = SignableRequest::new(method, url, std::iter::empty(), SignableBody::Bytes(body))?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn program() -> Result<PathBuf, StackError> {
    tool("venv/bin/weed")
}

fn free() -> Result<u16, StackError> {
    free_port().map_err(StackError::io("finding a port for s3"))
}

fn other(what: String, error: impl Into<SigningError>) -> StackError {
    StackError::io(what)(std::io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::future::join_all;
    use object_store::{
        Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
        aws::{AmazonS3, AmazonS3Builder},
        path::Path,
    };

    use super::*;

    fn bucket(s3: &S3, changes: &[(&str, &str)]) -> AmazonS3 {
        let changes = changes.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let builder = AmazonS3Builder::new().with_bucket_name("pinterest");
        let set = |builder: AmazonS3Builder, (name, value): (&str, String)| {
            builder.with_config(name.to_lowercase().parse().unwrap(), value)
        };
        s3.environment().into_iter().chain(changes).fold(builder, set).build().unwrap()
    }

    #[tokio::test]
    #[ignore = "needs SeaweedFS: make test"]
    async fn what_a_wrong_key_signs_is_refused() {
        let s3 = S3::start().await.unwrap();
        s3.create_bucket("pinterest").await.unwrap();
        let file = Path::from("a");
        bucket(&s3, &[]).put(&file, "x".into()).await.unwrap();
        for change in [("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_ACCESS_KEY_ID", "AKIAWRONG")] {
            let error = bucket(&s3, &[change]).get(&file).await.unwrap_err();
            assert!(matches!(error, Error::PermissionDenied { .. }), "{change:?}: {error}");
        }
        let nobody = s3.client.get(format!("{}/pinterest/a", s3.endpoint())).send().await.unwrap();
        assert_eq!(nobody.status(), 403);
        let error = bucket(&s3, &[("AWS_BUCKET", "missing")]).get(&file).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }

    #[tokio::test]
    #[ignore = "needs SeaweedFS: make test"]
    async fn of_ten_who_create_an_object_at_once_one_wins() {
        let s3 = S3::start().await.unwrap();
        s3.create_bucket("pinterest").await.unwrap();
        let bucket = Arc::new(bucket(&s3, &[]));
        let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        for round in 0..20 {
            let file = Path::from(format!("topics/{round}"));
            let writers = (0..10).map(|writer| {
                let (bucket, file) = (Arc::clone(&bucket), file.clone());
                async move { bucket.put_opts(&file, format!("by {writer}").into(), create()).await }
            });
            let outcomes = join_all(writers).await;
            let winner = outcomes.iter().position(Result::is_ok).unwrap();
            for (writer, outcome) in outcomes.iter().enumerate().filter(|(writer, _)| *writer != winner) {
                assert!(matches!(outcome, Err(Error::AlreadyExists { .. })), "{writer}, not {winner}: {outcome:?}");
            }
            let stored = bucket.get(&file).await.unwrap().bytes().await.unwrap();
            assert_eq!(stored, format!("by {winner}"), "round {round}");
        }
    }

    #[tokio::test]
    #[ignore = "needs SeaweedFS: make test"]
    async fn an_s3_that_was_away_is_back_with_its_objects() {
        let mut s3 = S3::start().await.unwrap();
        s3.create_bucket("pinterest").await.unwrap();
        let file = Path::from("a");
        bucket(&s3, &[]).put(&file, "x".into()).await.unwrap();
        s3.stop().await.unwrap();
        assert!(s3.send(Method::GET, "/").await.is_err());
        s3.restart().await.unwrap();
        assert_eq!(bucket(&s3, &[]).get(&file).await.unwrap().bytes().await.unwrap(), "x");
    }
}
