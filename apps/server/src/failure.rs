//! How a failure is answered: one error document, one table of statuses, `Retry-After` where waiting helps.

use api::Problem;
use axum::body::Body;
use base::{Fault, Kind};
use http::{HeaderValue, Response, StatusCode, header};

/// After how many seconds a caller that was turned away for load may come again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a request failed: what is answered, and whether that must stand in the ledger first.
#[derive(Debug)]
pub struct Failure {
    /// What is answered.
    pub(crate) problem: Problem,
    /// Whether a rule said no.
    refusal: bool,
    /// Why, as a code for the ledger.
    reason: &'static str,
    /// Whether it is a refusal that stands in the ledger already.
    on_record: bool,
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
        Self { problem, refusal: fault.is_refusal(), reason: fault.reason(), on_record: fault.on_record() }
    }

    /// A failure that no service names.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self::told(Problem::new(kind, message))
    }

    /// A failure that another part has put into words.
    pub(crate) fn told(problem: Problem) -> Self {
        Self { refusal: problem.is_refusal(), problem, reason: "rule", on_record: false }
    }

    /// Whether it is a refusal that is to be put on record before it is answered.
    pub(crate) const fn is_unrecorded(&self) -> bool {
        self.refusal && !self.on_record
    }

    /// Why, as a code for the ledger.
    pub(crate) const fn reason(&self) -> &'static str {
        self.reason
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
    use base::{Id, Kind};
    use http::header;

    /// The decision `docs/decisions/0253-which-conflicts-are-refusals.md`, written out.
    #[test]
    fn what_a_rule_refuses_is_put_on_record_once_and_how_things_stand_is_not() {
        use audit::Error as Log;
        use datasets::Error as Data;
        use keys::recovery::{CeremonyState, RecoveryError as Ceremony};
        use keys::{Error as Key, RootError as Root, Scope, ShredRefused as Shred, ShredState, State};
        let (key, scope) = (Id::from_bytes([1; 16]), Scope::Organization);
        let closed = |state| Key::Closed { key, state };
        let name = || "Ada".to_owned();
        for (which, failure) in [
            ("a hold", Failure::from(Log::Held(Id::from_bytes([1; 16])))),
            ("a log in order", Log::InOrder.into()),
            ("a time below the floor", Log::Days.into()),
            ("the last administrator", issuer::Error::LastAdministrator.into()),
            ("a second first person", issuer::Error::NotFirst.into()),
            ("not approved", Key::NotApproved.into()),
            ("approved twice", Key::Approved.into()),
            ("too late", Key::Expired.into()),
            ("referred to", Key::Referred { key, count: 1 }.into()),
            ("handed out", Key::HandedOut { key }.into()),
            ("breached", Key::Breached { scope }.into()),
            ("shredded", Key::Shredded { scope }.into()),
            ("suspended", closed(State::Suspended).into()),
            ("lost", Key::Lost { key }.into()),
            ("locked", Key::Locked { key }.into()),
            ("a signing key", Key::NotExportable { why: "it signs" }.into()),
            ("a log's key", Key::OneVersion { purpose: keys::Purpose::LogEd25519 }.into()),
            ("shredding is over", Key::Shred(Shred::Over { state: ShredState::Expired }).into()),
            ("the platform's keys", Key::Shred(Shred::Platform).into()),
            (
                "a ceremony that is over",
                Key::Recovery(Ceremony::Over { state: CeremonyState::Expired }).into(),
            ),
            ("a rehearsal", Key::Recovery(Ceremony::Rehearsal).into()),
            ("a share given twice", Key::Recovery(Ceremony::Given { name: name() }).into()),
            ("too few shares", Key::Recovery(Ceremony::TooFew { have: 1, need: 2 }).into()),
            ("a foreign package", Key::Recovery(Ceremony::Foreign { why: "it has no key of ours" }).into()),
            ("a package of another secret", Key::Recovery(Ceremony::WrongSecret).into()),
            ("an unsound package", Key::Recovery(Ceremony::Unsound { why: "it is short" }).into()),
            (
                "forgotten",
                Key::Root(Root::Forgotten { unit: keys::Unit::Organization(Id::from_bytes([1; 16])) }).into(),
            ),
            ("a dataset under a breach", Data::Keys(Key::Breached { scope }).into()),
            ("no person", Key::NotAPerson.into()),
            ("nobody approves their own", Key::SamePerson.into()),
            ("nor their own shredding", Key::Shred(Shred::SamePerson).into()),
            ("nor through a dataset", Data::Keys(Key::NotAPerson).into()),
            ("403", Failure::new(Kind::Refused, "no")),
        ] {
            assert!(failure.is_unrecorded(), "{which}");
            assert!(!failure.recorded().is_unrecorded(), "{which}, once");
        }
        for (which, failure) in [
            ("nothing to erase", Failure::from(Log::NoDetails)),
            ("another's keys", Log::WrongKeys.into()),
            ("not in use yet", closed(State::Generated).into()),
            ("there already", Key::Exists { key }.into()),
            ("asked for already", Key::Shred(Shred::Pending { id: Id::from_bytes([1; 16]) }).into()),
            ("a dataset of that name", Data::Exists(name()).into()),
            ("409", Failure::new(Kind::Conflict, "there is one already")),
            // Whoever refuses it has put it on record.
            ("another share", Key::Recovery(Ceremony::WrongShare { name: name() }).into()),
        ] {
            assert!(!failure.is_unrecorded(), "{which}");
        }
    }

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
