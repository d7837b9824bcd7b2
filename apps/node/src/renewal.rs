//! A log renewed: fresh keys of `keys`, the entry of `audit`, in one change; and then this node serves it so.

use crate::wiring::{Served, Unopened, Wiring};
use base::{Context, Kind};
use server::Failure;

impl Wiring {
    /// Puts fresh keys in the place of those that sign the log.
    pub(crate) async fn rotate_log_keys(&self, ctx: &Context) -> Result<(), Failure> {
        let _turn = self.renewing.lock().await;
        let keys = self.log_keys(ctx.organization()).ok_or_else(locked)?;
        let mut tx = self.store.write(ctx).await?;
        let (pair, made) = self.keys.renew_log_keys(&mut tx).await?;
        let rotated = self.audit.rotate(&mut tx, &keys, &pair).await?;
        let _ = tx.commit_all([vec![rotated], made].concat()).await?;
        self.serve_renewed(ctx).await
    }

    /// Begins another log. With the platform's, every organization's begins anew: what it knew of them is lost, so
    /// none of them can tell how far behind it is.
    pub(crate) async fn restart_log(&self, ctx: &Context) -> Result<(), Failure> {
        let _turn = self.renewing.lock().await;
        let Some(keys) = self.log_keys(ctx.organization()) else { return self.restart_lost(ctx).await };
        // What was found wrong may be in order by now, and what is wrong may not have been found.
        if let Err(error) = self.audit.examine(ctx, &keys).await {
            tracing::warn!(organization = %ctx.organization(), %error, "another log is asked for");
        }
        self.begin_log(ctx, false).await?;
        if ctx.organization() != self.store.platform() {
            return Ok(());
        }
        for (organization, served) in self.open_organizations() {
            if organization == self.store.platform() || matches!(served, Served::Locked) {
                continue;
            }
            self.begin_log(&self.background(organization, "ledger.restart"), true).await?;
        }
        Ok(())
    }

    /// Begins another log of the platform where its keys were lost with the root of trust: no ceremony brings them
    /// back. An organization has custodians for that.
    async fn restart_lost(&self, ctx: &Context) -> Result<(), Failure> {
        let locked_out =
            |(known, served): &(_, Served)| *known == ctx.organization() && matches!(served, Served::Locked);
        let lost = self.open_organizations().iter().any(locked_out);
        if !lost || ctx.organization() != self.store.platform() {
            return Err(locked());
        }
        self.commit_log(ctx, true).await?;
        Ok(self.open(ctx.organization()).await?)
    }

    async fn begin_log(&self, ctx: &Context, whatever: bool) -> Result<(), Failure> {
        self.commit_log(ctx, whatever).await?;
        self.serve_renewed(ctx).await
    }

    async fn commit_log(&self, ctx: &Context, whatever: bool) -> Result<(), Failure> {
        let mut tx = self.store.write(ctx).await?;
        let (pair, made) = self.keys.renew_log_keys(&mut tx).await?;
        let started = self.audit.restart(&mut tx, &pair, whatever).await?;
        let _ = tx.commit_all([started, made].concat()).await?;
        Ok(())
    }

    async fn serve_renewed(&self, ctx: &Context) -> Result<(), Failure> {
        let keys = self.read_log_keys(ctx).await.map_err(|unopened| match unopened {
            Unopened::Keys(error) => Failure::from(error),
            Unopened::Audit(error) => Failure::from(error),
        })?;
        self.serve_log(ctx.organization(), keys);
        Ok(())
    }
}

fn locked() -> Failure {
    Failure::new(Kind::Unavailable, "the organization's keys are not open on this node")
}
