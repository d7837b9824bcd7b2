//! Plain files that a server serves below a prefix, such as the tiles of a log.

use super::{Client, Error, collect_within};
use crate::Problem;
use base::Kind;
use bytes::Bytes;
use http::{Method, StatusCode};

impl Client {
    /// Fetches the file at an absolute path; `None` where there is none. Whoever serves it is not believed: no more
    /// than `limit` bytes are held, no redirection is followed.
    ///
    /// # Errors
    /// [`Error`]: refused by the server, not reachable, cut off, or larger than `limit`.
    pub async fn fetch(&self, path: &str, limit: usize) -> Result<Option<Bytes>, Error> {
        let http = self.head(Method::GET, path)?;
        let http = http
            .body(super::Upload::empty().into_body())
            .map_err(|error| Problem::new(Kind::BadInput, format!("no request: {error}")))?;
        let response = self.transport.exchange(http).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(collect_within(response.into_body(), limit).await?)),
            StatusCode::NOT_FOUND => Ok(None),
            status => {
                let bytes = collect_within(response.into_body(), super::MAX_REFUSAL).await;
                Err(super::refused(status, &bytes.unwrap_or_default()))
            }
        }
    }
}
