//! How a failure is answered: one error document, one table of statuses, `Retry-After` where waiting helps.

use api::Problem;
use axum::body::Body;
use base::{Fault, Kind};
use http::{HeaderValue, Response, StatusCode, header};

/// After how many seconds a caller that was turned away for load may come again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What is answered.
    pub(crate) problem: Problem,
    /// Whether it is a refusal that stands in the ledger already.
    pub(crate) on_record: bool,
}

impl<E: Fault> From<E> for Failure {
    fn from(fault: E) -> Self {
        let problem = Problem::of(&fault);
        Self::at(&fault, problem)
    }
}

impl Failure {
    /// A failure whose problem says more than the error alone, such as a position.
    pub(crate) fn at(fault: &impl Fault, problem: Problem) -> Self {
        if fault.kind() == Kind::Internal {
            let mut causes = Vec::new();
            let mut source = fault.source();
            while let Some(error) = source {
                causes.push(error.to_string());
                source = error.source();
            }
            tracing::error!(error = %fault, causes = causes.join(": "), "a fault of ours");
        }
        Self { problem, on_record: fault.on_record() }
    }

    /// A failure that no service names.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self::told(Problem::new(kind, message))
    }

    /// A failure that another part has put into words.
    pub(crate) const fn told(problem: Problem) -> Self {
        Self { problem, on_record: false }
    }

    /// The same, put on record.
    pub(crate) fn recorded(self) -> Self {
        Self { on_record: true, ..self }
    }

    /// The whole reply.
    pub(crate) fn response(&self) -> Response<Body> {
        let json = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = StatusCode::from_u16(self.problem.kind.http_status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.problem.kind {
            Kind::Busy | Kind::Unavailable => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            Kind::NotSignedIn => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"nexora\""));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use base::Kind;
    use http::header;

    #[test]
    fn every_kind_has_its_status_and_its_advice() {
        // The table of docs/errors.md, written out, so that a change of either is seen.
        let expected = [
            (Kind::NotSignedIn, 401, None),
            (Kind::Refused, 403, None),
            (Kind::NotFound, 404, None),
            (Kind::Conflict, 409, None),
            (Kind::BadInput, 400, None),
            (Kind::TooLarge, 413, None),
            (Kind::CheckFailed, 422, None),
            (Kind::Busy, 429, Some("1")),
            (Kind::Unavailable, 503, Some("1")),
            (Kind::Full, 507, None),
            (Kind::Internal, 500, None),
        ];
        assert_eq!(expected.len(), Kind::ALL.len());
        for (kind, status, retry) in expected {
            let response = Failure::new(kind, "why").response();
            assert_eq!(response.status().as_u16(), status, "{kind:?}");
            let value = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
            assert_eq!(value(header::RETRY_AFTER), retry, "{kind:?}");
            assert_eq!(value(header::WWW_AUTHENTICATE).is_some(), kind == Kind::NotSignedIn);
            assert_eq!(value(header::CONTENT_TYPE), Some("application/json"));
        }
    }
}
