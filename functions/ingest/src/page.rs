//! The docs page: Swagger UI from the crate `utoipa-swagger-ui-vendored`, showing the OpenAPI document. `build.rs` extracts
//! its two files, so the page loads nothing from elsewhere.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, header};

use crate::error::Error;

/// Browsers revalidate the page each time, because a deployment may change it.
const PAGE_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// One day, because files change only with the Swagger UI version.
const FILE_CACHE: HeaderValue = HeaderValue::from_static("max-age=86400");

/// Restricts scripts and resources to this server's, since visitors enter a key here, and forbids other pages to show this one
/// in a frame, where they could hijack clicks.
const POLICY: [(HeaderName, HeaderValue); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'self' 'unsafe-inline' data:; base-uri 'none'; frame-ancestors 'none'"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// A file that the page loads.
pub(crate) struct File {
    /// The name below `/docs/`.
    pub(crate) name: &'static str,
    content_type: HeaderValue,
    text: &'static str,
}

/// The files that the page loads.
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
    (POLICY, headers, include_str!("page/index.html")).into_response()
}

/// `GET /docs/{file}`.
pub(crate) async fn file(name: Path<String>) -> Result<Response, Error> {
    let file =
        FILES.iter().find(|file| file.name == name.as_str()).ok_or(Error::NoSuchPath("the page is GET /docs"))?;
    let headers = [(header::CONTENT_TYPE, file.content_type.clone()), (header::CACHE_CONTROL, FILE_CACHE)];
    Ok((POLICY, headers, file.text).into_response())
}
