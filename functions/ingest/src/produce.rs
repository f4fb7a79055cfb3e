//! The handler of v2 produce requests.

use shared::publish::Publish;

use crate::{
    app::App,
    error::Error,
    media, records,
    request::ProduceRequest,
    response::{self, Response},
    routes::Target,
};

/// `POST /topics/{topic}` and `POST /topics/{topic}/partitions/{partition}`.
///
/// Reports only the first problem, in this order: path, size, content type, `Accept`, topic, syntax, rules.
pub(crate) async fn produce<P: Publish, C>(
    app: &App<P, C>,
    request: ProduceRequest<Target>,
) -> Result<Response, Error> {
    let ProduceRequest { target: Target { topic, partition }, headers, body, deadline } = request;
    let format = media::format(&headers, &body)?;
    let content_type = media::response_type(&headers)?;
    let topic = app.topic(&topic)?;
    let records = records::read(&body, format, topic, partition).map_err(|rejection| {
        app.count_rejected(rejection.records, &rejection.error);
        rejection.error
    })?;

    let outcomes = app.publish(topic, records, deadline).await;
    Ok(response::produced(&outcomes, app.status_policy, content_type))
}
