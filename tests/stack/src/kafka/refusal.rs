//! Log-ins that the verifier refused.

/// A refused log-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The broker's number, from 1.
    pub broker: usize,
    /// The message that the client gets, in MSK's form: `[uuid]: Access denied` or `[uuid]: Too many connects`.
    pub message: String,
    /// The true reason, which MSK does not disclose.
    pub reason: String,
}

impl Refusal {
    /// Parses the refusals of a broker's log.
    pub(super) fn parse_log(broker: usize, log: &str) -> impl Iterator<Item = Self> {
        log.lines().filter_map(move |line| {
            // `IAM refused [uuid]: Access denied: the reason`
            let (id, rest) = line.strip_prefix("IAM refused ")?.split_once(": ")?;
            let (message, reason) = rest.split_once(": ")?;
            Some(Self { broker, message: format!("{id}: {message}"), reason: reason.to_owned() })
        })
    }
}
