//! A log renewed: by other keys, signed for by those before; or by another log, where this one is behind what others
//! remember of it.

use crate::{Audit, Error, LogKeys, Sighting, erasing::Beyond, tables};
use base::{Context, digest};
use crypto::sign::SigningKey;
use ledger::{Entry, Signer, charter, charter::Unpublished, checkpoint};
use store::{Generation, OUTBOX, Queries as _, Tx};
use verify::{Checkpoint, Origin, VerifierKey, merkle};

/// Entries of the earlier log that are read at once.
const READ: u64 = 1_024;

/// Why a log does not go on by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The largest checkpoint of it that anybody knows.
    pub known: Option<Sighting>,
    /// In words.
    pub why: String,
}

/// What the entries hash to that an earlier log leaves unpublished (`docs/formats/batch-hash.md`).
const UNPUBLISHED: &str = "nexora/ledger-unpublished/1";

/// The key pair that a log is renewed with, Ed25519 first.
pub type Renewed<'k> = &'k [SigningKey; 2];

impl Audit {
    /// Why an operator must begin another log for this organization; `None` while it is in order, and before this
    /// process has tried to open it.
    #[must_use]
    pub fn refused(&self, ctx: &Context) -> Option<Refused> {
        self.log(ctx.organization()).seen().refused.clone()
    }

    /// Begins another log of the organization, under fresh keys, because the present one is refused: the entries that
    /// must be the first ones of the commit. The first names the last known checkpoint of the present log, and says how
    /// many of its entries were never published: they stay in the outbox, and the entry holds their hash. Those after it
    /// say again what these say is erased, for else nothing that is published would.
    ///
    /// # Errors
    /// [`Error::InOrder`] where the log is not refused, unless `whatever` is said: for a log whose platform's was
    /// refused. [`Error::Key`]; what the store meets.
    pub async fn restart(
        &self,
        tx: &mut Tx,
        fresh: Renewed<'_>,
        whatever: bool,
    ) -> Result<Vec<Entry>, Error> {
        let ctx = tx.context().clone();
        let refused = self.refused(&ctx);
        if refused.is_none() && !whatever {
            return Err(Error::InOrder);
        }
        let known = match refused.and_then(|refused| refused.known) {
            Some(known) => Some(known),
            None => self.own_head(&ctx).await?.map(|(size, root)| Sighting {
                by: "this node".to_owned(),
                size,
                root: Some(root),
            }),
        };
        let (organization, before) = (ctx.organization(), tx.generation().await?);
        let (sighting, size, root) = match known {
            Some(known) => match known.root {
                Some(root) => (None, known.size, root),
                // Who remembers tells the size only: our own newest checkpoint is the last one that can be named.
                None => {
                    let own = self.own_head(&ctx).await?;
                    let (size, root) = own.unwrap_or((0, merkle::fold(&[])));
                    (Some(known), size, root)
                }
            },
            None => (None, 0, merkle::fold(&[])),
        };
        let previous = Checkpoint { origin: checkpoint::origin(organization, before.number), size, root };
        let (unpublished, erased) = self.unpublished(tx, before).await?;
        let generation = tx.begin_generation().await?;
        let keys = verifier_keys(tx, generation.number, fresh)?;
        tables::add_keys(tx, generation.number, 0, &keys).await?;
        let origin = Origin { organization, generation: generation.number };
        let entry = charter::started_after(origin, &keys, &previous, unpublished);
        let started = match sighting {
            Some(Sighting { size, .. }) => entry.fact("known", size),
            None => entry,
        };
        Ok(std::iter::once(started).chain(erased.said_again(organization, before.number)).collect())
    }

    /// Puts fresh keys in the place of those that sign the organization's log: the entry, which must be the first one
    /// of the commit. Both pairs sign it, and the first checkpoint that covers it is the first one that the fresh
    /// pair signs.
    ///
    /// # Errors
    /// [`Error::WrongKeys`] where `keys` are not those of the log in use, [`Error::Key`], [`Error::Unsigned`], what
    /// the store meets.
    pub async fn rotate(&self, tx: &mut Tx, keys: &LogKeys, fresh: Renewed<'_>) -> Result<Entry, Error> {
        let organization = tx.context().organization();
        let generation = tx.generation().await?;
        if generation.number != keys.generation() {
            return Err(Error::WrongKeys);
        }
        let position = u64::try_from(tx.end(OUTBOX).await?).unwrap_or(0).saturating_sub(generation.base);
        let new = verifier_keys(tx, generation.number, fresh)?;
        let old = match tables::chain(tx, generation.number).await? {
            Some(chain) => chain.at(u64::MAX).clone(),
            None => {
                let first = keys.all().next().ok_or(Error::Key)?;
                tables::add_keys(tx, generation.number, 0, &first).await?;
                first
            }
        };
        let origin = Origin { organization, generation: generation.number };
        let signers = keys.signers(&old).ok_or(Error::WrongKeys)?;
        let fresh = LogKeys::borrowed(&new, fresh);
        let entry = charter::keys_rotated(origin, &signers, &fresh.each_ref().map(|key| key as &dyn Signer))?;
        tables::add_keys(tx, generation.number, position, &new).await?;
        Ok(entry)
    }

    /// The newest checkpoint in the log's own files, if its tiles make its root.
    async fn own_head(&self, ctx: &Context) -> Result<Option<(u64, merkle::Hash)>, Error> {
        let files = self.files(ctx.organization());
        let note = crate::blocking(move || {
            verify::LedgerFiles::read(&files, verify::checkpoint::FILE, verify::note::MAX_BYTES).ok()
        });
        let head = note.await?.as_deref().and_then(crate::ports::claimed);
        Ok(head.map(|head| (head.size, head.root)))
    }

    /// How many entries of the present log are committed and not published, what they hash to, and what they say is
    /// erased.
    async fn unpublished(&self, tx: &mut Tx, log: Generation) -> Result<(Unpublished, Beyond), Error> {
        let name = crate::log_name(tx.context().organization(), log.number);
        let storage = self.storage();
        let published = crate::blocking(move || crate::publish::claimed_size(&*storage, &name)).await?;
        let (mut next, mut leaves) = (log.base.saturating_add(published), Vec::new());
        let mut said = Beyond::default();
        loop {
            let rows = tx.entries(next, READ).await?;
            let Some((last, _)) = rows.last() else { break };
            next = last + 1;
            leaves.extend(rows.iter().map(|(_, entry)| merkle::leaf(entry)));
            rows.iter()
                .filter_map(|(_, entry)| verify::entry::read(entry).ok())
                .for_each(|seen| said.take(&seen));
        }
        let parts: Vec<&[u8]> = leaves.iter().map(|leaf| &leaf[..]).collect();
        Ok((Unpublished { count: parts.len(), hash: digest::of_parts(UNPUBLISHED, &parts) }, said))
    }
}

fn verifier_keys(tx: &Tx, generation: u32, keys: Renewed<'_>) -> Result<[VerifierKey; 2], Error> {
    LogKeys::named(tx.context().organization(), generation, keys)
}
