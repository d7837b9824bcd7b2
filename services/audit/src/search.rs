//! Finds entries of the ledger by who acted, on what, when.
//!
//! The index is derived: rows that say in which entries a term stands, read off the published files and never written
//! with them. A crash between a publication and its rows leaves the index behind, and the next [`Search::step`] goes on
//! where it stopped; dropped altogether, it is read off the files again. What is found is the bytes of the files, so a
//! search shows what `verify` checks, and says how much of the log it covers.
//!
//! # Shape
//! A term (an id wherever it stands, an actor without an id, a kind) has one row for each bundle of 256 entries that it
//! stands in, with one bit an entry. So a term of every entry costs one row in 256, and one of few entries a row each;
//! several terms are met by the `and` of their bits. Terms are kept as 64 bits of their SHA-256: every entry is read
//! and compared before it is found, so two terms of one hash cost a read, never a wrong answer.
//!
//! # Bounds
//! A step holds one bundle at a time. A search reads at most [`MAX_BUNDLES`] bundles and gives at most [`MAX_BYTES`];
//! where there is more, it says where to go on.
//!
//! # Logs that have ended
//! Damage may be why a log was ended. A bundle of it that is damaged or gone is passed over and named
//! ([`Results::unread`]); it never stops the log in use, whose own damage is an error.
//!
//! Every search leaves the entry `ledger.searched` before its result leaves.

mod error;
mod find;
mod index;
mod tables;
mod terms;

pub use error::SearchError;
pub use tables::SCHEMA;
pub use terms::{ActorTerm, ObjectTerm, TASKS, WrongTerm};

use crate::{Storage, model::log_name};
use base::{Context, Id, Timestamp, noun};
use std::sync::Arc;
use store::Store;

/// The most bundles that one search reads.
pub const MAX_BUNDLES: usize = 256;

/// The most bytes of entries that one search gives; a first entry is given whatever its size.
pub const MAX_BYTES: usize = 8 << 20;

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Search {
    store: Store,
    storage: Arc<dyn Storage>,
    /// One step at a time in an organization: the rows of a bundle are written by one.
    turns: Arc<index::Turns>,
}

/// How far the log is that is searched, as its writer knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which log of the organization, from 1.
    pub generation: u32,
    /// Entries that are committed.
    pub committed: u64,
    /// Entries under its published checkpoint.
    pub published: u64,
    /// The first entry that has not been pruned.
    pub minimum: u64,
}

/// What to look for. An entry is found if all of what is there fits.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Who acted.
    pub actor: Option<ActorTerm>,
    /// An identity that acted, was acted on or is named.
    pub identity: Option<Id<noun::Identity>>,
    /// What was acted on, or is named in the facts.
    pub object: Option<ObjectTerm>,
    /// The kind.
    pub kind: Option<ledger::Kind>,
    /// Committed at this time or later.
    pub from: Option<Timestamp>,
    /// Committed before this time.
    pub until: Option<Timestamp>,
}

/// A place in the logs of an organization: a page goes on below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Which log, from 1.
    pub generation: u32,
    /// Which entry of it.
    pub position: u64,
}

/// An entry that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it stands.
    pub at: At,
    /// Its bytes, as its leaf hash covers them.
    pub entry: Vec<u8>,
}

/// What a search gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// The entries, newest first.
    pub found: Vec<Found>,
    /// Where to go on; none where nothing is left.
    pub next: Option<At>,
    /// How many entries of the log in use the index covers, from the first on.
    pub covered: u64,
    /// What of earlier logs does not read, as far as this page went: something may stand there.
    pub unread: Vec<Unread>,
}

/// Entries of a log that has ended whose files are damaged or gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// Which log, from 1.
    pub generation: u32,
    /// The first one.
    pub first: u64,
    /// The one after the last; none where the log's checkpoint does not read either.
    pub end: Option<u64>,
}

impl crate::Audit {
    /// How far the log is that is in use, as a search is told. Reads a few rows.
    ///
    /// # Errors
    /// What the store meets.
    pub async fn head(&self, ctx: &Context) -> Result<Head, crate::Error> {
        let crate::Status { generation, committed, published, .. } = self.status(ctx).await?;
        Ok(Head { generation, committed, published, minimum: self.minimum(ctx).await? })
    }
}

impl Search {
    /// Searches the logs in this storage, by an index in this store ([`SCHEMA`]).
    #[must_use]
    pub fn new(store: Store, storage: Arc<dyn Storage>) -> Self {
        Self { store, storage, turns: Arc::default() }
    }

    /// Indexes what was published and is not indexed yet, a few bundles of it, and drops what was pruned. Returns
    /// whether more is waiting. Blocks no thread; costs one short transaction.
    ///
    /// # Errors
    /// [`SearchError`]; nothing was changed then.
    pub async fn step(&self, ctx: &Context, head: Head) -> Result<bool, SearchError> {
        let turn = self.turns.of(ctx.organization());
        let _turn = turn.lock().await;
        index::step(self, ctx, head).await
    }

    /// Searches, newest entry first, and puts on record that it was searched and for what. What was published a moment
    /// ago is indexed first.
    ///
    /// # Errors
    /// [`SearchError`]; nothing is given then, also where the search cannot be put on record.
    pub async fn find(
        &self,
        ctx: &Context,
        head: Head,
        query: &Query,
        limit: base::Limit,
        after: Option<At>,
    ) -> Result<Results, SearchError> {
        for _ in 0..CATCH_UP {
            if !self.step(ctx, head).await? {
                break;
            }
        }
        let results = find::find(self, ctx, head, query, limit, after).await?;
        let tx = self.store.write(ctx).await?;
        let committed = tx.commit(find::entry(ctx, query, after, results.found.len())).await?;
        tracing::debug!(entry = committed.entry(), "the ledger was searched");
        Ok(results)
    }

    fn log(&self, ctx: &Context, generation: u32) -> String {
        log_name(ctx.organization(), generation)
    }
}

/// How many steps a search waits for, where the index is behind.
const CATCH_UP: usize = 8;

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.generation, self.position)
    }
}

impl std::str::FromStr for At {
    type Err = WrongTerm;

    fn from_str(text: &str) -> Result<Self, WrongTerm> {
        let (generation, position) = text.split_once('.').ok_or(WrongTerm::After)?;
        let read = generation.parse().ok().zip(position.parse().ok());
        let at = read.map(|(generation, position)| Self { generation, position });
        at.filter(|at| at.generation > 0 && at.to_string() == text).ok_or(WrongTerm::After)
    }
}
