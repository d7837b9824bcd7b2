//! The background work of an anchor: published checkpoints are handed over, one at a time, and their receipts kept.

use crate::{
    Anchor, Audit, Error, Memory, Sighting, Unreachable,
    anchoring::{Anchored, Next},
    ports::claimed,
    tables,
};
use base::Context;
use futures::{FutureExt as _, future::BoxFuture};
use std::sync::Arc;
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
    /// [`Error::Anchor`] where the anchor does not answer, or gave a receipt that does not hold; what the store meets.
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
                    submit(anchor, &settled).await?;
                }
                Ok(settled.under_way.is_some())
            }
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

/// An anchor as somebody who remembers. Who cannot be reached keeps the log from being signed: a log that is behind
/// is seen nowhere else.
pub struct AnchorMemory(Arc<dyn Anchor>);

impl AnchorMemory {
    /// What this anchor remembers.
    #[must_use]
    pub fn new(anchor: Arc<dyn Anchor>) -> Self {
        Self(anchor)
    }
}

impl Memory for AnchorMemory {
    fn name(&self) -> String {
        self.0.name()
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn recall<'a>(
        &'a self,
        _: &'a Context,
        origin: &'a str,
        _: Option<&'a [u8]>,
    ) -> BoxFuture<'a, Result<Option<Sighting>, Unreachable>> {
        async move {
            let note = self.0.latest(origin).await?;
            let head = note.as_deref().and_then(claimed).filter(|head| head.origin == origin);
            Ok(head.map(|head| Sighting { by: self.0.name(), size: head.size, root: Some(head.root) }))
        }
        .boxed()
    }
}
