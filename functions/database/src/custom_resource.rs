//! The custom resource, outside the VPC. It reads the master user's password and invokes the function inside the VPC.

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use serde::{Deserialize, de::Error as _};
use serde_json::Value;
use shared::{
    aws::{
        AwsError,
        secret::{self, Login, SecretError, Unreadable},
    },
    custom_resource::{Request, Success},
    retry::{IAM_PROPAGATION_TIMEOUT, RETRY_DELAY},
};
use tokio::time::{Instant, sleep};

use crate::{
    name::{DatabaseName, UserName},
    provision::{ProvisionRequest, Provisioned},
};

/// The errors that AWS may return until a new role's permissions and a new function have propagated.
const PROPAGATION_ERRORS: [&str; 3] =
    ["AccessDeniedException", "ResourceConflictException", "ResourceNotReadyException"];

/// The resource's properties in the template. CloudFormation passes each value as a string.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Properties {
    /// The secret with the master user's name and password, kept by RDS.
    secret_arn: String,
    /// The name or ARN of the function inside the VPC.
    function_name: String,
    /// The server's host: `Endpoint.Address` of the instance.
    host: String,
    #[serde(deserialize_with = "port")]
    port: u16,
    /// The database to create.
    database: DatabaseName,
    /// The user to create, which logs in by IAM.
    user: UserName,
    /// Loads the sample rows into empty tables: `true` (the default) or `false`.
    #[serde(default = "yes", deserialize_with = "yes_or_no")]
    sample: bool,
}

const fn yes() -> bool {
    true
}

fn port<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format_args!("Port: `{text}` is not a port")))
}

fn yes_or_no<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format_args!("Sample: `{text}` is neither `true` nor `false`")))
}

/// The error of creating the resource. No variant holds a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CustomResourceError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the function {function} cannot be invoked")]
    Invoke { function: String, source: AwsError },
    #[error("{reason} (reported by the function {function})")]
    Provision { function: String, reason: String },
    #[error("the function {function} is of another version: deploy both functions again")]
    Response { function: String, source: serde_json::Error },
    #[error("the event for the function in the VPC cannot be serialized")]
    Event(#[source] Unreadable),
}

/// The custom resource, with the clients of the AWS services that it calls.
#[derive(Debug)]
pub(crate) struct CustomResource {
    secrets: aws_sdk_secretsmanager::Client,
    functions: aws_sdk_lambda::Client,
}

impl CustomResource {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self { secrets: aws_sdk_secretsmanager::Client::new(config), functions: aws_sdk_lambda::Client::new(config) }
    }

    /// Creates the database, its tables and its user through the function in the VPC, and reports what was missing.
    ///
    /// # Errors
    /// When AWS does not return the password or does not invoke the function, or the function fails.
    pub(crate) async fn create(&self, request: Request<Properties>) -> Result<Success, CustomResourceError> {
        let Request { properties, deadline } = request;
        let propagated = deadline.min(Instant::now() + IAM_PROPAGATION_TIMEOUT);
        let function = properties.function_name.clone();
        let event = ProvisionRequest {
            master: self.master(&properties.secret_arn, propagated).await?,
            host: properties.host,
            port: properties.port,
            database: properties.database,
            user: properties.user,
            sample: properties.sample,
        };
        let provisioned = self.invoke(function, &event, propagated).await?;
        Ok(Success::default()
            .with("TablesMade", provisioned.tables_made.to_string())
            .with("RowsLoaded", provisioned.rows_loaded.to_string())
            .with("UserMade", provisioned.user_made.to_string()))
    }

    async fn master(&self, arn: &str, propagated: Instant) -> Result<Login, CustomResourceError> {
        loop {
            match secret::read(&self.secrets, arn).await {
                Err(SecretError::Refused { source, .. }) if is_retryable(&source, propagated) => {
                    sleep(RETRY_DELAY).await;
                }
                login => return Ok(login?),
            }
        }
    }

    async fn invoke(
        &self,
        function: String,
        event: &ProvisionRequest,
        propagated: Instant,
    ) -> Result<Provisioned, CustomResourceError> {
        let event =
            serde_json::to_vec(event).map_err(|error| CustomResourceError::Event(Unreadable::new("it", &error)))?;
        let response = loop {
            let invocation = self.functions.invoke().function_name(&function).payload(Blob::new(event.clone()));
            match invocation.send().await.map_err(|error| AwsError::of(&error)) {
                Err(error) if is_retryable(&error, propagated) => sleep(RETRY_DELAY).await,
                Err(source) => return Err(CustomResourceError::Invoke { function, source }),
                Ok(response) => break response,
            }
        };
        let payload = response.payload().map_or(&[] as &[u8], AsRef::as_ref);
        if response.function_error().is_some() {
            // `{"errorType":…,"errorMessage":…}`: the message is the function's, or Lambda's on a timeout.
            let error: Value = serde_json::from_slice(payload).unwrap_or_default();
            let reason = error["errorMessage"].as_str().unwrap_or("it failed without a reason").to_owned();
            return Err(CustomResourceError::Provision { function, reason });
        }
        serde_json::from_slice(payload).map_err(|source| CustomResourceError::Response { function, source })
    }
}

/// Returns whether to retry, and logs it.
fn is_retryable(error: &AwsError, propagated: Instant) -> bool {
    let retryable = error.code().is_some_and(|code| PROPAGATION_ERRORS.contains(&code))
        && Instant::now() + RETRY_DELAY < propagated;
    if retryable {
        tracing::warn!(reason = %error, "retrying");
    }
    retryable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(change: impl FnOnce(&mut Value)) -> Result<Properties, serde_json::Error> {
        let mut properties = serde_json::json!({
            "SecretArn": "arn", "FunctionName": "f", "Host": "h", "Port": "3306", "Database": "d", "User": "u",
        });
        change(&mut properties);
        serde_json::from_value(properties)
    }

    #[test]
    fn the_sample_is_loaded_unless_the_template_disables_it() {
        let defaults = properties(|_| ()).unwrap();
        assert_eq!((defaults.port, defaults.sample), (3306, true));
        assert!(!properties(|p| p["Sample"] = "false".into()).unwrap().sample);
    }

    #[test]
    fn an_invalid_property_is_named_with_its_valid_values() {
        for (name, wrong, problem) in [
            ("Port", "mysql", "Port: `mysql` is not a port"),
            ("Sample", "maybe", "Sample: `maybe` is neither `true` nor `false`"),
            ("User", "a'; DROP USER 'b", "is not a name of 1 to 32 ASCII letters"),
            ("Database", "a`.b", "is not a name of 1 to 64 ASCII letters"),
            ("Samples", "false", "unknown field `Samples`"),
        ] {
            let error = properties(|p| p[name] = wrong.into()).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
