//! The files of a log over HTTP, at the paths of C2SP tlog-tiles: `/ledgers/<log>/checkpoint`, `/ledgers/<log>/tile/…`.
//!
//! They are open to whoever may read the organization's ledger, and nobody else: a log says who did what. The platform's
//! log is open to the auditors and administrators of every organization: it records what their logs were, and only who
//! reads it sees that there are not two of theirs. Its entries have ids and hashes; details are not served. Whoever does
//! not know its name finds its head at `/ledgers/platform/checkpoint`, and the name in that. Only
//! checkpoints can be made public, by configuration, for witnesses and monitors that have no credential.
//!
//! A path is read as a tile's and written again, so nothing but the one spelling of a tile reaches the storage. What a
//! file holds stays in memory until its reader has taken it, within a room that all readers share.

use crate::authenticate::{Caller, Unknown, authenticate};
use crate::call::Routes;
use crate::failure::Failure;
use crate::refusals::{self, Asked};
use crate::rooms::Rooms;
use api::ledgers::PREFIX;
use axum::body::Body;
use axum::extract::{RawPathParams, Request};
use axum::routing::get;
use base::{Action, Id, Kind, digest, noun};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use policy::Resource;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use verify::{Origin, TilePath, checkpoint};

/// What files that are being sent may hold in memory, in KiB.
const ROOM: usize = 256 << 10;
/// How many files are read at once.
const READERS: usize = 8;
/// How much of a file is handed on at once.
const PIECE: usize = 64 << 10;
/// The largest checkpoint, in bytes: two signatures, and a line for each of some hundred witnesses.
const MAX_CHECKPOINT: usize = 1 << 20;

/// The content of a tile is fixed by its path, so nobody has to ask for it again. `private`: no cache between us and
/// the reader may give it to others.
const TILE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// A checkpoint is replaced by the next one: it is kept only to be asked for by its tag.
const CHECKPOINT: HeaderValue = HeaderValue::from_static("private, no-cache");
const PUBLIC_CHECKPOINT: HeaderValue = HeaderValue::from_static("public, no-cache");

/// What stands for the name of the platform's log in use, in the path of its checkpoint alone.
const PLATFORM: &str = "platform";

/// How a refusal to read a file goes on record.
const ASKED: Asked = Asked { operation: "ledger.files", action: Action::LedgerRead };

