//! The list of everything that can be asked.

use crate::{
    Descriptor, credentials, datasets, events, findings, identities, ledgers, node, organizations, producers,
    response,
};

/// Every operation: what the routes, the OpenAPI document, the command line and the ratchets walk.
pub const OPERATIONS: &[Descriptor] = &[
    Descriptor::of::<organizations::Create>(),
    Descriptor::of::<events::Send>(),
    Descriptor::of::<events::Tail>(),
    Descriptor::of::<identities::List>(),
    Descriptor::of::<identities::Show>(),
    Descriptor::of::<identities::Quarantine>(),
    Descriptor::of::<identities::Release>(),
    Descriptor::of::<identities::Protect>(),
    Descriptor::of::<identities::Unprotect>(),
    Descriptor::of::<credentials::Issue>(),
    Descriptor::of::<credentials::List>(),
    Descriptor::of::<credentials::Revoke>(),
    Descriptor::of::<findings::List>(),
    Descriptor::of::<findings::Show>(),
    Descriptor::of::<response::Show>(),
    Descriptor::of::<response::Set>(),
    Descriptor::of::<datasets::List>(),
    Descriptor::of::<datasets::PublicKey>(),
    Descriptor::of::<datasets::Protect>(),
    Descriptor::of::<datasets::Reveal>(),
    Descriptor::of::<producers::Add>(),
    Descriptor::of::<producers::List>(),
    Descriptor::of::<ledgers::Status>(),
    Descriptor::of::<node::Diagnose>(),
];
