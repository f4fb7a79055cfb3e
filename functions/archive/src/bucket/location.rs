//! The archive's URL, and opening it.

use std::{fmt, io::ErrorKind, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use futures::TryStreamExt;
use object_store::{
    BackoffConfig, ClientConfigKey, Error, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut},
    local::LocalFileSystem,
    path::Path,
    prefix::PrefixStore,
};
use url::Url;

use super::Bucket;
use crate::layout::Folder;

/// S3's maximum page size: `ListObjectsV2`, `MaxKeys`.
const S3_PAGE: usize = 1_000;

/// Per request, so that a request with all of its retries ends well within a run's minute.
const S3_REQUEST_TIMEOUT: &str = "10 seconds";
const S3_CONNECT_TIMEOUT: &str = "3 seconds";
const S3_RETRIES: RetryConfig = RetryConfig {
    backoff: BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(2), base: 2.0 },
    max_retries: 5,
    retry_timeout: Duration::from_secs(15),
};

/// The archive's location: `s3://bucket/prefix`, `file:///folder`, or a folder's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveUrl {
    /// A bucket and a prefix for all object names.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// Without leading and trailing slashes; may be empty.
        prefix: String,
    },
    /// A folder, created if missing.
    Folder(PathBuf),
}

/// The error of parsing an [`ArchiveUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveUrlError {
    /// Not a URL, or one without a bucket or folder.
    #[error("not `s3://bucket/prefix`, `file:///folder` or the path of a folder")]
    Invalid,
    /// Another scheme.
    #[error("only `s3://` and `file://` are supported")]
    Scheme,
}

impl FromStr for ArchiveUrl {
    type Err = ArchiveUrlError;

    fn from_str(text: &str) -> Result<Self, ArchiveUrlError> {
        // A typo such as `s3:/bucket` must not create a folder of that name.
        let meant_as_url = ["s3:", "s3/", "file:"].iter().any(|scheme| text.starts_with(scheme));
        if text.is_empty() || meant_as_url && !text.contains("://") {
            return Err(ArchiveUrlError::Invalid);
        }
        if !text.contains("://") {
            return Ok(Self::Folder(text.into()));
        }
        let url = Url::parse(text).map_err(|_| ArchiveUrlError::Invalid)?;
        match (url.scheme(), url.host_str()) {
            ("s3", Some(bucket)) => {
                let prefix = Path::from_url_path(url.path()).map_err(|_| ArchiveUrlError::Invalid)?;
                Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.to_string() })
            }
            ("file", _) => url.to_file_path().map(Self::Folder).map_err(|()| ArchiveUrlError::Invalid),
            ("s3", None) => Err(ArchiveUrlError::Invalid),
            _ => Err(ArchiveUrlError::Scheme),
        }
    }
}

impl fmt::Display for ArchiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Folder(folder) => folder.display().fmt(f),
        }
    }
}

/// The error of opening an archive.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file of that name.
    #[error("the archive {0} cannot be used: it is not a folder")]
    NoFolder(ArchiveUrl),
    /// A variable that the client would panic at.
    #[error("{name}={value}: not {expected}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// A description of valid values, with an example.
        expected: &'static str,
    },
    /// The folder does not exist and cannot be created.
    #[error("the archive {url} cannot be used: its folder cannot be created")]
    Folder {
        /// The configured URL.
        url: ArchiveUrl,
        /// The operating system's error.
        #[source]
        source: std::io::Error,
    },
    /// Listing failed: the bucket does not exist, denies access, or is unreachable. The source says which.
    #[error("the archive {url} cannot be used")]
    Unusable {
        /// The configured URL.
        url: ArchiveUrl,
        /// The store's error.
        #[source]
        source: Error,
    },
}

