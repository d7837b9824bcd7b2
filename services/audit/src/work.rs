//! One step of publication: open and compare where that was not done, sequence, sign, have it cosigned, publish.

use crate::{
    Audit, Chain, Error, Log, LogKeys, Memory, Options, Own, Refused, Sighting, Signed, Step, StorageError,
    Unmet, Unreachable, Writer, blocking, ports::claimed, publish, rules, tables,
};
use base::Context;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};
use verify::Checkpoint;

/// Pruning waits until this much has gathered, so that it is no part of every publication.
const PRUNE_EVERY: u64 = 4_096;

/// Batches that one step sequences before it asks witnesses.
const BATCHES: usize = 64;

impl Audit {
    pub(crate) async fn step(&self, ctx: &Context, keys: &LogKeys, log: &Log) -> Result<Step, Error> {
        let Options { outbox, cosigners, .. } = &self.shared.options;
        // Tiles must not eat what the store's reserve sets free.
        outbox.accepting(ctx).await?;
        let generation = outbox.generation(ctx).await?;
        if generation != keys.generation() {
            return Err(Error::WrongKeys);
        }
        let chain = self.chain(ctx, keys).await?;
        let opened = log.lock().as_ref().is_some_and(|writer| writer.generation() == generation);
        if !opened {
            *log.lock() = None;
            if log.seen().generation != generation {
                log.seen().begin(generation);
            }
            log.seen().chain = Some(chain.clone());
            let opened = self.open_log(ctx, &chain, log).await;
            self.refuse(ctx, log, &chain, opened).await?;
        } else {
            log.seen().chain = Some(chain.clone());
        }
        let asked = match cosigners {
            Some(cosigners) => cosigners.are_asked(ctx).await?.then_some(cosigners),
            None => None,
        };
        let outcome = match asked {
            None if self.waits(log) => self.witnessed(ctx, keys, &chain, log, None).await,
            None => self.direct(ctx, keys, &chain, log).await,
            Some(cosigners) => self.witnessed(ctx, keys, &chain, log, Some(&**cosigners)).await,
        };
        if matches!(outcome, Err(Error::Storage(StorageError::Changed { .. }))) {
            // Somebody else was at the files: they are read anew, and compared.
            *log.lock() = None;
        }
        log.note();
        self.prune(ctx, log).await;
        outcome
    }

    /// Whether something is sequenced and not published: witnesses were asked before, and are not any more.
    fn waits(&self, log: &Log) -> bool {
        log.lock().as_ref().is_some_and(|writer| writer.size() > writer.published())
    }

    /// Which keys sign.
    pub(crate) async fn chain(&self, ctx: &Context, keys: &LogKeys) -> Result<Chain, Error> {
        let read = self.shared.options.store.read(ctx).await?;
        let known = tables::chain(&read, keys.generation()).await?;
        let first = keys.all().next().ok_or(Error::Key)?;
        Ok(known.unwrap_or_else(|| Chain::new(first, Vec::new())))
    }

    /// Sequences and publishes one batch.
    async fn direct(&self, ctx: &Context, keys: &LogKeys, chain: &Chain, log: &Log) -> Result<Step, Error> {
        let size = sequenced(log);
        let (rows, more) = self.next(ctx, chain, size, self.shared.options.batch).await?;
        let published = rows.len() as u64;
        if rows.is_empty() {
            return Ok(Step { published, more: false });
        }
        let (signatures, now) = (self.shared.signatures.clone(), self.shared.options.clock.now());
        let (keys, chain) = (keys.clone(), chain.clone());
        with(log, size, move |writer| {
            let entries = rows.iter().map(|(_, entry)| entry.as_slice());
            writer.publish(entries, (&keys, &chain), &signatures, now)
        })
        .await?;
        Ok(Step { published, more })
    }

