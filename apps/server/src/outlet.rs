//! Replies that stream, and say at their end how it went (`api::outcome`).

use api::{Problem, outcome};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::channel::{Channel, Sender};
use std::io;

/// How many pieces may wait for a reader.
const PIECES: usize = 16;

/// Where the pieces of a streamed reply go in. A reply that failed, to a reader that takes no trailers and so
/// would not learn of it, is broken off: no reader can take it for a whole one. So is one that is dropped
/// without [`finish`](Self::finish).
pub(crate) struct Outlet {
    /// Absent once it has ended.
    pieces: Option<Sender<Bytes, io::Error>>,
    /// Whether its reader takes trailers (RFC 9110, 10.1.4).
    trailers: bool,
}

/// The reader has gone.
#[derive(Debug, thiserror::Error)]
#[error("the client has gone")]
pub(crate) struct Gone;

impl Outlet {
    /// An outlet and the reply that it feeds, to a request with this head.
    pub(crate) fn open(asked: &HeaderMap, media: &str) -> (Self, Response<Body>) {
        let (sender, channel) = Channel::new(PIECES);
        let mut response = Response::new(Body::new(channel));
        let headers = response.headers_mut();
        if let Ok(media) = HeaderValue::try_from(media) {
            headers.insert(header::CONTENT_TYPE, media);
        }
        headers.insert(header::TRAILER, HeaderValue::from_name(outcome::TRAILER));
        // What is revealed is for this reader alone.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut codings = asked.get_all(header::TE).iter().filter_map(|codings| codings.to_str().ok());
        let trailers = codings
            .any(|codings| codings.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers")));
        (Self { pieces: Some(sender), trailers }, response)
    }

    /// Sends a piece, and waits where the reader is behind.
    pub(crate) async fn send(&mut self, piece: impl Into<Bytes>) -> Result<(), Gone> {
        let pieces = self.pieces.as_mut().ok_or(Gone)?;
        pieces.send_data(piece.into()).await.map_err(|_| Gone)
    }

    /// Ends the reply.
    pub(crate) async fn finish(mut self, result: Result<(), &Problem>) {
        if (result.is_ok() || self.trailers)
            && let Some(mut pieces) = self.pieces.take()
        {
            // A reader that has gone has no use for the outcome.
            drop(pieces.send_trailers(outcome::trailers(result)).await);
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if let Some(pieces) = self.pieces.take() {
            pieces.abort(io::Error::other("the reply is broken off"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, HeaderValue, Outlet, Problem, header, outcome};
    use base::Kind;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn a_reply_that_failed_is_taken_for_a_whole_one_by_no_reader() {
        let problem = Problem::new(Kind::Refused, "no longer");
        let takes = HeaderMap::from_iter([(header::TE, HeaderValue::from_static("gzip, Trailers"))]);
        for (asked, result, whole) in [
            (HeaderMap::new(), Some(Ok(())), true),
            (HeaderMap::new(), Some(Err(&problem)), false),
            (HeaderMap::new(), None, false),
            (takes.clone(), Some(Ok(())), true),
            (takes.clone(), Some(Err(&problem)), true),
            (takes, None, false),
        ] {
            let (mut outlet, response) = Outlet::open(&asked, "text/csv");
            outlet.send("a,b\n").await.expect("its reader is there");
            match result {
                Some(result) => outlet.finish(result).await,
                None => drop(outlet),
            }
            let mut body = response.into_body();
            let piece = body.frame().await.expect("a piece").expect("it reads");
            assert_eq!(piece.into_data().expect("bytes"), "a,b\n");
            let end = body.frame().await.expect("an end");
            assert_eq!(end.is_ok(), whole, "{asked:?} {result:?}");
            if let Ok(end) = end {
                let said = outcome::read(end.trailers_ref()).expect("an outcome");
                assert_eq!(said.is_ok(), result == Some(Ok(())));
            }
        }
    }
}
