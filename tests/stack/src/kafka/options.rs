//! The cluster's options.

/// The cluster's options. The default is one broker.
#[derive(Debug, Clone)]
pub struct Options {
    /// The number of brokers. With three, two replicas must be in sync.
    pub brokers: usize,
    /// The region that tokens are signed for.
    pub region: String,
    /// Broker settings that replace the defaults, such as `connections.max.idle.ms`.
    pub settings: Vec<(String, String)>,
    /// Trades a slow start for throughput, and leaves out the proxy before the IAM listener.
    pub for_benchmarks: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { brokers: 1, region: "eu-west-1".to_owned(), settings: Vec::new(), for_benchmarks: false }
    }
}

impl Options {
    /// Three brokers.
    #[must_use]
    pub fn three() -> Self {
        Self { brokers: 3, ..Self::default() }
    }

    /// Adds a broker setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}
