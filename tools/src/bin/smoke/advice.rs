//! The likely cause of each failure and the place to look.

use std::error::Error;

use serde_json::Value;
use shared::error_chain::one_line;

/// The characters shown of a foreign response.
const EXCERPT_CHARS: usize = 200;

/// Advice for a request without a response.
pub(crate) fn unreachable(url: &str, error: &reqwest::Error) -> String {
    let causes = one_line(&error as &dyn Error);
    let words = causes.to_ascii_lowercase();
    let advice = if words.contains("dns error") {
        "no such host: is this the URL in the stack's outputs, with the right region?"
    } else if words.contains("certificate") {
        "its TLS certificate is not trusted: is there a proxy between this machine and AWS, or is it another host?"
    } else if words.contains("corrupt message") {
        "it does not speak TLS: did you mean http://?"
    } else if error.is_timeout() {
        "no response in time: API Gateway gives up after 29 s, so the network in between is slow or drops packets"
    } else {
        "it cannot be reached: is it running, and does this network allow outgoing HTTPS?"
    };
    format!("{advice} ({url}: {causes})")
}

/// Advice for a 200 whose body is not this API's.
pub(crate) fn foreign(missing: &str, answer: &Value) -> String {
    let excerpt: String = answer.to_string().chars().take(EXCERPT_CHARS).collect();
    format!("200, but no {missing}: {excerpt}; is this URL an API of this project?")
}

/// Advice for a redirect.
pub(crate) fn redirected(status: u16, url: &str) -> String {
    let url: String = url.chars().take(EXCERPT_CHARS).collect();
    format!(
        "{status}: it redirects to {url}, and a POST does not follow redirects: is that the API, or the network's login page?"
    )
}

/// Advice for any other status. Each error of the template's API has an `error_code`. A response without one is from another
/// API, such as an older one in front of `ingest`.
pub(crate) fn refused(status: u16, body: &str, with_key: bool) -> String {
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let entry = &answer["offsets"][0];
    let code = answer["error_code"].as_u64().or_else(|| entry["error_code"].as_u64());
    let message = answer["message"].as_str().or_else(|| entry["error"].as_str());
    let message = message.map_or_else(|| body.chars().take(EXCERPT_CHARS).collect(), str::to_owned);
    let advice = match (status, code) {
        (401, Some(40101)) => "the role of `ingest` cannot log in to Kafka: check its log, its policy and the region",
        (403, Some(40301)) => {
            "the role of `ingest` lacks kafka-cluster:WriteData on the topic or WriteDataIdempotently on the cluster"
        }
        (404, Some(40401)) => "no such topic: set --user-id to an existing one",
        (403, Some(403)) if message.starts_with("the request has to be signed") => {
            "Authentication is iam, and this program cannot sign: docs/deploy.md has a curl command that does"
        }
        (403, Some(403)) if with_key => {
            "the API rejects this --api-key: is it in this stage's usage plan, and enabled?"
        }
        (403, Some(403)) => "the API requires a key: pass --api-key",
        (429, _) => "the API throttles: send fewer at once, or raise ThrottleRate",
        (500.., Some(500 | 503)) if message.starts_with("ingest ") => {
            "see the log of `ingest`: a missing setting, a timeout, or the account's concurrency limit"
        }
        (503, Some(_)) => "Kafka did not acknowledge it: check the brokers, and the security group and log of `ingest`",
        (500, Some(_)) => "a bug: see the log of `ingest`",
        (_, Some(_)) => "see the table of answers in docs/api.md",
        (403, None) => "not this API's stage, whose errors have an error_code: is the URL the output `ApiUrl`?",
        (404, None) => "no such path: does the URL end with the stage?",
        (502, None) => "`ingest` failed: see the end of its log; a missing setting, for instance",
        (503 | 504, None) => "`ingest` did not respond in time: check its log and its timeout",
        (_, None) => "not a response of this project's API",
    };
    let code = code.map(|code| format!(", error_code {code}")).unwrap_or_default();
    format!("{status}{code}: {message}: {advice}")
}
