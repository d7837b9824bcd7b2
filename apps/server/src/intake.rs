//! Bodies of requests, within limits: of size, of pause, and of what all of them hold in memory.

use crate::failure::Failure;
use axum::body::Body;
use base::Kind;
use bytes::{Bytes, BytesMut};
use futures::Stream;
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use std::{io, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The largest document that a request may hold, in bytes.
pub(crate) const MAX_DOCUMENT: usize = 1 << 20;
/// The largest batch of events, as sent, in bytes.
pub(crate) const MAX_BATCH: usize = 64 << 20;
/// The largest recovery package, in bytes: 100,000 versions of datasets' keys, the largest there are, take 880 MB, and
/// a database keeps a ceremony's package as one value of 10^9 bytes at most.
pub(crate) const MAX_PACKAGE: usize = 960_000_000;
/// What all bodies together may hold in memory, in KiB. Recovery packages have as much room again as one may take.
const MAX_HELD: usize = 256 << 10;

/// The room that bodies in memory share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Intake {
    room: Arc<Semaphore>,
    packages: Arc<Semaphore>,
    stall: Duration,
}

/// A body in memory, and the room that it takes until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    /// The bytes.
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Intake {
    /// Intake of bodies that may pause no longer than `stall`.
    pub(crate) fn new(stall: Duration) -> Self {
        let packages = Arc::new(Semaphore::new(MAX_PACKAGE.div_ceil(1 << 10)));
        Self { room: Arc::new(Semaphore::new(MAX_HELD)), packages, stall }
    }

    /// The whole body, at most `limit` bytes.
    pub(crate) async fn whole(&self, headers: &HeaderMap, body: Body, limit: usize) -> Result<Held, Failure> {
        self.held(&self.room, headers, body, limit).await
    }

    /// A recovery package. All that are on their way hold no more than one of the largest does, and take no room
    /// from other bodies.
    pub(crate) async fn package(&self, headers: &HeaderMap, body: Body) -> Result<Held, Failure> {
        self.held(&self.packages, headers, body, MAX_PACKAGE).await
    }

    async fn held(
        &self,
        shared: &Arc<Semaphore>,
        headers: &HeaderMap,
        mut body: Body,
        limit: usize,
    ) -> Result<Held, Failure> {
        let too_large = || {
            Failure::new(Kind::TooLarge, format!("the body is larger than {limit} bytes: send it in parts"))
        };
        let stated = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if stated.is_some_and(|stated| stated > limit) || body.size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        let mut room: Option<OwnedSemaphorePermit> = None;
        let mut taken = 0usize;
        let mut bytes = BytesMut::new();
        while let Some(frame) = self.frame(&mut body).await? {
            if bytes.len() + frame.len() > limit {
                return Err(too_large());
            }
            let wanted = (bytes.len() + frame.len()).div_ceil(1 << 10) - taken;
            let more = u32::try_from(wanted).map_err(|_| too_large())?;
            let more = Arc::clone(shared).try_acquire_many_owned(more).map_err(|_| {
                Failure::new(
                    Kind::Unavailable,
                    "the server holds as many bodies as it can: send it again in a moment",
                )
            })?;
            taken += wanted;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            bytes.extend_from_slice(&frame);
        }
        Ok(Held { bytes: bytes.freeze(), _room: room })
    }

    /// The body as it comes.
    pub(crate) fn streamed(
        &self,
        body: Body,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static {
        let this = self.clone();
        Box::pin(futures::stream::unfold(Some(body), move |body| {
            let this = this.clone();
            async move {
                let mut body = body?;
                match this.frame(&mut body).await {
                    Ok(Some(bytes)) => Some((Ok(bytes), Some(body))),
                    Ok(None) => None,
                    Err(failure) => Some((Err(io::Error::other(failure.problem)), None)),
                }
            }
        }))
    }

    async fn frame(&self, body: &mut Body) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = timeout(self.stall, body.frame()).await.map_err(|_| {
                Failure::new(Kind::BadInput, format!("the body paused for {} s", self.stall.as_secs()))
            })?;
            match frame.transpose() {
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                Err(error) => {
                    return Err(Failure::new(Kind::BadInput, format!("the body ended early: {error}")));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Body, Bytes, Intake, Kind, MAX_BATCH, MAX_HELD, MAX_PACKAGE};
    use http::{HeaderMap, HeaderValue, header};
    use std::time::Duration;

    fn pieces(count: usize, size: usize) -> Body {
        let piece = Bytes::from(vec![b'x'; size]);
        Body::from_stream(futures::stream::iter(
            (0..count).map(move |_| Ok::<_, std::io::Error>(piece.clone())),
        ))
    }

    #[tokio::test]
    async fn size_is_limited_whether_stated_or_not() {
        let intake = Intake::new(Duration::from_secs(1));
        let whole = intake.whole(&HeaderMap::new(), pieces(4, 10), 40).await.map(|held| held.bytes.len());
        assert_eq!(whole.ok(), Some(40));
        let over = intake
            .whole(&HeaderMap::new(), pieces(5, 10), 40)
            .await
            .err()
            .map(|failure| failure.problem.kind);
        assert_eq!(over, Some(Kind::TooLarge));
        let stated = HeaderMap::from_iter([(header::CONTENT_LENGTH, HeaderValue::from(41))]);
        let over = intake.whole(&stated, Body::empty(), 40).await.err().map(|failure| failure.problem.kind);
        assert_eq!(over, Some(Kind::TooLarge));
    }

    #[tokio::test]
    async fn bodies_share_one_room_and_give_it_back() {
        let intake = Intake::new(Duration::from_secs(1));
        let mut held = Vec::new();
        for _ in 0..MAX_HELD * 1024 / MAX_BATCH {
            held.push(intake.whole(&HeaderMap::new(), pieces(64, 1 << 20), MAX_BATCH).await.expect("room"));
        }
        let kind = |failure: super::Failure| failure.problem.kind;
        let none = HeaderMap::new();
        let more = || intake.whole(&none, pieces(1, 1), MAX_BATCH);
        assert_eq!(more().await.err().map(kind), Some(Kind::Unavailable));
        held.pop();
        assert!(more().await.is_ok());
    }

    #[tokio::test]
    async fn packages_are_large_and_have_a_room_of_their_own() {
        let intake = Intake::new(Duration::from_secs(1));
        let none = HeaderMap::new();
        let held = intake.package(&none, pieces(40, 1 << 20)).await.expect("more than a document");
        assert_eq!(intake.room.available_permits(), MAX_HELD, "others have all of theirs");
        let length = HeaderValue::from(MAX_PACKAGE + 1);
        let stated = HeaderMap::from_iter([(header::CONTENT_LENGTH, length)]);
        let over = intake.package(&stated, Body::empty()).await.err().map(|failure| failure.problem.kind);
        assert_eq!(over, Some(Kind::TooLarge));
        let taken = u32::try_from(intake.packages.available_permits()).expect("it fits");
        let rest = intake.packages.clone().try_acquire_many_owned(taken).expect("what is left");
        let full = intake.package(&none, pieces(1, 1)).await.err().map(|failure| failure.problem.kind);
        assert_eq!(full, Some(Kind::Unavailable), "together they hold no more than one");
        drop((held, rest));
        assert!(intake.package(&none, pieces(1, 1)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_is_given_up() {
        let intake = Intake::new(Duration::from_secs(30));
        let never = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let failure = intake.whole(&HeaderMap::new(), never, 40).await.expect_err("it gives up");
        assert_eq!(failure.problem.kind, Kind::BadInput);
    }
}
