//! A body in parts (RFC 7578), as it comes, each part by its name and in order.
//!
//! The parser below holds all that it is handed until it finds what it looks for: the first boundary, the
//! end of a part's head. A body that never holds it would be kept whole, and searched again at every piece.
//! So the parser is handed one piece at a time, and at most [`READ_AHEAD`] bytes and a piece without giving
//! anything for them.

use crate::failure::Failure;
use base::Kind;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, header};
use multer::{Field, Multipart};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

/// What the parser may be handed without giving a part or a piece of one: far more than a boundary and the
/// head of a part have.
const READ_AHEAD: usize = 16 << 10;

/// The parts of a body.
pub(crate) struct Parts {
    parser: Multipart<'static>,
    ahead: Ahead,
}

/// One part, as it comes.
pub(crate) struct Part {
    field: Field<'static>,
    ahead: Ahead,
}

/// How many bytes the parser was handed since it gave something.
#[derive(Clone, Default)]
struct Ahead(Arc<AtomicUsize>);

impl Parts {
    /// The parts of a body whose head is this.
    pub(crate) fn new(
        headers: &HeaderMap,
        body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<Self, Failure> {
        let media = headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok());
        let boundary = multer::parse_boundary(media.unwrap_or_default()).map_err(|_| {
            Failure::new(Kind::BadInput, "expected multipart/form-data with the parts `manifest` and `data`")
        })?;
        let ahead = Ahead::default();
        Ok(Self { parser: Multipart::new(ahead.leashed(body), boundary), ahead })
    }

    /// The next part, which has this name.
    pub(crate) async fn next(&mut self, name: &str) -> Result<Part, Failure> {
        let field = self.parser.next_field().await.map_err(|error| unreadable(&error))?;
        self.ahead.given();
        match field {
            Some(field) if field.name() == Some(name) => Ok(Part { field, ahead: self.ahead.clone() }),
            _ => Err(Failure::new(
                Kind::BadInput,
                format!("the part `{name}` is missing: `manifest` comes first, then `data`"),
            )),
        }
    }
}

impl Part {
    /// The next piece; none at the end of the part.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let piece = self.field.chunk().await.map_err(|error| unreadable(&error))?;
        self.ahead.given();
        Ok(piece)
    }

    /// The whole part, at most `limit` bytes.
    pub(crate) async fn whole(mut self, limit: usize) -> Result<Bytes, Failure> {
        let name = self.field.name().unwrap_or_default().to_owned();
        let mut bytes = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            if bytes.len() + piece.len() > limit {
                return Err(Failure::new(
                    Kind::TooLarge,
                    format!("the part `{name}` has at most {limit} bytes"),
                ));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }
}

impl Ahead {
    fn given(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// The body for the parser. Behind each piece it is not ready once, so that the parser looks at what it
    /// has before it asks for more.
    fn leashed(
        &self,
        body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let ahead = self.clone();
        let mut body = Box::pin(body.fuse());
        let mut rest = false;
        futures::stream::poll_fn(move |cx| {
            if std::mem::take(&mut rest) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let polled = pin!(&mut body).poll_next(cx);
            if let Poll::Ready(Some(Ok(piece))) = &polled {
                rest = true;
                if ahead.0.fetch_add(piece.len(), Ordering::Relaxed) > READ_AHEAD {
                    let what = format!(
                        "the parts cannot be read: no boundary and no head of a part within {READ_AHEAD} bytes"
                    );
                    let failure = Failure::new(Kind::BadInput, what);
                    return Poll::Ready(Some(Err(io::Error::other(failure.problem))));
                }
            }
            polled
        })
    }
}

/// What the parser of parts met; an error of the body below it says more.
fn unreadable(error: &multer::Error) -> Failure {
    match error {
        multer::Error::StreamReadFailed(below) => match below.downcast_ref::<io::Error>() {
            Some(below) => match below.get_ref().and_then(|inner| inner.downcast_ref::<api::Problem>()) {
                Some(problem) => Failure::told(problem.clone()),
                None => Failure::new(Kind::BadInput, format!("the body ended early: {below}")),
            },
            None => Failure::new(Kind::BadInput, format!("the parts cannot be read: {below}")),
        },
        other => Failure::new(Kind::BadInput, format!("the parts cannot be read: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Failure, HeaderMap, Kind, Parts, READ_AHEAD, io};
    use futures::{Stream, StreamExt as _, stream};
    use http::{HeaderValue, header};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn parts(body: impl Stream<Item = Bytes> + Send + 'static) -> Parts {
        let media = HeaderValue::from_static("multipart/form-data; boundary=zz");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, media)]);
        Parts::new(&headers, body.map(Ok::<_, io::Error>)).expect("it names a boundary")
    }

    const HEAD: &str = "--zz\r\ncontent-disposition: form-data; name=\"manifest\"\r\n\r\n";

    #[tokio::test]
    async fn parts_come_whole_however_the_body_is_cut() {
        let body = format!("{HEAD}abc\r\n{}def\r\n--zz--\r\n", HEAD.replace("manifest", "data"));
        for size in [1, 2, 3, 7, 64, body.len()] {
            let pieces: Vec<_> = body.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
            let mut parts = parts(stream::iter(pieces));
            let manifest = parts.next("manifest").await.expect("the first").whole(3).await;
            assert_eq!(manifest.expect("it fits"), "abc", "{size}");
            assert_eq!(parts.next("data").await.expect("the second").whole(3).await.expect("it fits"), "def");
            assert!(parts.next("data").await.is_err());
        }
    }

    #[tokio::test]
    async fn a_body_without_parts_is_not_kept() {
        for (begin, why) in [("", "no boundary"), (&HEAD[..HEAD.len() - 4], "a head without end")] {
            let taken = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&taken);
            let endless = stream::repeat_with(move || {
                count.fetch_add(1 << 10, Ordering::Relaxed);
                Bytes::from(vec![b'x'; 1 << 10])
            });
            let body = stream::iter([Bytes::from(begin)]).chain(endless);
            let failure: Failure = parts(body).next("manifest").await.err().expect(why);
            assert_eq!(failure.problem.kind, Kind::BadInput, "{why}");
            assert!(taken.load(Ordering::Relaxed) <= READ_AHEAD + (4 << 10), "{why}: {taken:?}");
        }
    }

    #[tokio::test]
    async fn a_part_has_a_largest_size_and_is_no_other() {
        let endless = stream::repeat(Bytes::from(vec![b'x'; 1 << 10]));
        let body = stream::iter([Bytes::from(HEAD)]).chain(endless);
        let failure = parts(body).next("manifest").await.expect("it is there").whole(9_999).await;
        assert_eq!(failure.err().map(|failure| failure.problem.kind), Some(Kind::TooLarge));
        assert!(parts(stream::iter([Bytes::from(HEAD)])).next("data").await.is_err());
    }
}
