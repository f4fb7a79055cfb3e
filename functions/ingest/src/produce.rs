//! One produce request from its body to its answer.

use axum::{body::Body, extract::State, response::Response};
use http::Request;
use shared::publish::Publish;

use crate::{app::App, body, error::Error, limits::Deadline, media, records, response, target::Target};

/// `POST /topics/{topic}` and `POST /topics/{topic}/partitions/{partition}`.
///
/// Where several things are wrong, the first of these is told: path, size, type of the request, type of the answer, topic,
/// syntax, rules.
pub(crate) async fn produce<P: Publish>(State(app): State<App<P>>, request: Request<Body>) -> Result<Response, Error> {
    let (mut parts, body) = request.into_parts();
    let deadline = Deadline::of(&parts);
    // The body is read whatever the path is: a client that still sends does not read its answer.
    let target = Target::of(&mut parts).await;
    let body = body::read(body, deadline).await;
    let (Target { topic, partition }, body) = (target?, body?);
    let format = media::format(&parts.headers, &body)?;
    let content_type = media::answer_type(&parts.headers)?;
    let topic = app.topic(&topic)?;
    let read = records::Body::read(&body, format, topic)?;
    let count = read.count();
    let records = read.into_records(&body, format, topic, partition).inspect_err(|error| app.refused(count, error))?;

    let outcomes = app.publish(topic, records, deadline).await;
    Ok(response::produced(&outcomes, app.status_policy, content_type))
}
