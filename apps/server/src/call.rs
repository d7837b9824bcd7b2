//! From an HTTP request to the answer of one operation: who asks, may they, what do they ask, and only
//! then the handler.
//!
//! The order is the same for every operation, and a handler cannot be reached around it: the credential
//! makes the context, `policy` gives the permit for the action and for what the path names, and a refusal
//! is put on record before it is answered.

use crate::authenticate::{Caller, Unknown, authenticate};
use crate::failure::Failure;
use crate::intake::MAX_DOCUMENT;
use crate::linger::lingering;
use crate::refusals::{self, Asked};
use crate::rooms::Rooms;
use api::{Input, Operation, operation};
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::routing::{MethodFilter, MethodRouter, Router, on};
use base::{Context, Kind};
use http::request::Parts;
use http::{HeaderValue, Response, header};
use policy::{Permit, Resource};
use std::future::Future;

/// One call of an operation: by whom, allowed what, with which fields.
pub(crate) struct Ask<O: Operation> {
    /// What to work with.
    pub(crate) rooms: Rooms,
    /// By whom, for which organization.
    pub(crate) ctx: Context,
    /// The proof that the operation's action on what the path names is allowed.
    pub(crate) permit: Permit,
    /// With which credential.
    pub(crate) credential: issuer::Credential,
    /// The request's fields.
    pub(crate) request: O::Request,
}

impl<O: Operation> Ask<O> {
    /// A permit for the same action on something that the path does not name by id.
    pub(crate) async fn permit_on(&self, resource: Resource) -> Result<Permit, Failure> {
        permit::<O>(&self.rooms, &self.ctx, resource).await
    }
}

/// The routes so far, and what they work with.
pub(crate) struct Routes {
    pub(crate) router: Router,
    pub(crate) rooms: Rooms,
}

impl Routes {
    /// A route for an operation that takes a document and gives one.
    pub(crate) fn document<O, F, A>(self, handler: F) -> Self
    where
        O: Operation,
        F: Fn(Ask<O>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<O::Reply, Failure>> + Send + 'static,
    {
        self.streamed::<O, _, _>(move |ask, _head, _body| {
            let answer = handler(ask);
            async move { reply(&answer.await?) }
        })
    }

    /// A route for an operation whose input or output streams. For one that takes a document the body is
    /// read before the handler is called; else it is handed on.
    pub(crate) fn streamed<O, F, A>(mut self, handler: F) -> Self
    where
        O: Operation,
        F: Fn(Ask<O>, Parts, Body) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response<Body>, Failure>> + Send + 'static,
    {
        let rooms = self.rooms.clone();
        let endpoint = move |path: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
            let (rooms, handler) = (rooms.clone(), handler.clone());
            async move {
                let path = match path {
                    Ok(path) => path,
                    Err(wrong) => return Failure::new(Kind::BadInput, wrong.body_text()).response(),
                };
                let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                answer::<O, _, _>(rooms, path, request, handler).await
            }
        };
        let filter = MethodFilter::try_from(O::VERB.method());
        let route: MethodRouter = on(filter.unwrap_or(MethodFilter::TRACE), endpoint);
        self.router = self.router.route(O::PATH, route);
        self
    }
}

