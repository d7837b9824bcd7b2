//! How a request gets to where it is answered.

use super::connection::{Connection, Stream};
use super::{Body, BoxError, Error, Trust, tls};
use futures::future::BoxFuture;
use http::{Request, Response, Uri};
use rustls_pki_types::ServerName;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpStream, UnixStream};

/// A router in this process.
pub type Local = Arc<dyn Fn(Request<Body>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// How a request gets to where it is answered. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Transport(Arc<Inner>);

struct Inner {
    way: Way,
    host: String,
    idle: Mutex<Vec<Connection>>,
}

enum Way {
    Tcp { host: String, port: u16, tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)> },
    Unix(PathBuf),
    Local(Local),
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Transport").field(&self.0.host).finish()
    }
}

impl Transport {
    /// A server at `https://HOST[:PORT]`, or `http://HOST[:PORT]` where the host is this machine itself:
    /// a credential does not go over a network in the clear.
    ///
    /// # Errors
    /// [`Error::Address`] or [`Error::Tls`].
    pub fn server(address: &str, trust: &Trust) -> Result<Self, Error> {
        let wrong = |detail| Error::Address { address: address.to_owned(), detail };
        let uri: Uri = address.parse().map_err(|_| wrong("expected https://HOST[:PORT]"))?;
        let host = uri.host().ok_or_else(|| wrong("it names no host"))?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("it has a path; expected https://HOST[:PORT] alone"));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let (port, tls) = match uri.scheme_str() {
            Some("https") => {
                let name = ServerName::try_from(bare.clone())
                    .map_err(|_| wrong("no certificate can name its host"))?;
                (443, Some((tls::config(trust)?, name)))
            }
            Some("http") if loopback(&bare) => (80, None),
            Some("http") => return Err(wrong("only this machine itself is reached without TLS; use https")),
            _ => return Err(wrong("expected https:// or http://")),
        };
        let port = uri.port_u16().unwrap_or(port);
        let name = uri.authority().map_or(host, http::uri::Authority::as_str).to_owned();
        Ok(Self::over(Way::Tcp { host: bare, port, tls }, name))
    }

    /// The socket of the server that owns a data directory.
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::over(Way::Unix(path.into()), "localhost".to_owned())
    }

    /// A router in this process.
    #[must_use]
    pub fn local(router: Local) -> Self {
        Self::over(Way::Local(router), "localhost".to_owned())
    }

    fn over(way: Way, host: String) -> Self {
        Self(Arc::new(Inner { way, host, idle: Mutex::default() }))
    }

    pub(super) fn host(&self) -> &str {
        &self.0.host
    }

    pub(super) async fn exchange(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        if let Way::Local(router) = &self.0.way {
            return Ok(router(request).await);
        }
        // One that the other side closed while it was idle has taken nothing of this request yet.
        let mut connection = loop {
            let Some(mut connection) = self.idle() else { break self.connect().await? };
            if connection.ready().await {
                break connection;
            }
        };
        let response = connection.exchange(request).await?;
        if let Ok(mut idle) = self.0.idle.lock() {
            idle.push(connection);
        }
        Ok(response)
    }

    /// A connection whose last reply has been read to its end.
    fn idle(&self) -> Option<Connection> {
        let mut idle = self.0.idle.lock().ok()?;
        idle.retain(Connection::is_open);
        let at = idle.iter().position(Connection::is_ready)?;
        Some(idle.swap_remove(at))
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let unreachable = |address: String| {
            move |error: std::io::Error| Error::Unreachable { address, detail: error.to_string() }
        };
        let stream: Box<dyn Stream> = match &self.0.way {
            Way::Tcp { host, port, tls } => {
                let address = format!(
                    "{}:{port}",
                    self.0.host.rsplit_once(':').map_or(self.0.host.as_str(), |(name, _)| name)
                );
                let tcp =
                    TcpStream::connect((host.as_str(), *port)).await.map_err(unreachable(address.clone()))?;
                tcp.set_nodelay(true).map_err(unreachable(address.clone()))?;
                match tls {
                    None => Box::new(tcp),
                    Some((config, name)) => {
                        let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
                        Box::new(connector.connect(name.clone(), tcp).await.map_err(unreachable(address))?)
                    }
                }
            }
            Way::Unix(path) => {
                Box::new(UnixStream::connect(path).await.map_err(unreachable(path.display().to_string()))?)
            }
            Way::Local(_) => {
                let error: BoxError = "a router in this process has no connection".into();
                return Err(Error::CutOff(error));
            }
        };
        Connection::open(stream).await
    }
}

/// Whether a host is this machine itself.
fn loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| match address {
            IpAddr::V4(address) => address == Ipv4Addr::LOCALHOST || address.is_loopback(),
            IpAddr::V6(address) => address.is_loopback(),
        })
}

#[cfg(test)]
mod tests {
    use super::{Transport, Trust};

    #[test]
    fn credentials_do_not_leave_the_machine_in_the_clear() {
        let at = |address| Transport::server(address, &Trust::System).is_ok();
        assert!(at("http://127.0.0.1:8080") && at("http://[::1]:8080") && at("http://localhost:1/"));
        assert!(
            !at("http://example.com") && !at("http://10.0.0.1:80") && !at("http://127.0.0.1.example.com")
        );
        assert!(!at("ftp://localhost") && !at("localhost:80/x") && !at("http://localhost/api") && !at(""));
    }
}
