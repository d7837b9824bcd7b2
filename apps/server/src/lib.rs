//! One route for each operation of [`api`], over TCP, TLS 1.3 and a unix socket.
//!
//! # What is promised
//! 1. No operation is reached around authentication and `policy`: the way from request to handler is one
//!    generic function (`call.rs`), and a refusal is on record before it is answered.
//! 2. A client that stalls, floods or lies about sizes costs bounded memory and time (`accept.rs`,
//!    `intake.rs`, `pace.rs`).
//! 3. A change that was begun is finished, also when its caller has gone.
//! 4. A streamed reply says at its end how it went; one that was cut off cannot be taken for a whole one.
//!
//! Handlers (`routes/`) are thin: request, service, view. The shapes on the wire belong to [`api`]; what
//! turns a service's model into them stands in `view/`.
#![forbid(unsafe_code)]

mod accept;
mod authenticate;
mod call;
mod failure;
mod health;
mod intake;
mod linger;
mod outlet;
mod pace;
mod parts;
mod refusals;
mod rooms;
mod routes;
pub mod tls;
mod view;
mod witness;

pub use accept::{Limits, Listener, Server};
/// What [`Platform`] speaks, and the router's type: so that whoever wires a server needs nothing else.
pub use api::{
    Problem,
    client::Local,
    ledgers::LedgerStatus,
    node::{Check, State},
};
pub use axum::Router;
pub use failure::Failure;
pub use rooms::{Platform, Rooms, Wired};
pub use routes::{local, router};

/// How many operations can be asked for here: those of the list, and reading a ledger's files.
pub const OPERATIONS: usize = api::OPERATIONS.len() + 1;
pub use witness::{Cosigning, router as witness_router};
