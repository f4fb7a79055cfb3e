//! Who may log in to a cluster, and how its verifier behaves. Open sessions go on until they end.

use std::time::Duration;

use crate::{
    StackError,
    kafka::{Identity, Kafka, Refusal, read},
};

impl Kafka {
    /// Lets somebody log in, in place of who had that access key.
    ///
    /// # Errors
    /// When a field is empty or has white space in it.
    pub fn add_identity(&self, identity: Identity) -> Result<(), StackError> {
        self.control.change(|told| {
            told.identities.retain(|known| known.access_key != identity.access_key);
            told.identities.push(identity);
        })
    }

    /// Forgets an access key. Sessions that are open go on until they end.
    ///
    /// # Errors
    /// When the verifier cannot be told.
    pub fn remove_identity(&self, access_key: &str) -> Result<(), StackError> {
        self.control.change(|told| told.identities.retain(|known| known.access_key != access_key))
    }

    /// Gives an access key another secret.
    ///
    /// # Errors
    /// When the verifier cannot be told.
    pub fn set_secret(&self, access_key: &str, secret: &str) -> Result<(), StackError> {
        self.control.change(|told| {
            for known in told.identities.iter_mut().filter(|known| known.access_key == access_key) {
                secret.clone_into(&mut known.secret);
            }
        })
    }

    /// Refuses log-ins to a broker beyond so many a second, those of open sessions that log in again included. MSK's small
    /// brokers take 4.
    ///
    /// # Errors
    /// When the verifier cannot be told.
    pub fn set_connects_per_second(&self, rate: Option<f64>) -> Result<(), StackError> {
        self.control.change(|told| told.connects_per_second = rate)
    }

    /// Sets the verifier's clock ahead, or back: a token looks older then, or not yet made.
    ///
    /// # Errors
    /// When the verifier cannot be told.
    pub fn set_clock_offset(&self, seconds: i64) -> Result<(), StackError> {
        self.control.change(|told| told.clock_offset_s = seconds)
    }

    /// Ends tokens, and with them sessions, so long after they were signed: in whole seconds, and no later than they end
    /// anyway.
    ///
    /// # Errors
    /// When the verifier cannot be told.
    pub fn set_session_cap(&self, cap: Option<Duration>) -> Result<(), StackError> {
        self.control.change(|told| told.session_cap = cap)
    }

    /// The log-ins that were refused so far, broker by broker.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn refusals(&self) -> Result<Vec<Refusal>, StackError> {
        let mut refusals = Vec::new();
        for broker in &self.brokers {
            refusals.extend(Refusal::of_log(broker.number, &read(&broker.log)?));
        }
        Ok(refusals)
    }
}
