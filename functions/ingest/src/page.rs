//! The docs page: Swagger UI from the crate `utoipa-swagger-ui-vendored`, showing the OpenAPI document. `build.rs` extracts
//! its two files, so the page loads nothing from elsewhere.

use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::{error::Error, response::Response};

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
pub(crate) fn page() -> Response {
    respond(HeaderValue::from_static("text/html; charset=utf-8"), PAGE_CACHE, include_str!("page/index.html"))
}

/// `GET /docs/{file}`.
pub(crate) fn file(name: &str) -> Result<Response, Error> {
    let file = FILES.iter().find(|file| file.name == name).ok_or(Error::NoSuchPath("the page is GET /docs"))?;
    Ok(respond(file.content_type.clone(), FILE_CACHE, file.text))
}

fn respond(content_type: HeaderValue, cache: HeaderValue, text: &'static str) -> Response {
    let mut response = Response::new(StatusCode::OK, content_type, text);
    response.headers.extend(POLICY);
    response.headers.push((header::CACHE_CONTROL, cache));
    response
}
