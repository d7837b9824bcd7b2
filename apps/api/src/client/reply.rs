//! Replies that stream, each checked to its end.

use super::{Body, BoxError, Error};
use crate::outcome;
use bytes::{Bytes, BytesMut};
use futures::Stream;
use http::{HeaderMap, Response, header};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use std::{marker::PhantomData, sync::Arc, sync::Mutex};

/// The longest line a reply may hold: 4 MiB (an event has at most 1 MiB, and its escapes).
const MAX_LINE: usize = 4 << 20;

/// Bytes as they come, and at the end how it went.
#[derive(Debug)]
pub struct Download {
    body: Body,
    trailers: Option<HeaderMap>,
    ended: bool,
}

impl Download {
    pub(super) const fn new(body: Body) -> Self {
        Self { body, trailers: None, ended: false }
    }

    /// The next piece; `None` at a good end.
    ///
    /// # Errors
    /// What the other side says went wrong, or that the reply was cut off: then what came before is
    /// incomplete.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        while !self.ended {
            match self.body.frame().await {
                None => self.ended = true,
                Some(Err(error)) => return Err(Error::CutOff(error)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(other) => self.trailers = other.into_trailers().ok(),
                },
            }
        }
        match outcome::read(self.trailers.as_ref()) {
            Some(Ok(())) => Ok(None),
            Some(Err(problem)) => Err(Error::Refused(problem)),
            None => Err(Error::NoOutcome),
        }
    }
}

/// Replies as they come, one a line.
#[derive(Debug)]
pub struct Lines<T> {
    download: Download,
    buffer: BytesMut,
    scanned: usize,
    row: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Lines<T> {
    pub(super) fn new(download: Download) -> Self {
        Self { download, buffer: BytesMut::new(), scanned: 0, row: PhantomData }
    }

    /// The next reply; `None` at a good end.
    ///
    /// # Errors
    /// As [`Download::chunk`]; and a line that cannot be read.
    pub async fn next(&mut self) -> Result<Option<T>, Error> {
        let unreadable = |detail: String| Error::Unreadable { what: "a line", detail };
        loop {
            if let Some(at) = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n') {
                let line = self.buffer.split_to(self.scanned + at + 1);
                self.scanned = 0;
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(|error| unreadable(error.to_string()));
            }
            self.scanned = self.buffer.len();
            if self.scanned > MAX_LINE {
                return Err(unreadable(format!("longer than {MAX_LINE} bytes")));
            }
            match self.download.chunk().await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(unreadable("the last line has no end".to_owned())),
            }
        }
    }
}

/// Parts as they come, one behind the other.
pub struct Parts {
    parts: multer::Multipart<'static>,
    field: Option<multer::Field<'static>>,
    end: Arc<Mutex<Option<Error>>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl Parts {
    pub(super) fn new(response: Response<Body>) -> Result<Self, Error> {
        let boundary =
            response.headers().get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).and_then(
                |media| media.split_once("boundary=").map(|(_, name)| name.trim_matches('"').to_owned()),
            );
        let boundary = boundary.ok_or_else(|| Error::Unreadable {
            what: "a reply in parts",
            detail: "it names no boundary".to_owned(),
        })?;
        let end = Arc::new(Mutex::new(Some(Error::NoOutcome)));
        let stream = chunks(Download::new(response.into_body()), Arc::clone(&end));
        Ok(Self { parts: multer::Multipart::new(stream, boundary), field: None, end })
    }

    /// Goes to the next part and gives its name; `None` at a good end.
    ///
    /// # Errors
    /// As [`Download::chunk`].
    pub async fn part(&mut self) -> Result<Option<String>, Error> {
        self.field = None;
        match self.parts.next_field().await {
            Ok(Some(field)) => {
                let name = field.name().unwrap_or_default().to_owned();
                self.field = Some(field);
                Ok(Some(name))
            }
            Ok(None) => match lock(&self.end) {
                None => Ok(None),
                Some(error) => Err(error),
            },
            Err(error) => Err(self.failure(error)),
        }
    }

    /// The next piece of the part; `None` at its end.
    ///
    /// # Errors
    /// As [`Download::chunk`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(field) = &mut self.field else { return Ok(None) };
        match field.chunk().await {
            Ok(chunk) => Ok(chunk),
            Err(error) => Err(self.failure(error)),
        }
    }

    /// What really ended the parts: the outcome says more than a missing boundary.
    fn failure(&self, error: multer::Error) -> Error {
        match lock(&self.end) {
            Some(Error::NoOutcome) | None => Error::CutOff(error.into()),
            Some(other) => other,
        }
    }
}

fn lock(end: &Mutex<Option<Error>>) -> Option<Error> {
    end.lock().map_or(Some(Error::NoOutcome), |mut end| end.take())
}

/// The download as a stream for the parser of parts, with its outcome left in `end`.
///
/// A piece is handed on once the one behind it is there: the parser reads no further than the last boundary,
/// and the outcome stands behind that.
fn chunks(
    download: Download,
    end: Arc<Mutex<Option<Error>>>,
) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static {
    futures::stream::unfold(Some((download, end, None::<Bytes>)), |state| async move {
        let (mut download, end, mut held) = state?;
        loop {
            match download.chunk().await {
                Ok(Some(chunk)) => match held.replace(chunk) {
                    Some(before) => return Some((Ok(before), Some((download, end, held)))),
                    None => continue,
                },
                Ok(None) => {
                    if let Ok(mut end) = end.lock() {
                        *end = None;
                    }
                    return Some((Ok(held?), None));
                }
                Err(error) => {
                    let message = error.to_string();
                    if let Ok(mut end) = end.lock() {
                        *end = Some(error);
                    }
                    return Some((Err(BoxError::from(message)), None));
                }
            }
        }
    })
}
