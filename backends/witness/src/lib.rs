//! Asks witnesses over HTTP: the client of C2SP tlog-witness, behind the port [`audit::witness::Witness`].
//!
//! A witness is somebody else's machine, so everything it answers is hostile: each call has one time limit from
//! connecting to the last byte, an answer has a largest size, redirections are not followed, and what comes back is
//! bytes that `audit` verifies before it believes them. A connection is kept for the next checkpoint.
#![forbid(unsafe_code)]

mod address;
mod connection;

pub use address::{Trust, WrongAddress};

use address::Address;
use audit::witness::{Unanswered, Witness};
use bytes::Bytes;
use connection::Connection;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;
use verify::witness::{MAX_ANSWER, monitoring_path, refusal};

/// How long a call may take, from connecting to the last byte.
pub const LIMIT: Duration = Duration::from_secs(5);

/// A witness at an address: its submission prefix, which is its monitoring prefix too.
#[derive(Debug)]
pub struct HttpWitness {
    address: Address,
    limit: Duration,
    /// What the last call left open. One call at a time: the log asks a witness about one checkpoint at a time.
    idle: Mutex<Option<Connection>>,
}

/// An answer as it came.
struct Answer {
    status: StatusCode,
    media: String,
    body: Bytes,
}

impl HttpWitness {
    /// The witness at `https://HOST[:PORT][/PREFIX]`, or `http://` where the host is this machine itself. Connects
    /// to nothing yet.
    ///
    /// # Errors
    /// [`WrongAddress`].
    pub fn new(url: &str, trust: &Trust) -> Result<Self, WrongAddress> {
        Ok(Self { address: Address::read(url, trust)?, limit: LIMIT, idle: Mutex::new(None) })
    }

    /// The same with another time limit for each call.
    #[must_use]
    pub const fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    async fn call(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer, Unanswered> {
        let answered = timeout(self.limit, self.exchange(method, path, body)).await;
        let late = |_| Err(format!("{} took longer than {:?}", self.address, self.limit));
        answered.unwrap_or_else(late).map_err(Unanswered::Unreachable)
    }

    async fn exchange(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer, String> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.address.prefix()))
            .header(header::HOST, self.address.authority())
            .header(header::USER_AGENT, concat!("nexora/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        // Taken out: a call that is cut off leaves no connection that is half way through an answer.
        let mut idle = self.idle.lock().await;
        // Of one that the other side closed meanwhile nothing is asked; another is opened.
        let kept = match idle.take() {
            Some(mut kept) => kept.is_ready().await.then_some(kept),
            None => None,
        };
        let mut connection = match kept {
            Some(kept) => kept,
            None => Connection::open(&self.address).await?,
        };
        let response = connection.send(request).await?;
        let status = response.status();
        let media = response.headers().get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok());
        let media = media.unwrap_or_default().to_owned();
        let whole = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body =
            whole.map_err(|error| format!("{}: its answer was not read: {error}", self.address))?.to_bytes();
        *idle = Some(connection);
        Ok(Answer { status, media, body })
    }

    fn strange(&self, status: StatusCode) -> Unanswered {
        Unanswered::Unreachable(format!(
            "{} answered {status}, which is no answer of tlog-witness",
            self.address
        ))
    }
}

impl Witness for HttpWitness {
    fn add_checkpoint<'a>(
        &'a self,
        request: &'a verify::witness::Request,
    ) -> BoxFuture<'a, Result<Vec<u8>, Unanswered>> {
        async move {
            let answer = self.call(Method::POST, "add-checkpoint", request.to_body()).await?;
            if answer.status == StatusCode::OK {
                return Ok(answer.body.to_vec());
            }
            let refused = refusal(answer.status.as_u16(), &answer.media, &answer.body);
            Err(refused.map_or_else(|| self.strange(answer.status), Unanswered::Refused))
        }
        .boxed()
    }

    fn latest<'a>(&'a self, origin: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Unanswered>> {
        async move {
            let answer = self.call(Method::GET, &monitoring_path(origin), Vec::new()).await?;
            match answer.status {
                StatusCode::OK => Ok(Some(answer.body.to_vec())),
                // It has none, or it has no monitoring address at this prefix.
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(None),
                other => Err(self.strange(other)),
            }
        }
        .boxed()
    }
}
