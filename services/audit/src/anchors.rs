//! The background work of an anchor: published checkpoints are handed over, one at a time, and their receipts kept.

use crate::{
    Anchor, Audit, Error, Memory, Own, Sighting, SignedBy, Unreachable,
    anchoring::{Anchored, Next, loss},
    ports::claimed,
    publish::signed_by,
    tables,
};
use base::Context;
use futures::{FutureExt as _, future::BoxFuture};
use std::sync::Arc;
use store::{Queries as _, Store};
use verify::Checkpoint;

/// The last checkpoint of a log that an anchor accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The note as it was handed over.
    pub note: Vec<u8>,
    /// What the anchor gave for it.
    pub receipt: Vec<u8>,
}

impl Audit {
    /// One step of anchoring the organization's log: hands over what is published, or asks what became of it. State
    /// is written down before anything leaves. `true` while something is under way.
    ///
    /// # Errors
    /// [`Error::Anchor`] where the anchor does not answer, gave a receipt that does not hold, or has less than it gave
    /// a receipt for; what the store meets.
    pub async fn anchor_step(&self, ctx: &Context, anchor: &dyn Anchor) -> Result<bool, Error> {
        let (store, name) = (&self.shared.options.store, anchor.name());
        let generation = self.shared.options.outbox.generation(ctx).await?;
        let state = tables::anchored(&store.read(ctx).await?, &name, generation).await?;
        // What this process has not opened and compared is not handed on.
        let published = self.published(ctx.organization());
        let published = published.filter(|_| self.generation(ctx.organization()) == generation);
        let accepted = state.accepted.as_ref().and_then(|(note, _)| claimed(note));
        let has_grown = published
            .as_ref()
            .is_some_and(|(head, _)| accepted.as_ref().is_none_or(|accepted| accepted.size < head.size));
        match state.next(published.as_ref().map(|(_, note)| note.as_slice()), has_grown) {
            Next::Rest => Ok(false),
            Next::Begin(begun) => {
                // What is added now would hide that what was there is gone.
                holds(anchor, accepted.as_ref(), self.signed(ctx)).await.map_err(Error::Anchor)?;
                self.keep(ctx, &name, generation, begun.clone()).await?;
                submit(anchor, &begun).await?;
                Ok(true)
            }
            Next::Ask => {
                let note = state.under_way.as_deref().unwrap_or_default();
                let fate = anchor.fate(note).await.map_err(Error::Anchor)?;
                if let crate::Fate::Accepted(receipt) = &fate {
                    anchor.verify(receipt, note).map_err(|wrong| {
                        Error::Anchor(Unreachable {
                            by: name.clone(),
                            why: wrong.to_string(),
                            required: true,
                        })
                    })?;
                }
                let (settled, again) = state.settle(fate);
                if settled != state {
                    self.keep(ctx, &name, generation, settled.clone()).await?;
                }
                if again {
                    holds(anchor, accepted.as_ref(), self.signed(ctx)).await.map_err(Error::Anchor)?;
                    submit(anchor, &settled).await?;
                }
                Ok(settled.under_way.is_some())
            }
        }
    }

    /// Whether the anchor still has as much of the organization's log as it gave a receipt for.
    ///
    /// # Errors
    /// [`Error::Anchor`] where it has less, or does not answer; what the store meets.
    pub async fn is_held(&self, ctx: &Context, anchor: &dyn Anchor) -> Result<(), Error> {
        let receipt = self.anchored(ctx, anchor).await?;
        let accepted = receipt.map(|receipt| receipt.checkpoint);
        holds(anchor, accepted.as_ref(), self.signed(ctx)).await.map_err(Error::Anchor)
    }

    /// What the organization's log has signed. Before this process has opened it, no key of it is known here, and each
    /// line is taken at its word; nothing is signed or handed on by then.
    fn signed(&self, ctx: &Context) -> SignedBy {
        let chain = self.log(ctx.organization()).seen().chain.clone();
        match chain {
            Some(chain) => signed_by(&chain, &self.shared.signatures),
            None => Arc::new(|_| true),
        }
    }

    /// The last checkpoint of the organization's log that this anchor accepted.
    ///
    /// # Errors
    /// What the store meets.
    pub async fn anchored(&self, ctx: &Context, anchor: &dyn Anchor) -> Result<Option<Receipt>, Error> {
        let generation = self.shared.options.outbox.generation(ctx).await?;
        let read = self.shared.options.store.read(ctx).await?;
        let state = tables::anchored(&read, &anchor.name(), generation).await?;
        Ok(state
            .accepted
            .and_then(|(note, receipt)| Some(Receipt { checkpoint: claimed(&note)?, note, receipt })))
    }

