//! Whether a part works, and why it does not.

use std::sync::{Arc, Mutex, PoisonError};

/// Whether a part works. A clone is the same part's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<Mutex<Option<String>>>);

impl Health {
    /// It does not work. Returns whether it did so far: what is said once is said then.
    pub(crate) fn mark_failed(&self, why: String) -> bool {
        self.set(Some(why)).is_none()
    }

    /// It works.
    pub(crate) fn mark_healthy(&self) {
        self.set(None);
    }

    /// Why it does not work, if it does not.
    pub(crate) fn error(&self) -> Option<String> {
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
        let health = Health::default();
        let other = health.clone();
        assert!(health.mark_failed("away".to_owned()));
        assert!(!other.mark_failed("still away".to_owned()));
        assert_eq!(health.error().as_deref(), Some("still away"));
        other.mark_healthy();
        assert_eq!(health.error(), None);
        assert!(health.mark_failed("away again".to_owned()));
    }
}
