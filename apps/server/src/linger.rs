//! A request's body that is left unread is read on for a while, and thrown away.
//!
//! Whoever is refused early is still sending. If the connection closed at once, their next write would fail,
//! and many clients report that instead of the answer that was already there: a refusal would look like a
//! broken connection.

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// How long a client may take to notice the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many bytes it may send meanwhile.
const MOST: usize = 64 << 20;

/// A body that is read on when it is dropped before its end.
struct Lingering {
    body: Option<Body>,
    tasks: TaskTracker,
}

/// The same body, read on within limits by one of these tasks if it is dropped before its end.
pub(crate) fn lingering(body: Body, tasks: &TaskTracker) -> Body {
    if body.is_end_stream() { body } else { Body::new(Lingering { body: Some(body), tasks: tasks.clone() }) }
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let unread = self.body.take().filter(|body| !body.is_end_stream());
        // Outside the runtime nobody sends any more.
        if let (Some(mut body), Ok(runtime)) = (unread, tokio::runtime::Handle::try_current()) {
            let rest = async move {
                let mut left = MOST;
                while let Some(Ok(frame)) = body.frame().await {
                    let length = frame.data_ref().map_or(0, Bytes::len);
                    match left.checked_sub(length) {
                        Some(less) => left = less,
                        None => return,
                    }
                }
            };
            self.tasks.spawn_on(async move { drop(timeout(PATIENCE, rest).await) }, &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, MOST, lingering};
    use axum::body::Body;
    use futures::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio_util::task::TaskTracker;

    /// A body of so many pieces of 1 MiB, and how many were taken of it.
    fn counted(pieces: usize) -> (Body, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let stream = stream::iter(0..pieces).map(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1 << 20]))
        });
        (Body::from_stream(stream), taken)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_read_within_limits() {
        let tasks = TaskTracker::new();
        for (pieces, read, taken_at_the_end) in
            [(5, 1, 5), (5, 0, 5), (5, 5, 5), (1_000, 0, (MOST >> 20) + 1)]
        {
            let (body, taken) = counted(pieces);
            let mut body = lingering(body, &tasks);
            for _ in 0..read {
                let frame = body.frame().await.expect("a piece").expect("it reads");
                assert_eq!(frame.into_data().expect("bytes").len(), 1 << 20);
            }
            drop(body);
            tasks.close();
            tasks.wait().await;
            tasks.reopen();
            assert_eq!(taken.load(Ordering::SeqCst), taken_at_the_end, "{pieces} {read}");
        }
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        drop(lingering(never, &tasks));
        tasks.close();
        tasks.wait().await;
    }
}