    async fn keep(&self, ctx: &Context, name: &str, generation: u32, state: Anchored) -> Result<(), Error> {
        let mut tx = self.shared.options.store.write(ctx).await?;
        tables::set_anchored(&mut tx, name, generation, state).await?;
        Ok(tx.commit_derived().await?)
    }
}

async fn submit(anchor: &dyn Anchor, state: &Anchored) -> Result<(), Error> {
    match &state.under_way {
        Some(note) => anchor.submit(note).await.map_err(Error::Anchor),
        None => Ok(()),
    }
}

/// Whether the anchor still has as much of a log as it accepted.
async fn holds(
    anchor: &dyn Anchor,
    accepted: Option<&Checkpoint>,
    signed: SignedBy,
) -> Result<(), Unreachable> {
    let Some(accepted) = accepted else { return Ok(()) };
    let latest = anchor.latest(&accepted.origin, signed).await?;
    let lost = loss(accepted, latest.as_deref().and_then(claimed).as_ref());
    lost.map_or(Ok(()), |why| Err(Unreachable { by: anchor.name(), why, required: true }))
}

/// An anchor as somebody who remembers. Who cannot be reached keeps the log from being signed: a log that is behind
/// is seen nowhere else. So does an anchor that has less than it gave a receipt for: it was emptied. What it holds counts
/// for what the log has signed, and what claims more under keys that nobody here knows: the log may have signed it after
/// a rotation that a restored directory does not have.
pub struct AnchorMemory {
    anchor: Arc<dyn Anchor>,
    store: Store,
}

impl AnchorMemory {
    /// What this anchor remembers; its receipts are in the store.
    #[must_use]
    pub fn new(anchor: Arc<dyn Anchor>, store: Store) -> Self {
        Self { anchor, store }
    }

    /// The checkpoint of the log that has the last receipt.
    async fn accepted(&self, ctx: &Context, origin: &str) -> Result<Option<Checkpoint>, Error> {
        let read = self.store.read(ctx).await?;
        let generation = read.generation().await?.number;
        let state = tables::anchored(&read, &self.anchor.name(), generation).await?;
        let accepted = state.accepted.and_then(|(note, _)| claimed(&note));
        Ok(accepted.filter(|accepted| accepted.origin == origin))
    }

    /// What it has of the log that claims more than this node has, by keys that are not known here.
    async fn strange(&self, own: Own<'_>, signed: SignedBy) -> Result<Option<Sighting>, Unreachable> {
        let (chain, size) = (own.chain.clone(), own.size);
        let is_strange =
            move |note: &[u8]| claimed(note).is_some_and(|head| head.size > size) && chain.is_strange(note);
        let strange = is_strange.clone();
        let note =
            self.anchor.latest(own.origin, Arc::new(move |note| signed(note) || strange(note))).await?;
        let head = note.as_deref().filter(|note| is_strange(note)).and_then(claimed);
        Ok(head.filter(|head| head.origin == own.origin).map(|head| Sighting {
            by: format!("{}, in a line by keys that are not known here,", self.name()),
            size: head.size,
            root: None,
        }))
    }
}

impl Memory for AnchorMemory {
    fn name(&self) -> String {
        self.anchor.name()
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn recall<'a>(
        &'a self,
        ctx: &'a Context,
        own: Own<'a>,
    ) -> BoxFuture<'a, Result<Option<Sighting>, Unreachable>> {
        async move {
            let Own { origin, chain, signatures, .. } = own;
            let signed = signed_by(chain, signatures);
            let accepted = self.accepted(ctx, origin).await.map_err(|error| Unreachable {
                by: self.name(),
                why: format!("its receipts cannot be read: {error}"),
                required: true,
            })?;
            holds(&*self.anchor, accepted.as_ref(), Arc::clone(&signed)).await?;
            let note = self.anchor.latest(origin, Arc::clone(&signed)).await?;
            let head = note.as_deref().and_then(claimed).filter(|head| head.origin == origin);
            let shown = head.map(|head| Sighting { by: self.name(), size: head.size, root: Some(head.root) });
            if shown.as_ref().is_some_and(|shown| shown.size > own.size) {
                return Ok(shown);
            }
            Ok(self.strange(own, signed).await?.or(shown))
        }
        .boxed()
    }
}
