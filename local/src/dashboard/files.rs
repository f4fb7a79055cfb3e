//! The page's files, embedded in the program.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};

/// A file that the page loads.
pub(super) struct File {
    /// The path below `/live/`.
    pub(super) name: &'static str,
    content_type: HeaderValue,
    text: &'static str,
}

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");

/// Only scripts from here may run, because the page shows untrusted input.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Other versions of the program serve other files at the same address.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

/// The page itself.
pub(super) static PAGE: File = File { name: "", content_type: HTML, text: include_str!("../../page/index.html") };

macro_rules! file {
    ($name:literal, $content_type:expr) => {
        File { name: $name, content_type: $content_type, text: include_str!(concat!("../../page/", $name)) }
    };
}

/// The files that the page loads.
pub(super) static FILES: [File; 20] = [
    file!("answers.js", SCRIPT),
    file!("archive.js", SCRIPT),
    file!("arrows.js", SCRIPT),
    file!("charts.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("drawing.js", SCRIPT),
    file!("feed.js", SCRIPT),
    file!("format.js", SCRIPT),
    file!("main.js", SCRIPT),
    file!("page.css", CSS),
    file!("paths.js", SCRIPT),
    file!("picture.js", SCRIPT),
    file!("places.js", SCRIPT),
    file!("posts.js", SCRIPT),
    file!("questions.js", SCRIPT),
    file!("refusals.js", SCRIPT),
    file!("samples.js", SCRIPT),
    file!("snippets.js", SCRIPT),
    file!("status.js", SCRIPT),
    file!("try.js", SCRIPT),
];

impl File {
    pub(super) fn response(&self) -> Response {
        (HEADERS, [(header::CONTENT_TYPE, self.content_type.clone())], self.text).into_response()
    }
}
