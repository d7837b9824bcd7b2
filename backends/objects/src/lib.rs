//! The files of ledgers in an object storage: the port [`audit::Storage`] over S3, Google Cloud Storage or Azure Blob
//! Storage, whichever a [`Place`] names.
//!
//! # What the storage must do, and does
//! - A `PUT` that was acknowledged is durable, and readers see the object whole or not at all.
//! - After it, every read and listing shows it (all three promise that).
//! - A `PUT` may name the version that it replaces (`If-Match`, `If-None-Match`; generation; ETag): the checkpoint is
//!   replaced that way, so that of two writers one is told that the other has been at it.
//!
//! A tile that a checkpoint covers is never overwritten by another one: a second writer is told (`Changed`) before it
//! changes anything that is published. Nor does one remove at its start what another may be about to publish. What two
//! writers put at the same moment and no checkpoint covers yet, they can still take from each other: one log has one
//! writer, and this is how it is noticed that it has two.
//!
//! A storage that knows no conditional `PUT` is refused by the first publication, not worked around.
//!
//! Calls block their thread, as the port says, and run on a runtime that is handed in. Every request has a time limit;
//! a request that failed for a while is tried again within [`PATIENCE`].
#![forbid(unsafe_code)]

mod place;
mod storage;

pub use place::{Place, WrongPlace};
pub use storage::{Objects, PATIENCE};
