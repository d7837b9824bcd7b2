//! Calls [`Operation`]s over a transport: a remote server, the socket of the server that owns a data
//! directory, or a router in this process. What comes back is the same over all three.

mod body;
mod connection;
mod error;
mod fetch;
mod reply;
mod tls;
mod transport;

pub use body::{Body, BoxError, Upload};
pub use error::Error;
pub use reply::{Download, Lines, Parts};
pub use tls::Trust;
pub use transport::{Local, Transport};

use crate::operation::{Nothing, encode};
use crate::{Input, Operation, Output, Problem};
use base::{Kind, Secret};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;

/// The largest document a reply may be: 64 MiB.
const MAX_DOCUMENT: usize = 64 << 20;

/// The largest document that says why something is refused: 64 KiB.
const MAX_REFUSAL: usize = 64 << 10;

/// A caller of operations, with or without a credential. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    token: Option<Secret<String>>,
}

impl Client {
    /// A client that presents no credential.
    #[must_use]
    pub const fn new(transport: Transport) -> Self {
        Self { transport, token: None }
    }

    /// The same client with this credential.
    #[must_use]
    pub fn with_token(mut self, token: Secret<String>) -> Self {
        self.token = Some(token);
        self
    }

    /// Calls an operation that takes a document and gives one.
    ///
    /// # Errors
    /// [`Error`]: refused by the server, not reachable, or cut off.
    pub async fn call<O: Operation>(&self, request: &O::Request) -> Result<O::Reply, Error> {
        self.send::<O>(request, Upload::empty()).await
    }

    /// Calls an operation that takes bytes and gives a document.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn send<O: Operation>(&self, request: &O::Request, upload: Upload) -> Result<O::Reply, Error> {
        let response = self.start::<O>(request, upload).await?;
        let bytes = collect(response.into_body()).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::Unreadable { what: O::NAME, detail: error.to_string() })
    }

    /// Calls an operation that gives lines.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn lines<O: Operation>(&self, request: &O::Request) -> Result<Lines<O::Reply>, Error> {
        debug_assert!(matches!(O::OUTPUT, Output::Lines));
        Ok(Lines::new(Download::new(self.start::<O>(request, Upload::empty()).await?.into_body())))
    }

    /// Calls an operation that gives bytes.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn download<O: Operation<Reply = Nothing>>(
        &self,
        request: &O::Request,
        upload: Upload,
    ) -> Result<Download, Error> {
        debug_assert!(matches!(O::OUTPUT, Output::Bytes(_)));
        Ok(Download::new(self.start::<O>(request, upload).await?.into_body()))
    }

    /// Calls an operation that gives parts.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn parts<O: Operation<Reply = Nothing>>(
        &self,
        request: &O::Request,
        upload: Upload,
    ) -> Result<Parts, Error> {
        debug_assert!(matches!(O::OUTPUT, Output::Parts(_)));
        Parts::new(self.start::<O>(request, upload).await?)
    }

    async fn start<O: Operation>(
        &self,
        request: &O::Request,
        upload: Upload,
    ) -> Result<Response<Body>, Error> {
        let target = encode::<O>(request)?;
        let mut http = self.head(O::VERB.method(), &target.path_and_query)?;
        let body = match (O::INPUT, target.body) {
            (Input::Document, Some(json)) => {
                http = http.header(header::CONTENT_TYPE, "application/json");
                Upload::whole(json)
            }
            (Input::Document, None) => upload,
            (Input::Bytes(media), _) => {
                http = http.header(header::CONTENT_TYPE, media);
                upload
            }
            (Input::Parts(parts), _) => {
                let (media, upload) = upload.in_parts(parts);
                http = http.header(header::CONTENT_TYPE, media);
                upload
            }
        };
        if let Some(encoding) = body.encoding() {
            http = http.header(header::CONTENT_ENCODING, encoding);
        }
        let http = http
            .body(body.into_body())
            .map_err(|error| Problem::new(Kind::BadInput, format!("no request: {error}")))?;
        let response = self.transport.exchange(http).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = collect_within(response.into_body(), MAX_REFUSAL).await.unwrap_or_default();
        Err(refused(status, &bytes))
    }

    /// The head of a request, with the credential.
    fn head(&self, method: Method, path_and_query: &str) -> Result<http::request::Builder, Error> {
        let mut http = Request::builder()
            .method(method)
            .uri(path_and_query)
            .header(header::HOST, self.transport.host())
            .header(header::TE, "trailers")
            .header(header::USER_AGENT, concat!("nexora/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
                Problem::new(Kind::NotSignedIn, "the credential has characters that no token of ours has")
            })?;
            value.set_sensitive(true);
            http = http.header(header::AUTHORIZATION, value);
        }
        Ok(http)
    }
}

/// What the server says, or, where that is no document of ours, what its status says.
fn refused(status: StatusCode, bytes: &[u8]) -> Error {
    Error::Refused(serde_json::from_slice(bytes).unwrap_or_else(|_| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.http_status() == status.as_u16());
        Problem::new(kind.unwrap_or(Kind::Internal), format!("the server answered {status}"))
    }))
}

async fn collect(body: Body) -> Result<Bytes, Error> {
    collect_within(body, MAX_DOCUMENT).await
}

async fn collect_within(body: Body, limit: usize) -> Result<Bytes, Error> {
    let limited = http_body_util::Limited::new(body, limit);
    let whole = limited.collect().await.map_err(Error::CutOff)?;
    Ok(whole.to_bytes())
}
