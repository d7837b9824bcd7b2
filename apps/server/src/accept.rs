//! The accept loop: connections within limits, closed when they stall, drained when asked.
//!
//! An own loop on hyper, because a framework's default waits for ever: for the head of a request, for its
//! body, for a client that does not read. Here each of these has a limit, and so has the number of
//! connections; what comes above it waits in the kernel's queue.

use crate::pace::Paced;
use axum::{Router, body::Body};
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use policy::Address;
use std::{io, sync::Arc, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many connections at once, over all listeners.
    pub connections: usize,
    /// How long the head of a request may take to come; also how long a connection may stay idle.
    pub head: Duration,
    /// How many bytes the head of a request may have.
    pub head_bytes: usize,
    /// How many fields the head of a request may have.
    pub head_fields: usize,
    /// How long the TLS handshake may take.
    pub handshake: Duration,
    /// How long a body may pause, and how long a client may leave a reply unread.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            head: Duration::from_secs(15),
            head_bytes: 64 << 10,
            head_fields: 64,
            handshake: Duration::from_secs(10),
            stall: Duration::from_secs(30),
        }
    }
}

/// Where connections come from.
#[derive(Debug)]
pub enum Listener {
    /// TCP, with TLS where a configuration is given.
    Tcp(TcpListener, Option<Arc<rustls::ServerConfig>>),
    /// A unix socket.
    Unix(UnixListener),
}

/// Serves requests until told to drain.
#[derive(Debug, Clone)]
pub struct Server {
    limits: Limits,
    slots: Arc<Semaphore>,
    connections: TaskTracker,
    drain: CancellationToken,
}

impl Server {
    /// A server within these limits. `drain` ends it: no connection is accepted any more, and each open one
    /// ends with the request it is in.
    #[must_use]
    pub fn new(limits: Limits, drain: CancellationToken) -> Self {
        let slots = Arc::new(Semaphore::new(limits.connections));
        Self { limits, slots, connections: TaskTracker::new(), drain }
    }

    /// Accepts from one listener until the drain begins.
    pub async fn accept(&self, listener: Listener, router: Router) {
        loop {
            let slot = tokio::select! {
                () = self.drain.cancelled() => return,
                slot = Arc::clone(&self.slots).acquire_owned() => slot,
            };
            let Ok(slot) = slot else { return };
            let accepted = tokio::select! {
                () = self.drain.cancelled() => return,
                accepted = self.next(&listener, router.clone()) => accepted,
            };
            match accepted {
                Ok(connection) => {
                    self.connections.spawn(async move {
                        connection.await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, or the client was gone at once: the next may do better, and
                    // a pause keeps this loop from spinning.
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Waits until the last connection has ended.
    pub async fn drained(&self) {
        self.connections.close();
        self.connections.wait().await;
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.connections.len()
    }

    async fn next(
        &self,
        listener: &Listener,
        router: Router,
    ) -> io::Result<futures::future::BoxFuture<'static, ()>> {
        let this = self.clone();
        Ok(match listener {
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Box::pin(async move { this.serve(stream, router, Address::LOCAL).await })
            }
            Listener::Tcp(listener, None) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Box::pin(async move { this.serve(stream, router, Address::of(Some(peer.ip()))).await })
            }
            Listener::Tcp(listener, Some(tls)) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let tls = TlsAcceptor::from(Arc::clone(tls));
                Box::pin(async move {
                    match timeout(this.limits.handshake, tls.accept(stream)).await {
                        Ok(Ok(stream)) => this.serve(stream, router, Address::of(Some(peer.ip()))).await,
                        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                        Err(_) => tracing::debug!("a TLS handshake took too long"),
                    }
                })
            }
        })
    }

    /// Serves a connection. Its requests carry the address it is from, for what is refused to nobody known.
    async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        router: Router,
        address: Address,
    ) {
        let router = router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(address);
            request.map(Body::new)
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(self.limits.head_bytes)
            .max_headers(self.limits.head_fields);
        let stream = TokioIo::new(Paced::new(stream, self.limits.stall));
        let mut connection = std::pin::pin!(http.serve_connection(stream, TowerToHyperService::new(router)));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
