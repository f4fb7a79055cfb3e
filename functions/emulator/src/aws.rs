//! The lazily loaded configuration of AWS clients: a start does not wait for it.

use std::sync::Arc;

use aws_config::SdkConfig;
use tokio::sync::OnceCell;

/// The environment's region and credentials. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Aws(Arc<OnceCell<SdkConfig>>);

impl Aws {
    pub(crate) async fn config(&self) -> &SdkConfig {
        self.0.get_or_init(aws_config::load_from_env).await
    }
}

/// A loaded configuration.
impl From<SdkConfig> for Aws {
    fn from(config: SdkConfig) -> Self {
        Self(Arc::new(OnceCell::new_with(Some(config))))
    }
}