/// A document as a reply.
pub(crate) fn reply<T: serde::Serialize>(document: &T) -> Result<Response<Body>, Failure> {
    let json = serde_json::to_vec(document)
        .map_err(|error| Failure::new(Kind::Internal, format!("the reply cannot be written: {error}")))?;
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn answer<O, F, A>(
    rooms: Rooms,
    path: Vec<(String, String)>,
    request: Request,
    handler: F,
) -> Response<Body>
where
    O: Operation,
    F: Fn(Ask<O>, Parts, Body) -> A + Send + 'static,
    A: Future<Output = Result<Response<Body>, Failure>> + Send + 'static,
{
    let id = rooms.request_id();
    let started = rooms.clock.now();
    let (parts, body) = request.into_parts();
    let body = lingering(body, &rooms.tasks);
    let work = {
        let rooms = rooms.clone();
        async move {
            let Caller { ctx, credential } = match authenticate(&rooms, &parts.headers, id).await {
                Ok(caller) => caller,
                Err(Unknown::Failed(failure)) => return Err(failure),
                Err(Unknown::Stranger(stranger)) => {
                    let address = refusals::address(&parts.extensions);
                    return Err(refusals::stranger(&rooms, asked::<O>(), address, *stranger).await);
                }
            };
            let resource = named_in(&ctx, &path).unwrap_or(Resource::Organization);
            let permit = permit::<O>(&rooms, &ctx, resource).await?;
            let credential = credential.ok_or_else(|| {
                Failure::new(Kind::Unavailable, "the identity was released this moment: ask again")
            })?;
            let (document, body) = if matches!(O::INPUT, Input::Document) {
                let held = rooms.intake().whole(&parts.headers, body, MAX_DOCUMENT).await?;
                (held.bytes, Body::empty())
            } else {
                (bytes::Bytes::new(), body)
            };
            let request = operation::decode::<O>(&path, parts.uri.query().unwrap_or_default(), &document)?;
            let ask = Ask { rooms: rooms.clone(), ctx: ctx.clone(), permit, credential, request };
            match handler(ask, parts, body).await {
                Ok(response) => Ok(response),
                Err(failure) => Err(refusals::answered(&rooms, &ctx, asked::<O>(), resource, failure).await),
            }
        }
    };
    // A change that was begun is finished, also when its caller has gone.
    let result = if O::AUDIT.is_some() {
        let task = rooms.tasks.spawn(work).await;
        task.unwrap_or_else(|_| Err(Failure::new(Kind::Internal, "the request met a fault of ours")))
    } else {
        work.await
    };
    let mut response = result.unwrap_or_else(|mut failure| {
        failure.problem.request = Some(id.to_string());
        failure.response()
    });
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert("nexora-request", id);
    }
    let status = response.status().as_u16();
    let took = rooms.clock.now().since(started);
    metrics::counter!("nexora_requests_total", "operation" => O::NAME, "status" => status.to_string())
        .increment(1);
    metrics::histogram!("nexora_request_seconds", "operation" => O::NAME).record(took.as_secs_f64());
    tracing::debug!(request = %id, operation = O::NAME, status, micros = took.as_micros(), "answered");
    response
}

/// What the path names by its id.
fn named_in(ctx: &Context, path: &[(String, String)]) -> Option<Resource> {
    path.iter().find_map(|(name, value)| match name.as_str() {
        "identity" => value.parse().ok().map(Resource::Identity),
        "credential" => value.parse().ok().map(Resource::Credential),
        "finding" => value.parse().ok().map(Resource::Finding),
        "producer" => value.parse().ok().map(Resource::Producer),
        "key" => value.parse().ok().map(Resource::Key),
        "approval" => value.parse().ok().map(Resource::Approval),
        "ceremony" => value.parse().ok().map(Resource::Ceremony),
        "dataset" => {
            let name: Option<datasets::Name> = value.parse().ok();
            name.map(|name| Resource::Dataset(name.dataset(ctx.organization())))
        }
        _ => None,
    })
}

const fn asked<O: Operation>() -> Asked {
    Asked { operation: O::NAME, action: O::ACTION }
}

/// A permit, or a refusal that is on record before it is answered.
async fn permit<O: Operation>(rooms: &Rooms, ctx: &Context, resource: Resource) -> Result<Permit, Failure> {
    match rooms.policy.permit(ctx, O::ACTION, resource, rooms.clock.now()) {
        Ok(permit) => Ok(permit),
        Err(refused) => Err(refusals::refused(rooms, ctx, asked::<O>(), refused).await),
    }
}
