//! Whether a part works, and why it does not.

use std::sync::{Arc, Mutex, PoisonError};

/// Whether a part works. A clone is the same part's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Condition(Arc<Mutex<Option<String>>>);

impl Condition {
    /// It does not work. Returns whether it did so far: what is said once is said then.
    pub(crate) fn fails(&self, why: String) -> bool {
        self.set(Some(why)).is_none()
    }

    /// It works.
    pub(crate) fn works(&self) {
        self.set(None);
    }

    /// Why it does not work, if it does not.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, why: Option<String>) -> Option<String> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_new_once_and_again_after_it_worked() {
        let condition = Condition::default();
        let other = condition.clone();
        assert!(condition.fails("away".to_owned()));
        assert!(!other.fails("still away".to_owned()));
        assert_eq!(condition.trouble().as_deref(), Some("still away"));
        other.works();
        assert_eq!(condition.trouble(), None);
        assert!(condition.fails("away again".to_owned()));
    }
}
