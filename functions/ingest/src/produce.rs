//! The handler of v2 produce requests.

use axum::{body::Body, extract::State, response::Response};
use http::Request;
use shared::publish::Publish;

use crate::{app::App, body, error::Error, limits::Deadline, media, records, response, target::Target};

/// `POST /topics/{topic}` and `POST /topics/{topic}/partitions/{partition}`.
///
/// Reports only the first problem, in this order: path, size, content type, `Accept`, topic, syntax, rules.
pub(crate) async fn produce<P: Publish>(State(app): State<App<P>>, request: Request<Body>) -> Result<Response, Error> {
    let (mut parts, body) = request.into_parts();
    let deadline = Deadline::of(&parts);
    // Read the body even if the path is wrong: a client that is still sending does not read its response.
    let target = Target::of(&mut parts).await;
    let body = body::read(body, deadline).await;
    let (Target { topic, partition }, body) = (target?, body?);
    let format = media::format(&parts.headers, &body)?;
    let content_type = media::response_type(&parts.headers)?;
    let topic = app.topic(&topic)?;
    let read = records::Body::read(&body, format, topic)?;
    let count = read.count();
    let records =
        read.into_records(&body, format, topic, partition).inspect_err(|error| app.count_rejected(count, error))?;

    let outcomes = app.publish(topic, records, deadline).await;
    Ok(response::produced(&outcomes, app.status_policy, content_type))
}
