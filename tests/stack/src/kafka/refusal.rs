//! What the verifier said no to.

/// A log-in that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The broker, from 1.
    pub broker: usize,
    /// What the client was told, as MSK says it: `[uuid]: Access denied` or `[uuid]: Too many connects`.
    pub said: String,
    /// The true reason, which MSK keeps to itself.
    pub reason: String,
}

impl Refusal {
    /// Those that a broker's log tells of.
    pub(super) fn of_log(broker: usize, log: &str) -> impl Iterator<Item = Self> {
        log.lines().filter_map(move |line| {
            // `IAM refused [uuid]: Access denied: the reason`
            let (id, rest) = line.strip_prefix("IAM refused ")?.split_once(": ")?;
            let (said, reason) = rest.split_once(": ")?;
            Some(Self { broker, said: format!("{id}: {said}"), reason: reason.to_owned() })
        })
    }
}
