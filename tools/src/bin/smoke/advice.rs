//! What an answer that is not 200 means here, and where to look.

use std::error::Error;

use serde_json::Value;
use shared::causes::in_one_line;

/// How much of an answer is shown that is not ours.
const SHOWN: usize = 200;

/// Nobody answered.
pub(crate) fn unreachable(url: &str, error: &reqwest::Error) -> String {
    let causes = in_one_line(&error as &dyn Error);
    let words = causes.to_ascii_lowercase();
    let advice = if words.contains("dns error") {
        "no such host: is the URL that of the stack's outputs, with its region?"
    } else if words.contains("certificate") {
        "its TLS certificate is not trusted: is something between this machine and AWS, or is it another host?"
    } else if words.contains("corrupt message") {
        "it does not speak TLS: is it http:// that is meant?"
    } else if error.is_timeout() {
        "no answer in time: API Gateway gives up after 29 s, so what is between here and there is slow or drops packets"
    } else {
        "it cannot be reached: is it running, and does this network let HTTPS out?"
    };
    format!("{advice} ({url}: {causes})")
}

/// Somebody answered 200 with a body that this API does not have.
pub(crate) fn foreign(lacks: &str, answer: &Value) -> String {
    let shown: String = answer.to_string().chars().take(SHOWN).collect();
    format!("200, and no {lacks}: {shown}; is this the API of this project?")
}

/// Somebody said to ask elsewhere.
pub(crate) fn redirected(status: u16, url: &str) -> String {
    let url: String = url.chars().take(SHOWN).collect();
    format!(
        "{status}: it redirects to {url}, and a POST is not sent on: is that the API, or a page to log in to the network?"
    )
}

/// Somebody answered with another status than 200. Each refusal of the template's API has an `error_code`; without one it is
/// another API, such as an older one that hands its requests on to `ingest`.
pub(crate) fn refused(status: u16, body: &str, with_key: bool) -> String {
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let entry = &answer["offsets"][0];
    let code = answer["error_code"].as_u64().or_else(|| entry["error_code"].as_u64());
    let said = answer["message"].as_str().or_else(|| entry["error"].as_str());
    let said = said.map_or_else(|| body.chars().take(SHOWN).collect(), str::to_owned);
    let advice = match (status, code) {
        (401, Some(40101)) => "the role of `ingest` cannot log in to Kafka: look at its log, its policy and the region",
        (403, Some(40301)) => {
            "the role of `ingest` lacks kafka-cluster:WriteData on the topic or WriteDataIdempotently on the cluster"
        }
        (404, Some(40401)) => "no such topic there: --user-id names the one to post for",
        (403, Some(403)) if said.starts_with("the request has to be signed") => {
            "Authentication is iam, and this program cannot sign: docs/deploy.md has a curl that does"
        }
        (403, Some(403)) if with_key => {
            "the API does not take this --api-key: is it of this stage's usage plan, and enabled?"
        }
        (403, Some(403)) => "the API wants a key: --api-key",
        (429, _) => "the API's throttle: fewer at once, or a higher ThrottleRate",
        (500.., Some(500 | 503)) if said.starts_with("ingest ") => {
            "the log of `ingest` says why: a setting that is missing, its time-out, or the account's concurrency used up"
        }
        (503, Some(_)) => "Kafka did not confirm it: look at the brokers, and at `ingest`'s security group and log",
        (500, Some(_)) => "a defect: the log of `ingest` has it",
        (_, Some(_)) => "the table of answers in docs/api.md says when",
        (403, None) => "not this API's stage, whose refusals have an error_code: is the URL `ApiUrl` of the outputs?",
        (404, None) => "no such path: is the URL that of the API, with its stage?",
        (502, None) => "`ingest` failed: the end of its log says why, a setting that is missing for instance",
        (503 | 504, None) => "`ingest` did not answer in time: look at its log and its time-out",
        (_, None) => "not an answer of this project's API",
    };
    let code = code.map(|code| format!(", error_code {code}")).unwrap_or_default();
    format!("{status}{code}: {said}: {advice}")
}
