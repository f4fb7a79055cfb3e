//! Middleware that records the rejected requests.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::StatusCode;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use ingest::is_gzip;
use shared::redact::excerpt;

use super::{
    refusals::{Answer, Refusal},
    state::Dashboard,
};
use crate::clock::now_ms;

/// The bytes kept of a request's body.
const MAX_SENT_BYTES: usize = 2 * 1024;

/// Runs a request, and records it if it is rejected.
pub(crate) async fn record_rejection(State(dashboard): State<Dashboard>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (method, path) = (parts.method.clone(), excerpt(parts.uri.path()));
    let beginning = Beginning::default();
    let body = Body::new(Tee { body, beginning: beginning.clone() });
    let response = next.run(Request::from_parts(parts, body)).await;
    let status = response.status();
    if status.as_u16() < 400 && status != StatusCode::MULTI_STATUS {
        return response;
    }
    let (parts, body) = response.into_parts();
    // Every response body is complete in memory.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let answer = Answer::of(&body);
    if status == StatusCode::MULTI_STATUS && answer.error_code == 0 {
        return Response::from_parts(parts, body.into());
    }
    let (sent, cut) = beginning.text();
    dashboard.refused(|refusals| {
        refusals.add(Refusal {
            time_ms: now_ms(),
            method: method.to_string(),
            path,
            status: status.as_u16(),
            answer,
            sent,
            cut,
            ..Refusal::default()
        });
    });
    Response::from_parts(parts, body.into())
}

/// The received beginning of a body.
#[derive(Debug, Clone, Default)]
struct Beginning(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    pieces: Vec<Bytes>,
    bytes: usize,
    cut: bool,
}

impl Beginning {
    /// Keeps a slice of `piece`, whose memory lives as long as the request.
    fn add(&self, piece: &Bytes) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_SENT_BYTES - kept.bytes;
        let taken = piece.len().min(room);
        kept.cut |= taken < piece.len();
        if taken > 0 {
            kept.bytes += taken;
            kept.pieces.push(piece.slice(..taken));
        }
    }

    fn text(&self) -> (String, bool) {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = kept.pieces.concat();
        if is_gzip(&bytes) {
            return ("(compressed by gzip)".to_owned(), false);
        }
        let text = String::from_utf8_lossy(&bytes);
        // The cut may leave an incomplete character at the end.
        let text = if kept.cut { text.trim_end_matches(char::REPLACEMENT_CHARACTER) } else { &text };
        (text.to_owned(), kept.cut)
    }
}

/// A body that copies its beginning while it is read.
struct Tee {
    body: Body,
    beginning: Beginning,
}

impl HttpBody for Tee {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(piece) = frame.data_ref()
        {
            self.beginning.add(piece);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_body_is_kept_up_to_a_limit() {
        let beginning = Beginning::default();
        for _ in 0..3 {
            beginning.add(&vec![b'x'; MAX_SENT_BYTES / 2].into());
        }
        let (text, cut) = beginning.text();
        assert_eq!((text.len(), cut), (MAX_SENT_BYTES, true));
        assert_eq!(Beginning::default().text(), (String::new(), false));
        let beginning = Beginning::default();
        beginning.add(&format!("x{}", "é".repeat(MAX_SENT_BYTES)).into());
        assert_eq!(beginning.text(), (format!("x{}", "é".repeat(MAX_SENT_BYTES / 2 - 1)), true));
    }
}
