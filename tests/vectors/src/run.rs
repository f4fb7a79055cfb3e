//! The runner of vectors.

use std::{fmt, future::Future};

use bytes::Bytes;
use http::{Request, Response};

use crate::{
    answer::{Difference, shown},
    form::Vector,
    names::Names,
    need::Need,
};

/// An API under test.
pub trait Api {
    /// The values of the placeholders.
    fn names(&self) -> &Names;

    /// Returns whether vectors with this need can be run.
    fn meets(&self, need: Need) -> bool;

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// When there is no response; the text says why.
    fn send(&self, request: Request<Bytes>) -> impl Future<Output = Result<Response<Bytes>, String>>;

    /// Compares the records in Kafka with the expected ones. An API without access to Kafka returns none.
    fn in_kafka(&self, _: &Vector, _: &Response<Bytes>) -> impl Future<Output = Vec<Difference>> {
        std::future::ready(Vec::new())
    }
}

/// The outcome of a vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The response and the records are as expected.
    Same,
    /// The response or the records differ.
    Different(Vec<Difference>),
    /// There is no response.
    Unanswered(String),
    /// The API does not meet this need.
    Skipped(Need),
}

/// A vector that was run.
#[derive(Debug)]
pub struct Ran<'v> {
    /// The vector.
    pub vector: &'v Vector,
    /// Its outcome.
    pub outcome: Outcome,
    request: String,
}

impl Ran<'_> {
    /// Returns whether the API violates the vector.
    #[must_use]
    pub const fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Different(_) | Outcome::Unanswered(_))
    }
}

/// Runs one vector.
pub async fn run<'v>(vector: &'v Vector, api: &impl Api) -> Ran<'v> {
    if let Some(need) = vector.needs.iter().find(|need| !api.meets(**need)) {
        return Ran { vector, outcome: Outcome::Skipped(*need), request: String::new() };
    }
    let request = match vector.request(api.names()) {
        Ok(request) => request,
        Err(error) => {
            return Ran { vector, outcome: Outcome::Unanswered(error.to_string()), request: String::new() };
        }
    };
    let sent = described(&request);
    let outcome = match api.send(request).await {
        Ok(answer) => {
            let mut differences = vector.differences(api.names(), &answer);
            differences.extend(api.in_kafka(vector, &answer).await);
            if differences.is_empty() { Outcome::Same } else { Outcome::Different(differences) }
        }
        Err(error) => Outcome::Unanswered(error),
    };
    Ran { vector, outcome, request: sent }
}

fn described(request: &Request<Bytes>) -> String {
    let headers = request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("…")));
    let head = [format!("{} {}", request.method(), request.uri())].into_iter().chain(headers);
    let body = shown(&String::from_utf8_lossy(request.body()));
    head.chain((!body.is_empty()).then_some(body)).collect::<Vec<_>>().join("\n      ")
}

/// The vector's name, and after a failure its request and each difference.
impl fmt::Display for Ran<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vector, outcome, request } = self;
        match outcome {
            Outcome::Same => write!(f, "{vector}"),
            Outcome::Skipped(need) => write!(f, "{vector} (needs {})", need.name()),
            Outcome::Unanswered(error) => write!(f, "{vector}\n    {request}\n    no answer: {error}"),
            Outcome::Different(differences) => {
                write!(f, "{vector}\n    {request}")?;
                differences.iter().try_for_each(|difference| write!(f, "\n    {difference}"))
            }
        }
    }
}
