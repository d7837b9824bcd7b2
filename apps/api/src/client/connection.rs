//! One HTTP/1.1 connection, driven for as long as it is held.

use super::{Body, Error};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

/// Anything that carries bytes both ways.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One connection.
pub(super) struct Connection {
    sender: SendRequest<Body>,
    /// Moves the bytes. A reply that is still being read keeps its own hold on it, see
    /// [`Connection::exchange`].
    driver: std::sync::Arc<JoinSet<()>>,
}

impl Connection {
    /// Begins HTTP/1.1 on a stream.
    pub(super) async fn open(stream: Box<dyn Stream>) -> Result<Self, Error> {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(1 << 20)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Error::CutOff(error.into()))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // What goes wrong here reaches the caller through the reply it waits for.
            drop(connection.await);
        });
        Ok(Self { sender, driver: std::sync::Arc::new(driver) })
    }

    /// Whether the other side has not closed it.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Whether the last reply has been read to its end.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Whether it takes a request now.
    pub(super) async fn ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// One request and the reply to it; its body may still be on the way.
    pub(super) async fn exchange(&mut self, request: Request<Body>) -> Result<Response<Body>, Error> {
        self.sender.ready().await.map_err(|error| Error::CutOff(error.into()))?;
        let response =
            self.sender.send_request(request).await.map_err(|error| Error::CutOff(error.into()))?;
        let driver = std::sync::Arc::clone(&self.driver);
        Ok(response.map(|body| {
            let held = body.map_frame(move |frame| {
                let _held = &driver;
                frame
            });
            held.map_err(Into::into).boxed_unsync()
        }))
    }
}
