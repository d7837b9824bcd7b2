//! Who asks: the one place but the background runner where a context is made.

use crate::failure::Failure;
use crate::rooms::Rooms;
use base::{Actor, Context, Id, Kind, noun};
use http::{HeaderMap, header};
use issuer::Credential;

/// Who asks, and with which credential. The credential is absent where it holds but its identity must not
/// act: then `policy` refuses what is asked, and the refusal is on record with what it was.
pub(crate) struct Caller {
    pub(crate) ctx: Context,
    pub(crate) credential: Option<Credential>,
}

/// Reads the credential of a request and makes its context.
pub(crate) async fn authenticate(
    rooms: &Rooms,
    headers: &HeaderMap,
    request: Id<noun::Request>,
) -> Result<Caller, Failure> {
    let missing = || {
        Failure::new(
            Kind::NotSignedIn,
            "no credential: send `authorization: Bearer nxa_…`, or set NEXORA_TOKEN for the command line",
        )
    };
    let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    let presented = issuer::parse(token.trim())?;
    // Whoever holds it is not known yet; as such nothing but the credential itself can be read.
    let ctx = context(presented.organization, Actor::Unidentified, request);
    match rooms.issuer.authenticate(&ctx, &presented, rooms.clock.now()).await {
        Ok(known) => Ok(Caller {
            ctx: context(presented.organization, known.actor, request),
            credential: Some(known.credential),
        }),
        Err(issuer::Error::Standing { actor, .. }) => {
            Ok(Caller { ctx: context(presented.organization, actor, request), credential: None })
        }
        Err(error) => Err(error.into()),
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
