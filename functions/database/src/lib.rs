//! Creates and fills the sample tables, and creates the user that reads them by IAM, for CloudFormation.
//!
//! One program, deployed as two functions, since no single network reaches both AWS and the database. The event decides the
//! role. The function outside the VPC (`custom_resource`) reads the master user's password from Secrets Manager and passes it
//! to the function inside the VPC (`provision`), which connects to the database. Neither logs its event, and `shared::log`
//! filters what libraries log.

use aws_config::SdkConfig;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use shared::{
    custom_resource::{ResponseError, respond},
    deadline,
};

mod custom_resource;
mod name;
mod provision;
mod settings;
mod tables;
mod user;

use custom_resource::CustomResource;
use provision::{ProvisionError, ProvisionRequest};
pub use settings::Settings;

/// The program, in both roles.
#[derive(Debug)]
pub struct Function {
    custom_resource: CustomResource,
}

/// The error of an invocation.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// CloudFormation got no response.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// The database could not be provisioned. The invoking function reports this to CloudFormation.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
}

impl Function {
    /// Creates the function, with AWS clients configured by `config`.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { custom_resource: CustomResource::new(config) }
    }

    /// Handles CloudFormation's request, or the other function's invocation. Reads the settings through `lookup` only where
    /// they are used: a program that a wrong setting ends at its start would leave CloudFormation without a response.
    ///
    /// # Errors
    /// When CloudFormation cannot be reached, or the database cannot be provisioned.
    pub async fn handle(
        &self,
        event: LambdaEvent<Value>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Value, FunctionError> {
        if event.payload.get("RequestType").is_some() {
            // Boxed: the SDK's nested futures are too deep for the compiler.
            respond(event, |request| Box::pin(self.custom_resource.create(request))).await?;
            // CloudFormation reads the response from S3, not from here.
            return Ok(Value::Null);
        }
        let deadline = deadline::before(event.context.deadline(), provision::RESPONSE_RESERVE);
        let request: ProvisionRequest =
            serde_json::from_value(event.payload).map_err(|error| ProvisionError::event(&error))?;
        let settings = Settings::from_lookup(lookup).map_err(ProvisionError::from)?;
        let provisioned = provision::run(&request, &settings.authorities, deadline).await?;
        tracing::info!(
            tables_made = provisioned.tables_made,
            rows_loaded = provisioned.rows_loaded,
            user_made = provisioned.user_made,
            "the database is ready"
        );
        Ok(serde_json::json!(provisioned))
    }
}
