//! The step that follows the findings.
//!
//! One transaction per batch of findings holds everything: the decisions, each quarantine with its entry,
//! the brake, and the cursor. After a crash it was there whole or not at all, so each finding is answered
//! exactly once; after the commit, and before anything else, the view is told.

use crate::{
    Acted, Decision, Error, Mode, Reason, Respond, Response, Settings, Worked,
    rules::{self, Plan, Subject},
    tables,
};
use base::{Context, Id, Limit, Severity, Timestamp, noun};
use detect::Finding;
use identities::Nature;
use ledger::{Entry, Kind};
use standing::{Change, Pending, Standing};
use std::collections::HashMap;
use store::{Queries, Tx};

/// Findings per transaction. Few, so that the first quarantine of a burst does not wait for the last.
const BATCH: u32 = 64;

/// The cursor's name.
const READER: &str = "respond";

/// What one batch comes to, before it is committed.
struct Batch {
    now: Timestamp,
    settings: Settings,
    identities: u64,
    earlier: HashMap<Id<noun::Finding>, Response>,
    responses: Vec<Response>,
    entries: Vec<Entry>,
    /// Digests of decisions on record that changed no standing.
    decided: Vec<[u8; 32]>,
    pending: Vec<(Pending, Acted)>,
    braked: bool,
}

impl Respond {
    /// Answers the next findings, at most 64; [`Worked::read`] is zero when there are none.
    ///
    /// # Errors
    /// [`Error`]; then nothing of the batch was done, and the next step begins with it again.
    pub async fn step(&self, ctx: &Context, now: Timestamp) -> Result<Worked, Error> {
        let door = self.store.read(ctx).await?;
        let (settings, cursor) = (tables::settings(&door).await?, door.cursor(READER).await?);
        drop(door);
        if settings.is_none() {
            self.ensure(ctx, now).await?;
        }
        let limit = Limit::try_from(BATCH).unwrap_or_default();
        let found = self.findings.since(ctx, cursor, limit).await?;
        let Some(last) = found.last() else { return Ok(Worked::default()) };
        let (read, next) = (found.len(), last.position + 1);
        let findings: Vec<_> = found.into_iter().map(|found| found.finding).collect();

        let mut tx = self.store.write_reserved(ctx).await?;
        if tx.cursor(READER).await? != cursor {
            // Another step was faster; what it did is not done again.
            return Ok(Worked { read, ..Worked::default() });
        }
        let ids: Vec<_> = findings.iter().map(|finding| finding.id).collect();
        let mut batch = Batch {
            now,
            settings: tables::settings(&tx).await?.ok_or(Error::Damaged)?,
            identities: self.identities.count(ctx).await?,
            earlier: tables::responses(&tx, &ids).await?,
            responses: Vec::new(),
            entries: Vec::new(),
            decided: Vec::new(),
            pending: Vec::new(),
            braked: false,
        };
        for finding in &findings {
            self.answer(&mut tx, &mut batch, finding).await?;
        }
        self.finish(tx, batch, read, next).await
    }

    /// One finding's answer, into the batch and the transaction.
    async fn answer(&self, tx: &mut Tx, batch: &mut Batch, finding: &Finding) -> Result<(), Error> {
        let earlier = batch.earlier.get(&finding.id).copied();
        if rules::settled(earlier.map(|earlier| (earlier.decision, earlier.arrival)), finding.arrival) {
            return Ok(());
        }
        let (decision, reason) = match self.cuttable(tx, finding).await? {
            Err(reason) => (Decision::Left, reason),
            Ok(identity) => self.act(tx, batch, finding, identity).await?,
        };
        let same = earlier.is_some_and(|earlier| (earlier.decision, earlier.reason) == (decision, reason));
        let acted = decision == Decision::Quarantined;
        if (same && !acted) || !rules::replaces(earlier.map(|earlier| earlier.decision), decision) {
            return Ok(());
        }
        let response = Response {
            finding: finding.id,
            identity: finding.identity,
            decision,
            reason,
            arrival: finding.arrival,
            decided_at: batch.now,
        };
        if acted {
            // At once: the brake counts it for the next finding.
            tables::put_responses(tx, &[response]).await?;
        } else {
            batch.responses.push(response);
            if finding.severity >= Severity::High {
                batch.decided.push(rules::digest(finding.id, decision, reason));
            }
        }
        Ok(())
    }