    /// Sequences what there is, and publishes it when enough have cosigned.
    async fn witnessed(
        &self,
        ctx: &Context,
        keys: &LogKeys,
        chain: &Chain,
        log: &Log,
        cosigners: Option<&dyn crate::Cosigners>,
    ) -> Result<Step, Error> {
        let (store, batch) = (&self.shared.options.store, self.shared.options.batch);
        let remembered = tables::signed(&store.read(ctx).await?, keys.generation()).await?;
        let remembered = remembered.and_then(|note| Some((claimed(&note)?, note)));
        let mut more = false;
        for _ in 0..BATCHES {
            let size = sequenced(log);
            // What was signed before is met on the way, and must be the same.
            let stop = remembered.as_ref().map(|(head, _)| head.size).filter(|stop| *stop > size);
            let limit = stop.map_or(batch, |stop| batch.min(stop - size));
            let rows;
            (rows, more) = self.next(ctx, chain, size, limit).await?;
            if rows.is_empty() {
                break;
            }
            with(log, size, move |writer| writer.sequence(rows.iter().map(|(_, entry)| entry.as_slice())))
                .await?;
            let head = with(log, sequenced(log), |writer| Ok(writer.head())).await?;
            match &remembered {
                Some((signed, _)) if signed.size == head.size && *signed != head => {
                    return Err(Error::Fork { position: head.size.saturating_sub(1) });
                }
                _ => {}
            }
            log.note();
            if !more {
                break;
            }
        }
        let (head, published) =
            with(log, sequenced(log), |writer| Ok((writer.head(), writer.published()))).await?;
        if head.size == published {
            return Ok(Step { published: 0, more });
        }
        let note = self.sign(ctx, keys, chain, &head, remembered).await?;
        let lines = match cosigners {
            Some(cosigners) => {
                let signed = Signed {
                    checkpoint: head.clone(),
                    note: note.clone(),
                    proof: proof_from(log, head.size)?,
                    chain: chain.clone(),
                };
                match cosigners.gather(ctx, signed).await {
                    Ok(lines) => lines,
                    Err(unmet) => return Err(self.unmet(log, unmet)),
                }
            }
            None => Vec::new(),
        };
        let (signatures, chain) = (self.shared.signatures.clone(), chain.clone());
        let note = [note, lines].concat();
        with(log, head.size, move |writer| writer.release(note, &chain, &signatures)).await?;
        Ok(Step { published: head.size - published, more })
    }

    /// The log's signatures on a checkpoint that leaves before it is published: remembered first, and never one that
    /// is smaller than what was signed before.
    async fn sign(
        &self,
        ctx: &Context,
        keys: &LogKeys,
        chain: &Chain,
        head: &Checkpoint,
        remembered: Option<(Checkpoint, Vec<u8>)>,
    ) -> Result<Vec<u8>, Error> {
        match remembered {
            Some((signed, note)) if signed == *head => return Ok(note),
            Some((signed, _)) if signed.size == head.size => {
                return Err(Error::Fork { position: head.size.saturating_sub(1) });
            }
            Some((signed, _)) if signed.size > head.size => {
                return Err(Error::Ahead { published: signed.size, committed: head.size });
            }
            _ => {}
        }
        let note = publish::sign(head, (keys, chain), self.shared.options.clock.now())?;
        publish::own(&note, chain, &self.shared.signatures)?;
        let mut tx = self.shared.options.store.write(ctx).await?;
        tables::remember(&mut tx, keys.generation(), note.clone()).await?;
        tx.commit_derived().await?;
        Ok(note)
    }

    /// A witness that knows more is reason to compare anew, before anything else is signed.
    fn unmet(&self, log: &Log, unmet: Unmet) -> Error {
        let own = sequenced(log);
        match unmet {
            Unmet::Ahead(Sighting { by, size: known, .. }) => {
                *log.lock() = None;
                Error::Behind { by, known, own }
            }
            Unmet::Split(Sighting { by, size: known, .. }) => {
                *log.lock() = None;
                Error::Split { by, known }
            }
            absent @ Unmet::Absent(_) => Error::Unmet(absent),
        }
    }

