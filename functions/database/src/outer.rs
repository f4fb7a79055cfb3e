//! The half outside of the VPC: the custom resource. It reads the master user's password and hands it to the half inside.

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use serde::{Deserialize, de::Error as _};
use serde_json::Value;
use shared::{
    aws::{
        Told,
        secret::{self, Login, SecretError, Unreadable},
    },
    custom_resource::{Request, Success},
    retry::{IAM_PROPAGATION_TIMEOUT, RETRY_DELAY},
};
use tokio::time::{Instant, sleep};

use crate::{
    name::{DatabaseName, UserName},
    setup::{Done, Setup},
};

/// Rights of a new role, and a new function, may take a while until AWS knows them everywhere.
const NOT_YET: [&str; 3] = ["AccessDeniedException", "ResourceConflictException", "ResourceNotReadyException"];

/// The resource's properties in the template. CloudFormation hands on each value as a string.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Properties {
    /// The secret in which RDS keeps the master user's name and password.
    secret_arn: String,
    /// The half inside of the VPC: its name or ARN.
    function_name: String,
    /// The server's host: `Endpoint.Address` of the instance.
    host: String,
    #[serde(deserialize_with = "port")]
    port: u16,
    /// The database to make.
    database: DatabaseName,
    /// The user to make, who logs in by IAM.
    user: UserName,
    /// Whether empty tables get the sample rows: `true` (the default) or `false`.
    #[serde(default = "yes", deserialize_with = "yes_or_no")]
    sample: bool,
}

const fn yes() -> bool {
    true
}

fn port<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format_args!("Port: `{text}` is no port")))
}

fn yes_or_no<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format_args!("Sample: `{text}` is neither `true` nor `false`")))
}

/// Why the resource is not there. None holds a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OuterError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the function {function} cannot be invoked")]
    Invoke { function: String, source: Told },
    #[error("{reason} (said the function {function})")]
    Setup { function: String, reason: String },
    #[error("the function {function} answers what this version does not understand: deploy both halves anew")]
    Answer { function: String, source: serde_json::Error },
    #[error("the event for the other half cannot be written")]
    Event(#[source] Unreadable),
}

/// The clients of what the half outside of the VPC calls.
#[derive(Debug)]
pub(crate) struct Outer {
    secrets: aws_sdk_secretsmanager::Client,
    functions: aws_sdk_lambda::Client,
}

impl Outer {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self { secrets: aws_sdk_secretsmanager::Client::new(config), functions: aws_sdk_lambda::Client::new(config) }
    }

    /// Has the other half make the database, its tables and its user, and tells what was missing.
    ///
    /// # Errors
    /// When AWS does not hand out the password or does not invoke the function, or that one fails.
    pub(crate) async fn make(&self, request: Request<Properties>) -> Result<Success, OuterError> {
        let Request { properties, deadline } = request;
        let settled = deadline.min(Instant::now() + IAM_PROPAGATION_TIMEOUT);
        let function = properties.function_name.clone();
        let setup = Setup {
            master: self.master(&properties.secret_arn, settled).await?,
            host: properties.host,
            port: properties.port,
            database: properties.database,
            user: properties.user,
            sample: properties.sample,
        };
        let done = self.invoke(function, &setup, settled).await?;
        Ok(Success::default()
            .with("TablesMade", done.tables_made.to_string())
            .with("RowsLoaded", done.rows_loaded.to_string())
            .with("UserMade", done.user_made.to_string()))
    }

    async fn master(&self, arn: &str, settled: Instant) -> Result<Login, OuterError> {
        loop {
            match secret::read(&self.secrets, arn).await {
                Err(SecretError::Refused { source, .. }) if not_yet(&source, settled) => sleep(RETRY_DELAY).await,
                login => return Ok(login?),
            }
        }
    }

    async fn invoke(&self, function: String, setup: &Setup, settled: Instant) -> Result<Done, OuterError> {
        let event = serde_json::to_vec(setup).map_err(|error| OuterError::Event(Unreadable::new("it", &error)))?;
        let answer = loop {
            let invocation = self.functions.invoke().function_name(&function).payload(Blob::new(event.clone()));
            match invocation.send().await.map_err(|error| Told::of(&error)) {
                Err(told) if not_yet(&told, settled) => sleep(RETRY_DELAY).await,
                Err(source) => return Err(OuterError::Invoke { function, source }),
                Ok(answer) => break answer,
            }
        };
        let payload = answer.payload().map_or(&[] as &[u8], AsRef::as_ref);
        if answer.function_error().is_some() {
            // `{"errorType":…,"errorMessage":…}`, of which the message is ours, or Lambda's on a time-out.
            let error: Value = serde_json::from_slice(payload).unwrap_or_default();
            let reason = error["errorMessage"].as_str().unwrap_or("it failed without a reason").to_owned();
            return Err(OuterError::Setup { function, reason });
        }
        serde_json::from_slice(payload).map_err(|source| OuterError::Answer { function, source })
    }
}

/// Whether to ask again.
fn not_yet(told: &Told, settled: Instant) -> bool {
    let again = told.code().is_some_and(|code| NOT_YET.contains(&code)) && Instant::now() + RETRY_DELAY < settled;
    if again {
        tracing::warn!(reason = %told, "not yet; asking again");
    }
    again
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
    fn empty_tables_are_filled_unless_the_template_says_otherwise() {
        let usual = properties(|_| ()).unwrap();
        assert_eq!((usual.port, usual.sample), (3306, true));
        assert!(!properties(|p| p["Sample"] = "false".into()).unwrap().sample);
    }

    #[test]
    fn a_property_that_cannot_be_used_is_named_with_what_it_may_be() {
        for (name, wrong, said) in [
            ("Port", "mysql", "Port: `mysql` is no port"),
            ("Sample", "maybe", "Sample: `maybe` is neither `true` nor `false`"),
            ("User", "a'; DROP USER 'b", "is not a name of 1 to 32 ASCII letters"),
            ("Database", "a`.b", "is not a name of 1 to 64 ASCII letters"),
            ("Samples", "false", "unknown field `Samples`"),
        ] {
            let error = properties(|p| p[name] = wrong.into()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
