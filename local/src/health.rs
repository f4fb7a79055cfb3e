//! The health of a component.

use std::sync::{Arc, Mutex, PoisonError};

use crate::terminal::report;

/// The error of a component that does not work. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<Mutex<Option<String>>>);

impl Health {
    /// Marks the component as failed. Prints the error with the component's `name`, unless the component failed before.
    pub(crate) fn report_failure(&self, name: &str, error: &str) {
        if self.mark_failed(error.to_owned()) {
            report(format_args!("{name}: {error}; retrying"));
        }
    }

    /// Marks the component as failed. Returns whether it worked before.
    fn mark_failed(&self, error: String) -> bool {
        self.set(Some(error)).is_none()
    }

    /// Marks the component as working.
    pub(crate) fn mark_healthy(&self) {
        self.set(None);
    }

    /// Returns the latest error, if the component does not work.
    pub(crate) fn error(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, error: Option<String>) -> Option<String> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_failure_and_one_after_a_recovery_are_new() {
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
