//! Who asks: the one place but the background runner where a context is made.

use crate::failure::Failure;
use crate::rooms::Rooms;
use base::{Actor, Context, Fault as _, Id, Kind, noun};
use http::{HeaderMap, header};
use issuer::Credential;

/// Who asks, and with which credential. The credential is absent where it holds but its identity must not
/// act: then `policy` refuses what is asked, and the refusal is on record with what it was.
pub(crate) struct Caller {
    pub(crate) ctx: Context,
    pub(crate) credential: Option<Credential>,
}

/// Nobody who is known: why, and in whose log that goes on record.
pub(crate) struct Stranger {
    /// Of the organization that the request names, where there is one, else of the platform.
    pub(crate) ctx: Context,
    /// Why, as a code.
    pub(crate) reason: &'static str,
    /// The credential that the request names, where it names one: nobody has shown to hold it.
    pub(crate) presented: Option<Id<noun::Credential>>,
    pub(crate) failure: Failure,
}

/// Why nobody is authenticated.
pub(crate) enum Unknown {
    /// The request is refused; that is to be put on record.
    Stranger(Box<Stranger>),
    /// Something failed.
    Failed(Failure),
}

/// Reads the credential of a request and makes its context.
pub(crate) async fn authenticate(
    rooms: &Rooms,
    headers: &HeaderMap,
    request: Id<noun::Request>,
) -> Result<Caller, Unknown> {
    let platform = rooms.store.platform();
    let stranger = |organization, reason, presented, failure| {
        let ctx = context(organization, Actor::Unidentified, request);
        Unknown::Stranger(Box::new(Stranger { ctx, reason, presented, failure }))
    };
    let missing = || {
        let said =
            "no credential: send `authorization: Bearer nxa_…`, or set NEXORA_TOKEN for the command line";
        stranger(platform, "no_credential", None, Failure::new(Kind::NotSignedIn, said))
    };
    let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    let presented = issuer::parse(token.trim())
        .map_err(|malformed| stranger(platform, "malformed_credential", None, malformed.into()))?;
    let (organization, credential) = (presented.organization, presented.credential);
    // Whoever holds it is not known yet; as such nothing but the credential itself can be read.
    let ctx = context(organization, Actor::Unidentified, request);
    match rooms.issuer.authenticate(&ctx, &presented, rooms.clock.now()).await {
        Ok(known) => Ok(Caller {
            ctx: context(organization, known.actor, request),
            credential: Some(known.credential),
        }),
        Err(issuer::Error::Standing { actor, .. }) => {
            Ok(Caller { ctx: context(organization, actor, request), credential: None })
        }
        Err(error) if error.kind() != Kind::NotSignedIn => Err(Unknown::Failed(error.into())),
        Err(error) if rooms.store.exists(organization) => {
            Err(stranger(organization, "credential_not_valid", Some(credential), error.into()))
        }
        Err(error) => Err(stranger(platform, "unknown_organization", None, error.into())),
    }
}

/// The context in which the administrator admits the first person of an organization that was just created.
pub(crate) fn administrator_of(organization: Id<noun::Organization>, request: Id<noun::Request>) -> Context {
    context(organization, Actor::Administrator, request)
}

#[expect(clippy::disallowed_methods, reason = "authentication makes the contexts of requests")]
fn context(organization: Id<noun::Organization>, actor: Actor, request: Id<noun::Request>) -> Context {
    Context::authenticated(organization, actor, request)
}
