//! Makes the sample tables, fills them, and makes the user that reads them by IAM, for CloudFormation.
//!
//! Two halves in one program, told apart by their event, since no one place reaches everything: the half outside of the
//! VPC (`outer`) is the custom resource and reads the master user's password from Secrets Manager; it hands it to the half
//! inside of the VPC (`setup`), which reaches the database. Neither logs its event, and `shared::log` sees to what libraries log.

use aws_config::SdkConfig;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use shared::{
    custom_resource::{self, AnswerError},
    deadline,
};

mod name;
mod outer;
mod settings;
mod setup;
mod tables;
mod user;

use outer::Outer;
pub use settings::Settings;
use setup::{Setup, SetupError};

/// Both halves.
#[derive(Debug)]
pub struct Function {
    outer: Outer,
}

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// CloudFormation could not be told.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The database is not as it should be: the outer half tells CloudFormation.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl Function {
    /// Calls AWS, where it has to, as `config` says.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { outer: Outer::new(config) }
    }

    /// Does what CloudFormation asks for, or what the outer half does. The settings are read through `lookup` where they are
    /// used: a wrong one that ended the program at its start would leave CloudFormation without an answer.
    ///
    /// # Errors
    /// When CloudFormation could not be told, or the database could not be set up.
    pub async fn handle(
        &self,
        event: LambdaEvent<Value>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Value, FunctionError> {
        if event.payload.get("RequestType").is_some() {
            // Boxed: the SDK's futures nest deeper than the compiler follows.
            custom_resource::answer(event, |request| Box::pin(self.outer.make(request))).await?;
            // CloudFormation reads the answer elsewhere.
            return Ok(Value::Null);
        }
        let deadline = deadline::before(event.context.deadline(), setup::RESERVE);
        let setup: Setup = serde_json::from_value(event.payload).map_err(|error| SetupError::event(&error))?;
        let settings = Settings::from_lookup(lookup).map_err(SetupError::from)?;
        let done = setup::run(&setup, &settings.authorities, deadline).await?;
        tracing::info!(
            tables_made = done.tables_made,
            rows_loaded = done.rows_loaded,
            user_made = done.user_made,
            "ready"
        );
        Ok(serde_json::json!(done))
    }
}