    /// The identity that the finding may cut off, or why none.
    async fn cuttable(
        &self,
        tx: &Tx,
        finding: &Finding,
    ) -> Result<Result<Id<noun::Identity>, Reason>, Error> {
        let identity = match rules::candidate(finding) {
            Ok(identity) => identity,
            Err(reason) => return Ok(Err(reason)),
        };
        let subject = match self.identities.get_in(tx, identity).await? {
            None => None,
            Some(known) => Some(Subject {
                person: known.nature == Nature::Person,
                provider_owned: known.provider_owned,
                protected: known.protected,
                quarantined: self.standings.get_in(tx, identity).await? != Standing::Good,
                released_at: tables::released_at(tx, identity).await?,
            }),
        };
        Ok(rules::may_cut(subject, finding.arrival).map(|()| identity))
    }

    async fn act(
        &self,
        tx: &mut Tx,
        batch: &mut Batch,
        finding: &Finding,
        identity: Id<noun::Identity>,
    ) -> Result<(Decision, Reason), Error> {
        let limit = batch.settings.limit(batch.identities);
        let recent = tables::automatic_between(tx, rules::window(finding.arrival)).await?;
        Ok(match rules::plan(batch.settings.effective(batch.now), recent, limit) {
            Plan::Observe => (Decision::Observed, Reason::ModeObserve),
            Plan::Propose => (Decision::Proposed, Reason::ModeAsk),
            Plan::Brake => {
                self.brake(tx, batch, recent, limit).await?;
                (Decision::Proposed, Reason::Braked)
            }
            Plan::Quarantine => {
                let change =
                    Change::Quarantine { reason: standing::Reason::Automatic, finding: Some(finding.id) };
                let pending = self.standings.set(tx, identity, change, batch.now).await?;
                let entry = Entry::done(Kind::IdentityQuarantined, identity)
                    .reason(standing::Reason::Automatic.as_str())
                    .fact("finding", finding.id)
                    .fact("arrival", finding.arrival);
                batch.entries.push(entry);
                let (finding, arrival) = (finding.id, finding.arrival);
                // The time of the commit is known after it.
                let acted = Acted { identity, finding, arrival, committed_at: batch.now };
                batch.pending.push((pending, acted));
                (Decision::Quarantined, Reason::Automatic)
            }
        })
    }

    /// Switches the mode to `ask`, and says so in a finding.
    async fn brake(&self, tx: &mut Tx, batch: &mut Batch, recent: u64, limit: u64) -> Result<(), Error> {
        batch.braked = true;
        batch.settings.mode = Mode::Ask;
        batch.settings.observes_until = None;
        tables::put_settings(tx, &batch.settings).await?;
        let organization = tx.context().organization();
        let finding = rules::brake_finding(organization, recent, limit, batch.now);
        let entry = Entry::done(Kind::ResponseBraked, organization)
            .fact("finding", finding.id)
            .fact("quarantines", recent)
            .fact("limit", limit);
        batch.entries.push(entry);
        let recorded = self.findings.record(tx, vec![finding]).await?;
        batch.entries.extend(recorded.entry());
        Ok(())
    }

    async fn finish(&self, mut tx: Tx, batch: Batch, read: usize, next: i64) -> Result<Worked, Error> {
        let Batch { responses, mut entries, decided, pending, braked, .. } = batch;
        tables::put_responses(&mut tx, &responses).await?;
        tx.set_cursor(READER, next).await?;
        if !decided.is_empty() {
            let hash = rules::batch(&decided);
            let organization = tx.context().organization();
            entries.push(Entry::done(Kind::ResponsesDecided, organization).batch(decided.len(), hash));
        }
        if entries.is_empty() {
            // Only findings that no response was asked for, or that had their answer.
            tx.commit_derived().await?;
            return Ok(Worked { read, ..Worked::default() });
        }
        let committed = tx.commit_all(entries).await?;
        let publish = |(pending, acted): (Pending, Acted)| {
            pending.publish(&committed);
            Acted { committed_at: committed.at(), ..acted }
        };
        Ok(Worked { read, acted: pending.into_iter().map(publish).collect(), braked })
    }
}
