//! The store's outbox as the port that publication reads.

use crate::ports::{Outbox, Rows};
use base::Context;
use futures::{FutureExt as _, future::BoxFuture};
use store::{Error, OUTBOX, Queries as _, Store};

impl Outbox for Store {
    fn generation<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<u32, Error>> {
        async move { Ok(self.read(ctx).await?.generation().await?.number) }.boxed()
    }

    fn end<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<u64, Error>> {
        async move {
            let read = self.read(ctx).await?;
            let end = u64::try_from(read.end(OUTBOX).await?).unwrap_or(0);
            Ok(end.saturating_sub(read.generation().await?.base))
        }
        .boxed()
    }

    fn entries<'a>(&'a self, ctx: &'a Context, from: u64, limit: u64) -> BoxFuture<'a, Rows> {
        async move {
            let read = self.read(ctx).await?;
            let base = read.generation().await?.base;
            let rows = read.entries(base.saturating_add(from), limit).await?;
            Ok(rows.into_iter().map(|(position, entry)| (position.saturating_sub(base), entry)).collect())
        }
        .boxed()
    }

    fn prune<'a>(&'a self, ctx: &'a Context, below: u64) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            let mut tx = self.write(ctx).await?;
            let base = tx.generation().await?.base;
            tx.prune_entries(base.saturating_add(below)).await?;
            tx.commit_derived().await
        }
        .boxed()
    }

    fn accepting<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<(), Error>> {
        Self::accepting(self, ctx).boxed()
    }
}
