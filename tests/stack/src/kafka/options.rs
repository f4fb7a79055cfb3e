//! How a cluster is started.

/// How a cluster is started: one broker, unless it says otherwise.
#[derive(Debug, Clone)]
pub struct Options {
    /// One, or three of which two must take a record.
    pub brokers: usize,
    /// The region that tokens are signed for.
    pub region: String,
    /// Settings of the brokers in place of ours, such as `connections.max.idle.ms`.
    pub settings: Vec<(String, String)>,
    /// For figures: brokers that start slowly and run fast, and no proxy before the listener for IAM.
    pub to_measure: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { brokers: 1, region: "eu-west-1".to_owned(), settings: Vec::new(), to_measure: false }
    }
}

impl Options {
    /// Three brokers.
    #[must_use]
    pub fn three() -> Self {
        Self { brokers: 3, ..Self::default() }
    }

    /// With a setting of the brokers.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}
