//! The page that shows the OpenAPI document and sends requests: Swagger UI, as the crate `utoipa-swagger-ui-vendored`
//! carries it. `build.rs` takes two files out of it; nothing is fetched from elsewhere.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};

use crate::error::Error;

/// A browser asks for it each time: a deployment may change it.
const PAGE_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// They change with another Swagger UI alone: a day, in seconds.
const FILE_CACHE: HeaderValue = HeaderValue::from_static("max-age=86400");

/// A file that the page loads.
pub(crate) struct File {
    /// Below `/docs/`.
    pub(crate) name: &'static str,
    content_type: HeaderValue,
    text: &'static str,
}

/// All that the page loads.
pub(crate) static FILES: [File; 2] = [
    File {
        name: "swagger-ui.css",
        content_type: HeaderValue::from_static("text/css; charset=utf-8"),
        text: include_str!(concat!(env!("OUT_DIR"), "/swagger-ui.css")),
    },
    File {
        name: "swagger-ui-bundle.js",
        content_type: HeaderValue::from_static("text/javascript; charset=utf-8"),
        text: include_str!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js")),
    },
];

/// `GET /docs`.
pub(crate) async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, PAGE_CACHE),
    ];
    (headers, include_str!("page/index.html")).into_response()
}

/// `GET /docs/{file}`.
pub(crate) async fn file(name: Path<String>) -> Result<Response, Error> {
    let file =
        FILES.iter().find(|file| file.name == name.as_str()).ok_or(Error::NoSuchPath("the page is GET /docs"))?;
    let headers = [(header::CONTENT_TYPE, file.content_type.clone()), (header::CACHE_CONTROL, FILE_CACHE)];
    Ok((headers, file.text).into_response())
}
