//! SeaweedFS in place of S3.
//!
//! It proves signed requests, objects that are created only once, and the archive's names and bytes. It has no bucket
//! policies, no roles and no rate limits.

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

/// Starting takes about 3 s.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// Volumes are written at once; after that SeaweedFS would idle for 15 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

const REGION: &str = "us-east-1";

/// The servers of SeaweedFS. Each has a port for HTTP and one for its own protocol.
const SERVERS: [&str; 4] = ["master", "volume", "filer", "s3"];

/// The administrator's access key.
pub const ACCESS_KEY: &str = "AKIASTACK";
/// The administrator's secret key.
pub const SECRET_KEY: &str = "s3cret/+stack";

/// The object that is read to detect readiness.
const PROBE: &str = "/ready/probe";
const PROBE_BUCKET: &str = "ready";

/// An S3 server whose only bucket is the one for the readiness probe.
#[derive(Debug)]
pub struct S3 {
    process: Option<Process>,
    arguments: Vec<String>,
    port: u16,
    client: Client,
    folder: Folder,
}

impl S3 {
    /// Starts a server.
    ///
    /// # Errors
    /// When SeaweedFS was not fetched or does not start.
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
            // Otherwise it takes a port of its own choice.
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.volumeSizeLimitMB=64",
            // Room for 13 GB: a full server answers with 500.
            "-volume.max=200",
            // Otherwise volumes linger for 10 s for late requests.
            "-volume.preStopSeconds=0",
        ];
        arguments.extend(constant.map(str::to_owned));
        let mut s3 = Self { process: None, arguments, port, client: Client::new(), folder };
        s3.launch().await?;
        Ok(s3)
    }

    async fn launch(&mut self) -> Result<(), StackError> {
        let log = self.folder.path().join("s3.log");
        // Without AWS's variables, from which it would take a key for its administrator.
        let nothing: [(&str, &str); 0] = [];
        let mut process = Process::start("s3", program()?, &self.arguments, nothing, self.folder.path(), &log)?;
        process.ready(START_TIMEOUT, async || self.is_ready().await.unwrap_or(false)).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Returns whether it serves the probe object, which it stores if there is none.
    ///
    /// SeaweedFS lists its buckets some seconds before it can find their objects.
    async fn is_ready(&self) -> Result<bool, StackError> {
        let status = self.send(Method::GET, PROBE).await?.status();
        if status == StatusCode::NOT_FOUND {
            // An earlier attempt may have created the bucket.
            if let Err(error) = self.create_bucket(PROBE_BUCKET).await {
                tracing::debug!(%error, "the probe's bucket was not created");
            }
            self.send_body(Method::PUT, PROBE, PROBE.as_bytes()).await?;
        }
        Ok(status.is_success())
    }

    /// Stops the server, as if S3 were unavailable.
    ///
    /// # Errors
    /// When the process cannot be signalled.
    pub async fn stop(&mut self) -> Result<(), StackError> {
        if let Some(mut process) = self.process.take() {
            process.stop(STOP_TIMEOUT).await?;
        }
        Ok(())
    }

    /// Restarts the server at the same endpoint with the same objects.
    ///
    /// # Errors
    /// When the server does not start.
    pub async fn restart(&mut self) -> Result<(), StackError> {
        self.stop().await?;
        self.launch().await
    }

    /// Creates a bucket. Its name needs at least three letters.
    ///
    /// # Errors
    /// When the server rejects the request.
    pub async fn create_bucket(&self, name: &str) -> Result<(), StackError> {
        let response = self.send(Method::PUT, &format!("/{name}")).await?;
        let (status, text) = (response.status(), response.text().await.unwrap_or_default());
        if status.is_success() {
            return Ok(());
        }
        let problem = format!("did not create the bucket {name}: {status} {text}");
        Err(StackError::Component { component: "s3".to_owned(), problem, log_tail: String::new() })
    }

    /// The URL `http://127.0.0.1:port`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The variables that give a function the endpoint and the administrator's credentials.
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
    #[expect(clippy::disallowed_methods, reason = "a signature includes the wall-clock time")]
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
    async fn requests_signed_with_a_wrong_key_are_refused() {
        let s3 = S3::start().await.unwrap();
        s3.create_bucket("pinterest").await.unwrap();
        let file = Path::from("a");
        bucket(&s3, &[]).put(&file, "x".into()).await.unwrap();
        for change in [("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_ACCESS_KEY_ID", "AKIAWRONG")] {
            let error = bucket(&s3, &[change]).get(&file).await.unwrap_err();
            assert!(matches!(error, Error::PermissionDenied { .. }), "{change:?}: {error}");
        }
        let unsigned = s3.client.get(format!("{}/pinterest/a", s3.endpoint())).send().await.unwrap();
        assert_eq!(unsigned.status(), 403);
        let error = bucket(&s3, &[("AWS_BUCKET", "missing")]).get(&file).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }

    #[tokio::test]
    #[ignore = "needs SeaweedFS: make test"]
    async fn one_of_ten_concurrent_creators_of_an_object_wins() {
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
    async fn a_restarted_s3_keeps_its_objects() {
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
