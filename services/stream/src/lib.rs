//! The durable event log: what arrived, in the order it is judged in, one log per organization.
//!
//! A log is a directory of files, each named by its first offset. What stands in them is specified to the
//! byte in `docs/formats/stream.md`: a record per batch, holding its redacted events as one compressed
//! block.
//!
//! # Invariants
//! - An offset names one event for ever; offsets have no gaps.
//! - A batch is one record: after a crash it is there whole or not at all.
//! - What [`Log::sync`] returned for is durable. What was written and never synced may be gone; opening
//!   cuts off a torn end. Damage in front of a record that was written when the damaged bytes were already
//!   durable is no torn end, and is an error.
//! - After a failed sync the writer takes back what was not durable and refuses: what the disk holds is then
//!   read again by opening, not guessed. Opening writes the end of the log again before it syncs it, because
//!   after a failed sync a system may hold bytes in memory that it takes for written.
//! - A full disk is an error that leaves the log as it was.
//!
//! # The order of writes
//! 0. Opening: sync the directory and the one above it, so that every name found is durable.
//! 1. A new file: create, write its header, sync it, sync the directory. Only then is it appended to.
//! 2. A group of batches: one write at the end of the last file, one sync. Nothing in between is reported.
//! 3. A file is followed by a new one only when all of it is synced.
//! 4. Taking back ([`Log::cut`]): shorten the file, sync it.
#![forbid(unsafe_code)]

mod error;
mod files;
mod log;
mod read;
mod record;
mod recover;

pub use error::Error;
pub use files::{Disk, File, Files};
pub use log::{Appended, Log, Mark, Options};
pub use read::Reader;
pub use record::{Batch, Block, Header, NewBatch};
