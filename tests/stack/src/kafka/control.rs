//! The settings of the brokers' verifier: the file that its `Control.java` reads.

use std::{
    fmt::{self, Write as _},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::StackError;

/// Credentials that may log in, with their principal.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The access key.
    pub access_key: String,
    /// Its secret.
    pub secret: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
    /// The principal in access control lists. For MSK it would be the role.
    pub principal: String,
}

/// The verifier's settings and their file.
#[derive(Debug)]
pub(super) struct Control {
    file: PathBuf,
    settings: Mutex<Settings>,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) region: String,
    pub(super) identities: Vec<Identity>,
    pub(super) clock_offset_s: i64,
    pub(super) session_cap: Option<Duration>,
    pub(super) connects_per_second: Option<f64>,
}

/// Hides the secrets.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("access_key", &self.access_key)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Permanent credentials, which have no session token.
    #[must_use]
    pub fn new(access_key: &str, secret: &str, principal: &str) -> Self {
        let [access_key, secret, principal] = [access_key, secret, principal].map(str::to_owned);
        Self { access_key, secret, session_token: None, principal }
    }

    /// Temporary credentials, such as a role's.
    #[must_use]
    pub fn with_session_token(mut self, session_token: &str) -> Self {
        self.session_token = Some(session_token.to_owned());
        self
    }
}

impl Control {
    pub(super) fn new(folder: &Path, region: &str) -> Result<Self, StackError> {
        let settings = Settings {
            region: region.to_owned(),
            identities: Vec::new(),
            clock_offset_s: 0,
            session_cap: None,
            connects_per_second: None,
        };
        let control = Self { file: folder.join("control"), settings: Mutex::new(settings) };
        control.change(|_| ())?;
        Ok(control)
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Changes a setting from the next log-in on.
    pub(super) fn change(&self, change: impl FnOnce(&mut Settings)) -> Result<(), StackError> {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut settings);
        let failed = || StackError::io("changing the verifier's settings");
        let text = settings.text().map_err(failed())?;
        // Renamed into place, so that a broker reads either the old file or the new one.
        let new = self.file.with_extension("new");
        fs::write(&new, text).and_then(|()| fs::rename(&new, &self.file)).map_err(failed())
    }
}

impl Settings {
    fn text(&self) -> io::Result<String> {
        let mut text = format!("region {}\nclock_offset_s {}\n", self.region, self.clock_offset_s);
        let failed = io::Error::other;
        if let Some(cap) = self.session_cap {
            writeln!(text, "session_cap_s {}", cap.as_secs()).map_err(failed)?;
        }
        if let Some(rate) = self.connects_per_second {
            writeln!(text, "connects_per_second {rate}").map_err(failed)?;
        }
        for Identity { access_key, secret, session_token, principal } in &self.identities {
            let fields = [access_key, secret, session_token.as_deref().unwrap_or("-"), principal];
            if fields.iter().any(|field| field.is_empty() || field.contains(char::is_whitespace)) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "an identity with white space or an empty field",
                ));
            }
            writeln!(text, "identity {}", fields.join(" ")).map_err(failed)?;
        }
        Ok(text)
    }
}
