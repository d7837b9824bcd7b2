//! What can be asked of a running Nexora, and the client that asks.
//!
//! One small type per [`Operation`], grouped by noun: its method, path, action, audit kind, request and
//! reply. [`OPERATIONS`] lists them all and drives the routes, the OpenAPI document, the command line
//! and the ratchets; nothing that is reachable stands outside that list but `/healthz`, `/readyz`,
//! `/metrics` and the document itself.
//!
//! This crate knows no service and no web framework: the wire is a shape of its own, converted from a
//! service's model in `server/src/view/`.
#![forbid(unsafe_code)]

pub mod breaches;
pub mod client;
pub mod credentials;
pub mod datasets;
pub mod events;
pub mod findings;
pub mod identities;
pub mod keys;
pub mod ledgers;
pub mod node;
pub mod openapi;
pub mod operation;
mod operations;
pub mod organizations;
pub mod outcome;
pub mod page;
pub mod problem;
pub mod producers;
pub mod recovery;
pub mod response;
pub mod shreds;

pub use client::Client;
pub use operation::{Descriptor, Input, Operation, Output, Verb};
pub use operations::OPERATIONS;
pub use page::Page;
pub use problem::Problem;