    /// The entries that follow, and whether more do. An outbox may not show one whose transaction has not committed
    /// yet: what follows it waits.
    async fn next(
        &self,
        ctx: &Context,
        chain: &Chain,
        size: u64,
        limit: u64,
    ) -> Result<(Vec<(u64, Vec<u8>)>, bool), Error> {
        let outbox = &self.shared.options.outbox;
        let committed = outbox.end(ctx).await?;
        if committed <= size {
            return Ok((Vec::new(), false));
        }
        let mut rows = outbox.entries(ctx, size, limit).await?;
        let found = rows.first().map_or(committed, |(position, _)| *position);
        rows.truncate((size..).zip(&rows).take_while(|(expected, (found, _))| expected == found).count());
        let Some((_, first)) = rows.first() else { return Err(Error::Gap { expected: size, found }) };
        if size == 0 {
            chain.began_in(first)?;
        }
        let more = size + (rows.len() as u64) < committed;
        Ok((rows, more))
    }

    /// Opens the log's files and holds them against the outbox and against whoever remembers, before anything is
    /// written or removed.
    async fn open_log(&self, ctx: &Context, chain: &Chain, log: &Log) -> Result<(), Error> {
        let Options { outbox, storage, .. } = &self.shared.options;
        let (storage, signatures) = (Arc::clone(storage), self.shared.signatures.clone());
        let (slot, signers, organization) = (Arc::clone(&log.writer), chain.clone(), ctx.organization());
        let generation = log.seen().generation;
        let mut opened = blocking(move || {
            // Whoever was dropped half way is waited for.
            let _held = slot.lock().unwrap_or_else(PoisonError::into_inner);
            Writer::open(storage, organization, generation, &signers, &signatures)
        })
        .await??;
        let committed = outbox.end(ctx).await?;
        if opened.reach > committed {
            return Err(Error::Ahead { published: opened.reach, committed });
        }
        let size = opened.writer.size();
        let newest = opened.newest.first().map_or(size, |(position, _)| *position);
        let rows: HashMap<u64, Vec<u8>> =
            outbox.entries(ctx, newest, size - newest).await?.into_iter().collect();
        for (position, hash) in &opened.newest {
            match rows.get(position) {
                Some(entry) if verify::merkle::leaf(entry) != *hash => {
                    return Err(Error::Fork { position: *position });
                }
                None if *position + 1 == size => {
                    return Err(Error::Gap { expected: *position, found: committed });
                }
                _ => {}
            }
        }
        // What is to be published must be there before anything beyond the checkpoint is removed.
        if committed > size {
            let next =
                outbox.entries(ctx, size, 1).await?.first().map_or(committed, |(position, _)| *position);
            if next != size {
                return Err(Error::Gap { expected: size, found: next });
            }
        }
        self.compare(ctx, &opened.writer, chain).await?;
        let slot = Arc::clone(&log.writer);
        blocking(move || {
            opened.tidy()?;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened.writer);
            Ok::<_, Error>(())
        })
        .await??;
        log.note();
        Ok(())
    }

    /// Asks everybody who remembers this log.
    async fn compare(&self, ctx: &Context, writer: &Writer, chain: &Chain) -> Result<(), Error> {
        let memories = &self.shared.options.memories;
        if memories.is_empty() {
            return Ok(());
        }
        let read = self.shared.options.store.read(ctx).await?;
        let remembered = tables::signed(&read, writer.generation()).await?.and_then(|note| claimed(&note));
        drop(read);
        let origin = writer.head().origin;
        let size = remembered.as_ref().map_or(0, |head| head.size).max(writer.published());
        for memory in memories {
            let signatures = &self.shared.signatures;
            let own = Own { origin: &origin, published: writer.note(), size, chain, signatures };
            let Some(sighting) = self.recall(ctx, &**memory, own).await? else { continue };
            let published = writer.checkpoint();
            let same = match (published, sighting.root) {
                (Some(published), Some(root)) if sighting.size < published.size => {
                    let (mut reader, old, size) = (writer.reader(), sighting.size, published.size);
                    let proof = blocking(move || reader.consistency(old, size)).await??;
                    verify::merkle::consistent(old, &root, size, &published.root, &proof)
                }
                _ => true,
            };
            rules::judge(&sighting, published, remembered.as_ref(), same)?;
        }
        Ok(())
    }

    async fn recall(
        &self,
        ctx: &Context,
        memory: &dyn Memory,
        own: Own<'_>,
    ) -> Result<Option<Sighting>, Error> {
        match memory.recall(ctx, own).await {
            Ok(sighting) => Ok(sighting),
            Err(unreachable @ Unreachable { required: true, .. }) => Err(Error::Uncompared(unreachable)),
            Err(Unreachable { by, why, .. }) => {
                tracing::warn!(by, why, "who remembers this log does not answer; the log goes on without");
                Ok(None)
            }
        }
    }

    /// Notes what an operator needs to know who begins another log.
    async fn refuse(
        &self,
        ctx: &Context,
        log: &Log,
        chain: &Chain,
        outcome: Result<(), Error>,
    ) -> Result<(), Error> {
        let Err(error) = outcome else { return Ok(()) };
        if rules::calls_for_another_log(&error) {
            let known = self.largest_known(ctx, log, chain).await;
            log.seen().refused = Some(Refused { known, why: error.to_string() });
        }
        Err(error)
    }

    /// The largest checkpoint of this log that anybody knows, by what they say.
    async fn largest_known(&self, ctx: &Context, log: &Log, chain: &Chain) -> Option<Sighting> {
        let generation = log.seen().generation;
        let mut known = Vec::new();
        let files = self.files(ctx.organization());
        let (signers, signatures) = (chain.clone(), self.shared.signatures.clone());
        let note = blocking(move || {
            let limit = verify::note::MAX_BYTES;
            let note = verify::LedgerFiles::read(&files, verify::checkpoint::FILE, limit).ok()?;
            publish::own(&note, &signers, &signatures).ok()?;
            Some(note)
        });
        let note = note.await.ok().flatten();
        let origin = ledger::checkpoint::origin(ctx.organization(), generation);
        if let Some(Checkpoint { size, root, .. }) = note.as_deref().and_then(claimed) {
            known.push(Sighting { by: "this node".to_owned(), size, root: Some(root) });
        }
        let size = known.first().map_or(0, |own| own.size);
        let signatures = &self.shared.signatures;
        let own = Own { origin: &origin, published: note.as_deref(), size, chain, signatures };
        for memory in &self.shared.options.memories {
            known.extend(memory.recall(ctx, own).await.ok().flatten());
        }
        // Of the same size, one that tells its root.
        known.into_iter().max_by_key(|sighting| (sighting.size, sighting.root.is_some()))
    }

    /// Removes published entries from the outbox, now and then. A failure costs room, nothing else.
    async fn prune(&self, ctx: &Context, log: &Log) {
        let published = log.seen().published.as_ref().map_or(0, |(checkpoint, _)| checkpoint.size);
        let below = published.saturating_sub(crate::KEPT);
        if below < log.seen().pruned + PRUNE_EVERY {
            return;
        }
        match self.shared.options.outbox.prune(ctx, below).await {
            Ok(()) => log.seen().pruned = below,
            Err(error) => {
                tracing::warn!(organization = %ctx.organization(), %error, "the outbox was not pruned")
            }
        }
    }
}

/// How many entries are sequenced.
fn sequenced(log: &Log) -> u64 {
    log.lock().as_ref().map_or(0, Writer::size)
}

/// Works with the writer, on a thread that may block, if it is still where it was.
async fn with<T: Send + 'static>(
    log: &Log,
    size: u64,
    work: impl FnOnce(&mut Writer) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let slot = Arc::clone(&log.writer);
    blocking(move || {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        work(slot.as_mut().filter(|writer| writer.size() == size).ok_or(Error::Interrupted)?)
    })
    .await?
}

/// Leads from a smaller tree to this one.
fn proof_from(log: &Log, size: u64) -> Result<crate::ProofFrom, Error> {
    let reader = log.lock().as_ref().ok_or(Error::Interrupted)?.reader();
    Ok(Arc::new(move |old| reader.clone().consistency(old, size)))
}
