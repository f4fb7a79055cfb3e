//! One produce request from its body to its answer.

use axum::{
    body::Body,
    extract::{FromRequestParts, Path, State},
    response::Response,
};
use http::Request;
use shared::{metrics::ingest::PRODUCE_TIME, publish::Publish};
use tokio::time::Instant;

use crate::{answer, app::App, body, envelope, error::Error, limits::Deadline, media, records};

/// `POST /topics/{topic}` and `POST /topics/{topic}/partitions/{partition}`.
///
/// Where several things are wrong, the first of these is told: path, size, type of the request, type of the answer, topic,
/// syntax, rules.
pub(crate) async fn produce<P: Publish>(State(app): State<App<P>>, request: Request<Body>) -> Result<Response, Error> {
    let (mut parts, body) = request.into_parts();
    let deadline = parts.extensions.get().copied().unwrap_or_else(Deadline::usual);
    let (topic, partition) = target(&mut parts).await?;
    let body = body::read(body, deadline).await?;
    let format = media::format(&parts.headers)?;
    let content_type = media::answer_type(&parts.headers)?;
    let topic = app.topic(&topic)?;
    let envelope = envelope::parse(&body)?;
    let count = envelope.entries.len();
    let records =
        records::records(&body, &envelope, format, topic, partition).inspect_err(|error| app.refused(count, error))?;

    let begun = Instant::now();
    let outcomes = app.producer.publish(records, deadline.0).await;
    app.metrics.took(&PRODUCE_TIME, begun.elapsed());
    app.published(topic, &outcomes);
    Ok(answer::answer(&outcomes, content_type))
}

/// Topic and partition out of the path. A partition that is no number is no path of ours.
async fn target(parts: &mut http::request::Parts) -> Result<(String, Option<i32>), Error> {
    if let Ok(Path((topic, partition))) = Path::<(String, String)>::from_request_parts(parts, &()).await {
        let digits = partition.bytes().all(|byte| byte.is_ascii_digit());
        let partition = partition.parse().ok().filter(|_| digits);
        return partition.map(|partition| (topic, Some(partition))).ok_or(Error::NotFound);
    }
    match Path::<String>::from_request_parts(parts, &()).await {
        Ok(Path(topic)) => Ok((topic, None)),
        // Percent-encoded bytes that are no text.
        Err(_) => Err(Error::NotFound),
    }
}
