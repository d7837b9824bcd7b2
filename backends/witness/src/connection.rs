//! One HTTP/1.1 connection, driven for as long as it is held.

use crate::address::Address;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The most that the head of an answer may take.
const MAX_HEAD: usize = 64 << 10;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One connection; dropped, it is closed.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

impl Connection {
    pub(crate) async fn open(address: &Address) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("cannot reach {address}: {error}");
        let tcp = TcpStream::connect((address.host.as_str(), address.port))
            .await
            .map_err(|error| failed(&error))?;
        tcp.set_nodelay(true).map_err(|error| failed(&error))?;
        let stream: Box<dyn Stream> = match &address.tls {
            None => Box::new(tcp),
            Some((config, name)) => {
                let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
                Box::new(connector.connect(name.clone(), tcp).await.map_err(|error| failed(&error))?)
            }
        };
        let begun = http1::Builder::new().max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream)).await;
        let (sender, connection) = begun.map_err(|error| failed(&error))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // What goes wrong here reaches the caller through the answer it waits for.
            drop(connection.await);
        });
        Ok(Self { sender, _driver: driver })
    }

    /// Whether it takes a request now.
    pub(crate) async fn is_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        let failed = |error: hyper::Error| format!("the witness broke off: {error}");
        self.sender.ready().await.map_err(failed)?;
        self.sender.send_request(request).await.map_err(failed)
    }
}
