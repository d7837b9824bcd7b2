//! A log renewed: by other keys, signed for by those before; or by another log, where this one is behind what others
//! remember of it.

use crate::{Audit, Error, LogKeys, Options, Sighting, tables};
use base::Context;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use crypto::sign::SigningKey;
use ledger::{Entry, Kind, checkpoint};
use serde_json::json;
use store::{OUTBOX, Queries as _, Tx};
use verify::{Frontier, Origin, VerifierKey, charter, merkle};

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

/// The key pair that a log is renewed with, Ed25519 first.
pub type Renewed<'k> = &'k [SigningKey; 2];

impl Audit {
    /// Why an operator must begin another log for this organization; `None` while it is in order, and before this
    /// process has tried to open it.
    #[must_use]
    pub fn refused(&self, ctx: &Context) -> Option<Refused> {
        self.log(ctx.organization()).seen().refused.clone()
    }

    /// Begins another log of the organization, under fresh keys, because the present one is refused: the entry that
    /// must be the first one of the commit. It names the last known checkpoint of the present log, and says how many
    /// of its entries were never published: they stay in the outbox, and the hash is the Merkle root over them.
    ///
    /// # Errors
    /// [`Error::InOrder`] where the log is not refused; [`Error::Key`]; what the store meets.
    pub async fn restart(&self, tx: &mut Tx, fresh: Renewed<'_>) -> Result<Entry, Error> {
        let ctx = tx.context().clone();
        let refused = self.refused(&ctx).ok_or(Error::InOrder)?;
        let before = tx.generation().await?;
        let old = checkpoint::origin(ctx.organization(), before.number);
        let (sighting, size, root) = match refused.known {
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
        let (unpublished, hash) = self.unpublished(tx, before.base, &ctx).await?;
        let generation = tx.begin_generation().await?;
        let [ed25519, ml_dsa_44] = verifier_keys(tx, generation.number, fresh)?;
        let entry = checkpoint::started(ctx.organization(), generation.number, &ed25519, &ml_dsa_44)
            .fact("previous", json!({ "origin": old, "root": STANDARD.encode(root), "size": size }))
            .batch(unpublished, hash);
        tables::add_keys(tx, generation.number, 0, &[ed25519, ml_dsa_44]).await?;
        Ok(match sighting {
            Some(Sighting { size, .. }) => entry.fact("known", size),
            None => entry,
        })
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
        let statement = charter::rotation_statement(&origin, &old, &new);
        let mut signatures = Vec::new();
        for signer in keys.signers(&old).ok_or(Error::WrongKeys)? {
            signatures.push(STANDARD.encode(signer.sign(&statement)?));
        }
        signatures.extend(fresh.iter().map(|key| STANDARD.encode(key.sign(&statement))));
        tables::add_keys(tx, generation.number, position, &new).await?;
        let texts = |keys: &[VerifierKey; 2]| keys.each_ref().map(ToString::to_string);
        Ok(Entry::done(Kind::LedgerKeysRotated, organization)
            .fact("keys", texts(&new))
            .fact("replaced", texts(&old))
            .fact("signatures", signatures))
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

    /// How many entries of the present log are committed and not published, and the Merkle root over them.
    async fn unpublished(
        &self,
        tx: &mut Tx,
        base: u64,
        ctx: &Context,
    ) -> Result<(usize, merkle::Hash), Error> {
        let Options { storage, .. } = &self.shared.options;
        let generation = self.generation(ctx.organization());
        let (storage, name) =
            (std::sync::Arc::clone(storage), crate::log_name(ctx.organization(), generation));
        let published = crate::blocking(move || crate::publish::claimed_size(&*storage, &name)).await?;
        let (mut next, mut count) = (base.saturating_add(published), 0);
        let mut leaves = Frontier::default();
        loop {
            let rows = tx.entries(next, READ).await?;
            let Some((last, _)) = rows.last() else { break };
            next = last + 1;
            count += rows.len();
            rows.iter().for_each(|(_, entry)| leaves.push(merkle::leaf(entry)));
        }
        Ok((count, leaves.root()))
    }
}

fn verifier_keys(tx: &Tx, generation: u32, keys: Renewed<'_>) -> Result<[VerifierKey; 2], Error> {
    LogKeys::named(tx.context().organization(), generation, keys)
}