/// The room that files in memory share.
#[derive(Clone)]
struct Room {
    held: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

/// What is asked for.
enum File {
    Checkpoint,
    Tile(TilePath),
}

/// Whose log, and which of them.
struct Log {
    organization: Id<noun::Organization>,
    generation: u32,
}

pub(super) fn routes(mut routes: Routes) -> Routes {
    let room = Room { held: Arc::new(Semaphore::new(ROOM)), readers: Arc::new(Semaphore::new(READERS)) };
    let rooms = routes.rooms.clone();
    let endpoint = move |path: RawPathParams, request: Request| {
        let (rooms, room) = (rooms.clone(), room.clone());
        async move { answer(&rooms, &room, &path, request.into_parts().0).await }
    };
    let checkpoint = format!("{PREFIX}/{{log}}/{}", checkpoint::FILE);
    routes.router = routes.router.route(&checkpoint, get(endpoint.clone()));
    routes.router = routes.router.route(&format!("{PREFIX}/{{log}}/tile/{{*tile}}"), get(endpoint));
    routes
}

async fn answer(rooms: &Rooms, room: &Room, path: &RawPathParams, head: Parts) -> Response<Body> {
    let id = rooms.request_id();
    let started = rooms.clock.now();
    let part = |name: &str| path.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
    // Both parameters are decoded; what does not read as one spelling of a tile names nothing.
    let file = match part("tile") {
        None => Some(File::Checkpoint),
        Some(tile) => format!("tile/{tile}").parse().ok().map(File::Tile),
    };
    let log = match (part("log"), &file) {
        (Some(PLATFORM), Some(File::Checkpoint)) => Log::of_platform(rooms),
        (name, _) => name.and_then(Log::read),
    };
    let mut response = match serve(rooms, room, log, file, &head, id).await {
        Ok(response) => response,
        Err(mut failure) => {
            failure.problem.request = Some(id.to_string());
            let mut response = failure.response();
            // What is not there yet may be there in a moment.
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
    };
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert("nexora-request", id);
    }
    let (status, took) = (response.status().as_u16(), rooms.clock.now().since(started));
    metrics::counter!("nexora_requests_total", "operation" => ASKED.operation, "status" => status.to_string())
        .increment(1);
    metrics::histogram!("nexora_request_seconds", "operation" => ASKED.operation).record(took.as_secs_f64());
    response
}

async fn serve(
    rooms: &Rooms,
    room: &Room,
    log: Option<Log>,
    file: Option<File>,
    head: &Parts,
    id: Id<noun::Request>,
) -> Result<Response<Body>, Failure> {
    let public = rooms.public_checkpoints && matches!(file, Some(File::Checkpoint));
    if !public {
        permitted(rooms, head, log.as_ref(), id).await?;
    }
    let nothing = || Failure::new(Kind::NotFound, "there is no such file of a ledger here");
    let known = log.filter(|log| rooms.store.exists(log.organization));
    let (log, file) = known.zip(file).ok_or_else(nothing)?;
    let (path, limit, caching) = match file {
        File::Checkpoint if public => (checkpoint::FILE.to_owned(), MAX_CHECKPOINT, PUBLIC_CHECKPOINT),
        File::Checkpoint => (checkpoint::FILE.to_owned(), MAX_CHECKPOINT, CHECKPOINT),
        File::Tile(tile) => (tile.to_string(), tile.max_bytes(), TILE),
    };
    let media =
        if path == checkpoint::FILE { "text/plain; charset=utf-8" } else { "application/octet-stream" };
    let (bytes, held) = room.read(rooms, log.name(), path, limit).await?.ok_or_else(nothing)?;
    let tag = format!("\"{}\"", digest::hex(&digest::sha256(&bytes)));
    let known = is_known(&head.headers, &tag);
    let (status, length) = if known { (StatusCode::NOT_MODIFIED, 0) } else { (StatusCode::OK, bytes.len()) };
    let empty = known || head.method == Method::HEAD;
    let mut response = Response::new(if empty { Body::empty() } else { pieces(bytes, held) });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !known {
        headers.insert(header::CONTENT_LENGTH, length.into());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    }
    headers.insert(header::CACHE_CONTROL, caching);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A cache must not give one caller what another was allowed.
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Whether the caller may read this log: an auditor or an administrator of its organization, or of any if it is the
/// platform's. Whoever is of another organization learns nothing of this log, not even whether it is there.
async fn permitted(
    rooms: &Rooms,
    head: &Parts,
    log: Option<&Log>,
    id: Id<noun::Request>,
) -> Result<(), Failure> {
    let Caller { ctx, credential } = match authenticate(rooms, &head.headers, id).await {
        Ok(caller) => caller,
        Err(Unknown::Failed(failure)) => return Err(failure),
        Err(Unknown::Stranger(stranger)) => {
            let address = refusals::address(&head.extensions);
            return Err(refusals::stranger(rooms, ASKED, address, *stranger).await);
        }
    };
    let asked = rooms.policy.permit(&ctx, ASKED.action, Resource::Organization, rooms.clock.now());
    let permit = match asked {
        Ok(permit) => permit,
        Err(refused) => return Err(refusals::refused(rooms, &ctx, ASKED, refused).await),
    };
    if credential.is_none() {
        return Err(Failure::new(Kind::Unavailable, "the identity was released this moment: ask again"));
    }
    let open = [permit.organization(), rooms.store.platform()];
    if log.is_some_and(|log| !open.contains(&log.organization)) {
        let failure =
            Failure::new(Kind::Refused, "your credential is not of the organization of this ledger");
        return Err(refusals::answered(rooms, &ctx, ASKED, Resource::Organization, failure).await);
    }
    Ok(())
}

impl Log {
    /// `org_…`, or `org_….N` for a log that was begun anew.
    fn read(name: &str) -> Option<Self> {
        let (organization, generation) = match name.split_once('.') {
            None => (name, 1),
            Some((organization, generation)) => {
                let number: u32 = generation.parse().ok()?;
                let one_spelling = number > 1 && number.to_string() == generation;
                (organization, one_spelling.then_some(number)?)
            }
        };
        let organization: Id<noun::Organization> = organization.parse().ok()?;
        let log = Self { organization, generation };
        // Nor does an id have another spelling.
        let spelled = name.starts_with(&log.organization.to_string());
        spelled.then_some(log)
    }

    /// The platform's, as far as it has published anything.
    fn of_platform(rooms: &Rooms) -> Option<Self> {
        let (head, _) = rooms.audit.published(rooms.store.platform())?;
        let Origin { organization, generation } = head.origin.parse().ok()?;
        Some(Self { organization, generation })
    }

    fn name(&self) -> String {
        audit::log_name(self.organization, self.generation)
    }
}

impl Room {
    /// Reads a file, and keeps room for it; none where it is not there.
    async fn read(
        &self,
        rooms: &Rooms,
        log: String,
        path: String,
        limit: usize,
    ) -> Result<Option<(Bytes, OwnedSemaphorePermit)>, Failure> {
        let busy = || Failure::new(Kind::Unavailable, "too many files are being read: ask again in a moment");
        let turn = timeout(rooms.stall, Arc::clone(&self.readers).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
        let storage = rooms.audit.storage();
        let read = tokio::task::spawn_blocking(move || {
            // Given back when the read has ended, also where nobody waits for it any more.
            let _turn = turn;
            storage.read(&log, &path, limit)
        });
        let read = read.await.map_err(|_| Failure::new(Kind::Internal, "the file could not be read"))?;
        let Some(bytes) = read? else { return Ok(None) };
        let size = u32::try_from(bytes.len().div_ceil(1 << 10)).unwrap_or(u32::MAX);
        let held = timeout(rooms.stall, Arc::clone(&self.held).acquire_many_owned(size)).await;
        Ok(Some((bytes.into(), held.ok().and_then(Result::ok).ok_or_else(busy)?)))
    }
}

/// The bytes in pieces, and room for them until the last one is taken or the reader has gone.
fn pieces(bytes: Bytes, held: OwnedSemaphorePermit) -> Body {
    Body::from_stream(futures::stream::unfold((bytes, held), |(mut bytes, held)| async {
        let piece = bytes.split_to(bytes.len().min(PIECE));
        (!piece.is_empty()).then_some((Ok::<_, Infallible>(piece), (bytes, held)))
    }))
}

/// Whether the caller has what this tag names (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let asked = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    let mut tags = asked.flat_map(|tags| tags.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, HeaderValue, Log, is_known};
    use base::{Id, noun};
    use http::header;

    #[test]
    fn a_log_has_one_name() {
        let organization = Id::<noun::Organization>::from_bytes([7; 16]);
        let read = |name: String| Log::read(&name).map(|log| (log.organization, log.generation));
        assert_eq!(read(organization.to_string()), Some((organization, 1)));
        assert_eq!(read(format!("{organization}.2")), Some((organization, 2)));
        for name in [
            String::new(),
            "..".to_owned(),
            organization.bare(),
            organization.to_string().to_uppercase(),
            format!("{organization}."),
            format!("{organization}.0"),
            format!("{organization}.1"),
            format!("{organization}.02"),
            format!("{organization}.+2"),
            format!("{organization}.2.3"),
            format!("{organization}.99999999999"),
            format!("../{organization}"),
            Id::<noun::Identity>::from_bytes([7; 16]).to_string(),
        ] {
            assert_eq!(read(name.clone()), None, "{name}");
        }
    }

    #[test]
    fn a_tag_is_known_in_every_spelling_of_the_header() {
        let known = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))]);
            is_known(&headers, "\"a\"")
        };
        assert!(known("\"a\"") && known("W/\"a\"") && known("\"b\", \"a\"") && known("*"));
        assert!(!known("a") && !known("\"b\"") && !known("\"ab\"") && !is_known(&HeaderMap::new(), "\"a\""));
    }
}
