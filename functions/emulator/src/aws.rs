//! What AWS's clients are made of, put together by the first one that is needed: a start does not wait for it.

use std::sync::Arc;

use aws_config::SdkConfig;
use tokio::sync::OnceCell;

/// The region and the credentials of the environment. A clone is the same.
#[derive(Debug, Clone, Default)]
pub struct Aws(Arc<OnceCell<SdkConfig>>);

impl Aws {
    pub(crate) async fn config(&self) -> &SdkConfig {
        self.0.get_or_init(aws_config::load_from_env).await
    }
}

/// What is known already.
impl From<SdkConfig> for Aws {
    fn from(config: SdkConfig) -> Self {
        Self(Arc::new(OnceCell::new_with(Some(config))))
    }
}
