//! Bodies that stream: what a caller sends.

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use std::io;

/// Any error that a body can end with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way, in either direction.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// What a caller sends besides the request's fields.
pub struct Upload {
    head: Vec<Bytes>,
    body: Body,
    encoding: Option<&'static str>,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

impl Upload {
    /// Nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::whole(Bytes::new())
    }

    /// Bytes that are all there.
    #[must_use]
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let body = Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync();
        Self { head: Vec::new(), body, encoding: None }
    }

    /// Bytes that come.
    #[must_use]
    pub fn stream(bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        let frames = bytes.map(|chunk| chunk.map(Frame::data).map_err(BoxError::from));
        Self { head: Vec::new(), body: StreamBody::new(frames).boxed_unsync(), encoding: None }
    }

    /// The same upload behind small parts that come before it, for an operation that takes parts.
    #[must_use]
    pub fn behind(mut self, parts: impl IntoIterator<Item = Bytes>) -> Self {
        self.head.extend(parts);
        self
    }

    /// The same upload, said to be compressed: `gzip` or `zstd`.
    #[must_use]
    pub const fn encoded(mut self, encoding: &'static str) -> Self {
        self.encoding = Some(encoding);
        self
    }

    pub(super) const fn encoding(&self) -> Option<&'static str> {
        self.encoding
    }

    pub(super) fn into_body(self) -> Body {
        self.body
    }

    /// The upload as `multipart/form-data` (RFC 7578) with these parts.
    pub(super) fn in_parts(self, names: &[&str]) -> (String, Self) {
        let boundary = boundary(&self.head);
        let open = |name: &str| {
            Bytes::from(format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\r\n"
            ))
        };
        let mut before = Vec::new();
        for (name, part) in names.iter().zip(self.head) {
            before.extend([open(name), part, Bytes::from_static(b"\r\n")]);
        }
        before.extend(names.last().map(|name| open(name)));
        let after = Bytes::from(format!("\r\n--{boundary}--\r\n"));
        let whole = |chunk| Ok(Frame::data(chunk));
        let frames = stream::iter(before.into_iter().map(whole))
            .chain(stream::unfold(self.body, |mut body| async move {
                body.frame().await.map(|frame| (frame, body))
            }))
            .chain(stream::iter([whole(after)]));
        let body = StreamBody::new(frames).boxed_unsync();
        let media = format!("multipart/form-data; boundary={boundary}");
        (media, Self { head: Vec::new(), body, encoding: self.encoding })
    }
}

/// A boundary that a protected CSV cannot hold by accident: derived from the parts that are known, so
/// that no randomness is needed, and 32 characters long.
fn boundary(parts: &[Bytes]) -> String {
    let parts: Vec<&[u8]> = parts.iter().map(Bytes::as_ref).collect();
    let hash = base::digest::of_parts("nexora/multipart/1", &parts);
    format!("nexora-{}", base::base32::encode(&hash[..20]))
}
