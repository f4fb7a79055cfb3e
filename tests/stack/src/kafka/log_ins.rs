//! The cluster's identities, and the verifier's behaviour. Open sessions are unaffected until they end.

use std::time::Duration;

use crate::{
    StackError,
    kafka::{Identity, Kafka, Refusal, read},
};

impl Kafka {
    /// Adds an identity, replacing any with the same access key.
    ///
    /// # Errors
    /// When a field is empty or contains white space.
    pub fn add_identity(&self, identity: Identity) -> Result<(), StackError> {
        self.control.change(|settings| {
            settings.identities.retain(|known| known.access_key != identity.access_key);
            settings.identities.push(identity);
        })
    }

    /// Removes an identity. Its open sessions go on until they end.
    ///
    /// # Errors
    /// When the verifier's file cannot be written.
    pub fn remove_identity(&self, access_key: &str) -> Result<(), StackError> {
        self.control.change(|settings| settings.identities.retain(|known| known.access_key != access_key))
    }

    /// Changes the secret of an access key.
    ///
    /// # Errors
    /// When the verifier's file cannot be written.
    pub fn set_secret(&self, access_key: &str, secret: &str) -> Result<(), StackError> {
        self.control.change(|settings| {
            for known in settings.identities.iter_mut().filter(|known| known.access_key == access_key) {
                secret.clone_into(&mut known.secret);
            }
        })
    }

    /// Limits log-ins to a broker per second, including re-authentication. MSK's small brokers accept 4.
    ///
    /// # Errors
    /// When the verifier's file cannot be written.
    pub fn set_connects_per_second(&self, rate: Option<f64>) -> Result<(), StackError> {
        self.control.change(|settings| settings.connects_per_second = rate)
    }

    /// Sets the verifier's clock ahead (or back), so that tokens appear older (or signed in the future).
    ///
    /// # Errors
    /// When the verifier's file cannot be written.
    pub fn set_clock_offset(&self, seconds: i64) -> Result<(), StackError> {
        self.control.change(|settings| settings.clock_offset_s = seconds)
    }

    /// Caps the lifetime of tokens, and so of sessions, counted from the signature in whole seconds.
    ///
    /// # Errors
    /// When the verifier's file cannot be written.
    pub fn set_session_cap(&self, cap: Option<Duration>) -> Result<(), StackError> {
        self.control.change(|settings| settings.session_cap = cap)
    }

    /// The refused log-ins so far, broker by broker.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn refusals(&self) -> Result<Vec<Refusal>, StackError> {
        let mut refusals = Vec::new();
        for broker in &self.brokers {
            refusals.extend(Refusal::parse_log(broker.number, &read(&broker.log)?));
        }
        Ok(refusals)
    }
}
