//! Replies that stream, and say at their end how it went (`api::outcome`).

use api::{Problem, outcome};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::channel::{Channel, Sender};
use std::io;

/// How many pieces may wait for a reader.
const PIECES: usize = 16;

/// Where the pieces of a streamed reply go in. Dropped without [`finish`](Self::finish), the reply ends
/// without an outcome, which its reader takes as a failure.
pub(crate) struct Outlet(Sender<Bytes, io::Error>);

/// The reader has gone.
#[derive(Debug, thiserror::Error)]
#[error("the client has gone")]
pub(crate) struct Gone;

impl Outlet {
    /// An outlet and the reply that it feeds.
    pub(crate) fn open(media: &str) -> (Self, Response<Body>) {
        let (sender, channel) = Channel::new(PIECES);
        let mut response = Response::new(Body::new(channel));
        let headers = response.headers_mut();
        if let Ok(media) = HeaderValue::try_from(media) {
            headers.insert(header::CONTENT_TYPE, media);
        }
        headers.insert(header::TRAILER, HeaderValue::from_name(outcome::TRAILER));
        // What is revealed is for this reader alone.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        (Self(sender), response)
    }

    /// Sends a piece, and waits where the reader is behind.
    pub(crate) async fn send(&mut self, piece: impl Into<Bytes>) -> Result<(), Gone> {
        self.0.send_data(piece.into()).await.map_err(|_| Gone)
    }

    /// Ends the reply.
    pub(crate) async fn finish(mut self, result: Result<(), &Problem>) {
        // A reader that has gone has no use for the outcome.
        drop(self.0.send_trailers(outcome::trailers(result)).await);
    }
}