impl Bucket {
    /// Opens the archive, creates a missing folder, and lists it once, so that a wrong location fails at once.
    ///
    /// S3's region, credentials and endpoint come from the usual `AWS_` variables. `AWS_ENDPOINT_URL` and
    /// `AWS_ALLOW_HTTP=true` select a local server.
    ///
    /// # Errors
    /// When the location does not exist, cannot be reached or denies access, or a variable is not valid.
    pub async fn open(url: &ArchiveUrl) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Unusable { url: url.clone(), source };
        let bucket = match url {
            ArchiveUrl::S3 { bucket, prefix } => {
                let s3 = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_conditional_put(S3ConditionalPut::ETagMatch)
                    .with_retry(S3_RETRIES)
                    .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), S3_REQUEST_TIMEOUT)
                    .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::ConnectTimeout), S3_CONNECT_TIMEOUT);
                let s3 = checked(s3)?.build().map_err(failed)?;
                let store: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(s3, prefix.as_str()));
                Self::new(store, S3_PAGE)
            }
            ArchiveUrl::Folder(folder) => {
                std::fs::create_dir_all(folder).map_err(|source| match source.kind() {
                    ErrorKind::AlreadyExists => OpenError::NoFolder(url.clone()),
                    _ => OpenError::Folder { url: url.clone(), source },
                })?;
                let folder = LocalFileSystem::new_with_prefix(folder).map_err(failed)?.with_fsync(true);
                // The file system lists in any order.
                Self::new(Arc::new(folder), usize::MAX)
            }
        };
        bucket.store.list(Some(&Folder::Topics.root())).try_next().await.map_err(failed)?;
        Ok(bucket)
    }
}

/// Checks the variables that end in every request's URL.
fn checked(s3: AmazonS3Builder) -> Result<AmazonS3Builder, OpenError> {
    let is_http =
        |value: &String| Url::parse(value).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let is_region = |value: &String| value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let endpoint = s3.get_config_value(&AmazonS3ConfigKey::Endpoint).filter(|value| !is_http(value));
    let region = s3.get_config_value(&AmazonS3ConfigKey::Region).filter(|value| !is_region(value));
    match (endpoint, region) {
        (Some(value), _) => Err(OpenError::Variable {
            name: "AWS_ENDPOINT_URL",
            value,
            expected: "a URL such as http://127.0.0.1:9000",
        }),
        (_, Some(value)) => {
            Err(OpenError::Variable { name: "AWS_REGION", value, expected: "a region such as eu-west-1" })
        }
        (None, None) => Ok(s3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_variable_is_named() {
        let s3 = |endpoint: &str, region: &str| {
            let builder = AmazonS3Builder::new().with_endpoint(endpoint).with_region(region);
            checked(builder).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(s3("http://127.0.0.1:9000", "eu-west-1"), Ok(()));
        for endpoint in ["notaurl", "", "127.0.0.1:9000", "http://", "ftp://host"] {
            let expected = format!("AWS_ENDPOINT_URL={endpoint}: not a URL such as http://127.0.0.1:9000");
            assert_eq!(s3(endpoint, "eu-west-1"), Err(expected));
        }
        let expected = "AWS_REGION=eu west: not a region such as eu-west-1".to_owned();
        assert_eq!(s3("https://host", "eu west"), Err(expected));
    }

    #[test]
    fn a_url_is_a_bucket_with_a_prefix_or_a_folder() {
        let s3 = |bucket: &str, prefix: &str| ArchiveUrl::S3 { bucket: bucket.into(), prefix: prefix.into() };
        for (text, expected, shown) in [
            ("s3://bucket", Ok(s3("bucket", "")), "s3://bucket"),
            ("s3://bucket/", Ok(s3("bucket", "")), "s3://bucket"),
            ("s3://bucket/a/b%20c/", Ok(s3("bucket", "a/b c")), "s3://bucket/a/b c"),
            ("file:///data/a%20b", Ok(ArchiveUrl::Folder("/data/a b".into())), "/data/a b"),
            ("target/archive", Ok(ArchiveUrl::Folder("target/archive".into())), "target/archive"),
            ("s3:///prefix", Err(ArchiveUrlError::Invalid), ""),
            ("https://bucket.s3.amazonaws.com", Err(ArchiveUrlError::Scheme), ""),
            ("file://host/folder", Err(ArchiveUrlError::Invalid), ""),
            ("s3:/bucket/prefix", Err(ArchiveUrlError::Invalid), ""),
            ("s3//bucket/prefix", Err(ArchiveUrlError::Invalid), ""),
            ("", Err(ArchiveUrlError::Invalid), ""),
        ] {
            let parsed: Result<ArchiveUrl, _> = text.parse();
            assert_eq!(parsed, expected, "{text}");
            assert_eq!(parsed.map(|url| url.to_string()).unwrap_or_default(), shown, "{text}");
        }
    }
}
