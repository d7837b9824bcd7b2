//! What the routes ask of the node they run on.

use crate::figures;
use crate::wiring::{Served, Wiring, told};
use base::{Context, Id, Kind, Limit, noun};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use keys::Filter;
use server::{Check, Failure, LedgerStatus, Platform, Problem, State};
use store::Space;

/// This node, as its routes see it.
pub(crate) struct ThisNode {
    pub(crate) wiring: Wiring,
}

impl Platform for ThisNode {
    fn open(&self, organization: Id<noun::Organization>) -> BoxFuture<'_, Result<(), Problem>> {
        self.wiring.open(organization).boxed()
    }

    fn obstacles(&self) -> BoxFuture<'_, Vec<String>> {
        async move {
            let mut obstacles = Vec::new();
            for (organization, served) in self.wiring.open_organizations() {
                if matches!(served, Served::Locked) {
                    obstacles.push(format!(
                        "{organization} is locked: the root of trust does not open its keys; restore the root, or hold \
                         a recovery ceremony"
                    ));
                }
                let ctx = self.wiring.background(organization, "readiness");
                match self.wiring.store.space(&ctx).await {
                    Ok(Space::Free) => {}
                    Ok(Space::Full { left }) => obstacles.push(format!(
                        "the disk is full: quarantines and refusals go on from a reserve with {left} bytes left"
                    )),
                    Ok(Space::Spent) => obstacles.push(
                        "the disk is full and the reserve is spent: reveals are refused, and not recorded"
                            .to_owned(),
                    ),
                    Err(error) => obstacles.push(error.to_string()),
                }
            }
            if let Err(error) = self.wiring.keys.health().await {
                obstacles.push(format!("the root of trust does not answer: {error}"));
            }
            obstacles.sort();
            obstacles.dedup();
            obstacles
        }
        .boxed()
    }

    fn checks<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<Vec<Check>, Problem>> {
        async move {
            Ok(vec![
                self.disk(ctx).await,
                self.root().await,
                self.keys(ctx).await,
                self.recovery(ctx).await,
                self.exported(ctx).await,
                self.ledger_check(ctx).await,
                self.log_of_logs().await,
                self.ledger_memory(ctx).await,
                self.standings(ctx),
                self.rules(),
            ])
        }
        .boxed()
    }

    fn ledger<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<LedgerStatus, Problem>> {
        async move {
            let status = self.wiring.audit.status(ctx).await.map_err(told)?;
            let keys = self.wiring.log_keys(ctx.organization()).ok_or_else(|| {
                Problem::new(Kind::Unavailable, "the organization is not open on this node")
            })?;
            let keys = keys.verifier_keys();
            let dir = match (&self.wiring.ledger_place, self.wiring.audit.directory(ctx.organization())) {
                // Who asks stands elsewhere than this process.
                (None, Some(dir)) => std::path::absolute(&dir).unwrap_or(dir).display().to_string(),
                (place, _) => {
                    let log = audit::log_name(ctx.organization(), status.generation);
                    format!("{}/{log}", place.as_deref().unwrap_or_default())
                }
            };
            Ok(LedgerStatus {
                origin: keys[0].name().to_owned(),
                keys: keys.iter().map(ToString::to_string).collect(),
                generation: status.generation,
                committed: status.committed,
                sequenced: status.sequenced,
                published: status.published,
                stalled: status.stalled,
                dir,
            })
        }
        .boxed()
    }

    fn prove<'a>(
        &'a self,
        ctx: &'a Context,
        generation: Option<u32>,
        position: u64,
    ) -> BoxFuture<'a, Result<Vec<u8>, Problem>> {
        async move {
            let platform = self.wiring.background(self.wiring.store.platform(), "prove");
            let proof = self.wiring.audit.prove(ctx, &platform, generation, position).await.map_err(told)?;
            Ok(proof.to_file())
        }
        .boxed()
    }

    fn rotate_ledger_keys<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<(), Failure>> {
        self.wiring.rotate_log_keys(ctx).boxed()
    }

    fn restart_ledger<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<(), Failure>> {
        self.wiring.restart_log(ctx).boxed()
    }

    fn rule_text(&self, rule: &str) -> Option<String> {
        self.wiring.pack.rule(rule).map(|rule| rule.text.clone())
    }

    fn metrics(&self) -> String {
        let counts = self.wiring.pipeline.counts();
        for (name, count) in [
            ("nexora_batches_total", counts.batches),
            ("nexora_batches_again_total", counts.batches_again),
            ("nexora_batches_busy_total", counts.busy),
            ("nexora_batches_not_kept_total", counts.not_kept),
            ("nexora_events_accepted_total", counts.accepted),
            ("nexora_findings_recorded_total", counts.findings),
            ("nexora_identities_discovered_total", counts.identities),
        ] {
            metrics::counter!(name).absolute(count);
        }
        for (code, count) in counts.rejected {
            metrics::counter!("nexora_events_rejected_total", "code" => code).absolute(count);
        }
        let (inventory, evicted) = self.wiring.identities.known().figures();
        metrics::counter!("nexora_identities_evicted_total").absolute(evicted);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("nexora_identities").set(inventory as f64);
        let pipeline::Remembered { identities, wide, waiting, evicted, told_together, passed_over } =
            self.wiring.pipeline.remembered();
        for (name, count) in [
            ("nexora_detection_identities", identities),
            ("nexora_detection_wide_identities", wide),
            ("nexora_detection_waiting", waiting),
        ] {
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            metrics::gauge!(name).set(count as f64);
        }
        metrics::counter!("nexora_detection_evicted_total").absolute(evicted);
        metrics::counter!("nexora_detection_told_together_total").absolute(told_together);
        let detect::PassedOver { ahead, ancient, late } = passed_over;
        for (why, count) in [("ahead", ahead), ("ancient", ancient), ("late", late)] {
            metrics::counter!("nexora_events_passed_over_total", "why" => why).absolute(count);
        }
        let figures = figures::recorder();
        figures.run_upkeep();
        figures.render()
    }
}

/// The most versions that a check names.
const NAMED: usize = 20;

/// What is said of versions that do not open under the root of trust in place.
fn shut(lost: &[keys::Key]) -> String {
    let named = |key: &keys::Key| match key.dataset {
        Some(dataset) => format!("{} of {dataset}", key.id),
        None => format!("{} ({})", key.id, key.purpose),
    };
    let mut names: Vec<_> = lost.iter().take(NAMED).map(named).collect();
    if lost.len() > NAMED {
        names.push(format!("{} more", lost.len() - NAMED));
    }
    if lost.iter().any(|key| key.purpose == keys::Purpose::Organization) {
        return format!(
            "the organization's own keys do not open under the root of trust in place, and nothing is protected: {}; put \
             the newest backup of the root back (nexora keys root restore), or hold a recovery ceremony (nexora keys \
             recovery restore)",
            names.join(", ")
        );
    }
    format!(
        "{} versions do not open under the root of trust in place, and nothing is protected under them: {}; put the newest \
         backup of the root back (nexora keys root restore) and resume them (nexora keys resume), or rotate them (nexora \
         keys rotate), which leaves what is under them shut",
        lost.len(),
        names.join(", ")
    )
}

fn check(name: &str, state: State, message: impl Into<String>) -> Check {
    Check { name: name.to_owned(), state, message: message.into() }
}

impl ThisNode {
    async fn disk(&self, ctx: &Context) -> Check {
        let name = "disk";
        match self.wiring.store.space(ctx).await {
            Ok(Space::Free) => check(name, State::Ok, "the reserve is whole"),
            Ok(Space::Full { left }) => {
                let said = format!("the disk is full; {left} bytes of the reserve are left: free some space");
                check(name, State::Failing, said)
            }
            Ok(Space::Spent) => {
                let said = "the disk is full and the reserve is spent: nothing can be put on record, so nothing is done, and \
                            what would be refused fails; free some space";
                check(name, State::Failing, said)
            }
            Err(error) => check(name, State::Failing, error.to_string()),
        }
    }

    async fn root(&self) -> Check {
        let (kept, inside) = (&self.wiring.root.kept, self.wiring.root.inside());
        match (self.wiring.keys.health().await, inside) {
            (Ok(_), Some((inside, Some(beside)))) => {
                let (inside, beside) = (inside.display(), beside.display());
                let said = format!(
                    "it stands in the data directory, and so in every backup of it: stop the server and mv {inside} {beside}"
                );
                check("root of trust", State::Warning, said)
            }
            (Ok(_), Some((inside, None))) => {
                let said = format!(
                    "a copy of its record stands in the data directory, and so in every backup of it: remove {}, or \
                     name another place for the root",
                    inside.display()
                );
                check("root of trust", State::Warning, said)
            }
            (Ok(health), None) if kept.exists() => check(
                "root of trust",
                State::Warning,
                format!(
                    "{}, {} units; its passphrase lies beside it in {}: move it elsewhere and name it (root_passphrase_file)",
                    health.kind,
                    health.units,
                    kept.display()
                ),
            ),
            (Ok(health), None) => {
                check("root of trust", State::Ok, format!("{}, {} units", health.kind, health.units))
            }
            (Err(error), _) => check("root of trust", State::Failing, error.to_string()),
        }
    }

    /// Whether keys open: the root knows this organization, and the key epoch was read lately.
    async fn keys(&self, ctx: &Context) -> Check {
        let name = "keys";
        if self.wiring.log_keys(ctx.organization()).is_none() {
            let said = "locked: the root of trust does not open them; restore the root (nexora keys root restore), or \
                        hold a recovery ceremony (nexora keys recovery restore)";
            return check(name, State::Failing, said);
        }
        match self.wiring.keys.unfinished_shred(ctx).await {
            Err(error) => return check(name, State::Failing, error.to_string()),
            Ok(Some(shred)) => {
                let why = shred.waits.map_or_else(String::new, |why| format!(": {why}"));
                let said = format!("the shredding {} is approved and not finished{why}", shred.id);
                return check(name, State::Failing, said);
            }
            Ok(None) => {}
        }
        match self.wiring.keys.lost(ctx).await {
            Err(error) => return check(name, State::Failing, error.to_string()),
            Ok(lost) if !lost.is_empty() => return check(name, State::Failing, shut(&lost)),
            Ok(_) => {}
        }
        let breaches = self
            .wiring
            .keys
            .breaches(ctx)
            .await
            .map_or(0, |all| all.into_iter().filter(|breach| breach.undone.is_none()).count());
        match self.wiring.keys.lease(ctx, Vec::new()).await {
            Err(error) => check(name, State::Failing, error.to_string()),
            Ok(_) if breaches > 0 => {
                let said = format!("{breaches} declared breaches keep keys suspended: nexora keys breach ls");
                check(name, State::Warning, said)
            }
            Ok(_) => check(name, State::Ok, "the key epoch is current"),
        }
    }

    async fn recovery(&self, ctx: &Context) -> Check {
        let name = "recovery";
        match self.wiring.keys.recovery(ctx).await {
            Err(error) => check(name, State::Failing, error.to_string()),
            Ok(None) => {
                let said = "not set up: a lost root of trust loses all keys; nexora keys recovery setup";
                check(name, State::Warning, said)
            }
            Ok(Some(recovery)) => {
                let shares = format!("{} of {} shares", recovery.quorum, recovery.custodians.len());
                if !recovery.unread.is_empty() {
                    let said = format!(
                        "{} do not read: put sound copies there, or remove them",
                        recovery.unread.join(", ")
                    );
                    return check(name, State::Failing, said);
                }
                let never = recovery.rehearsed_at.is_none();
                let mut lacks: Vec<_> = never
                    .then(|| "never rehearsed: nexora keys recovery rehearse".to_owned())
                    .into_iter()
                    .collect();
                match &recovery.package {
                    None => lacks.push("there is no package yet".to_owned()),
                    Some(package) if package.stale => lacks.push("the package is behind the keys".to_owned()),
                    Some(package) if package.left_out > 0 => lacks.push(format!(
                        "the package lacks {} keys that the root does not open: put the newest backup of the root back \
                         (nexora keys root restore), or restore an earlier package that has them (nexora keys recovery \
                         show)",
                        package.left_out
                    )),
                    Some(_) => {}
                }
                match (recovery.rehearsed_at, recovery.package) {
                    (Some(at), Some(package)) if lacks.is_empty() => {
                        let said = format!("{shares}; rehearsed {at}; package of {}", package.written_at);
                        check(name, State::Ok, said)
                    }
                    _ => check(name, State::Warning, format!("{shares}; {}", lacks.join("; "))),
                }
            }
        }
    }

    async fn exported(&self, ctx: &Context) -> Check {
        let name = "exported keys";
        let (mut exported, mut after) = (0, None);
        loop {
            let page = self.wiring.keys.versions(ctx, &Filter::default(), Limit::default(), after).await;
            let page = match page {
                Ok(page) => page,
                Err(error) => return check(name, State::Failing, error.to_string()),
            };
            exported += page.items.iter().filter(|key| key.exported.is_some()).count();
            after = page.items.last().filter(|_| page.next.is_some()).map(|last| last.id);
            if after.is_none() {
                break;
            }
        }
        match exported {
            0 => check(name, State::Ok, "none left the system"),
            count => {
                let said = format!("{count} versions left the system sealed to a recipient: nexora keys ls");
                check(name, State::Warning, said)
            }
        }
    }

    async fn ledger_check(&self, ctx: &Context) -> Check {
        let name = "ledger";
        match self.wiring.audit.status(ctx).await {
            Err(error) => check(name, State::Failing, error.to_string()),
            Ok(status) => {
                let pending = status.committed.saturating_sub(status.published);
                let said = format!(
                    "{} entries committed, {} published, {pending} not yet published",
                    status.committed, status.published
                );
                match status.stalled {
                    Some(why) => check(name, State::Failing, format!("{said}; publication stalls: {why}")),
                    None => check(name, State::Ok, said),
                }
            }
        }
    }

    /// The platform's log, through which witnesses remember every organization's.
    async fn log_of_logs(&self) -> Check {
        let name = "platform's ledger";
        let ctx = self.wiring.background(self.wiring.store.platform(), "diagnosis");
        match self.wiring.audit.status(&ctx).await {
            Err(error) => check(name, State::Failing, error.to_string()),
            Ok(status) => match status.stalled {
                Some(why) => check(name, State::Failing, format!("publication stalls: {why}")),
                None => check(name, State::Ok, format!("{} entries published", status.published)),
            },
        }
    }

    /// Whether a restore of the whole data directory would be seen.
    async fn ledger_memory(&self, ctx: &Context) -> Check {
        let name = "ledger's memory";
        if let Some(anchor) = &self.wiring.anchor {
            let platform = self.wiring.background(self.wiring.store.platform(), "diagnosis");
            for ctx in [ctx, &platform] {
                if let Err(error) = self.wiring.audit.is_held(ctx, &**anchor).await {
                    return check(name, State::Failing, crate::runner::chain(&error));
                }
            }
        }
        let outside = self.wiring.audit.memories().iter().filter(|memory| memory.is_outside());
        let mut outside: Vec<_> = outside.map(|memory| memory.name()).collect();
        outside.extend(self.wiring.ledger_place.clone());
        if outside.is_empty() {
            let said = "no witness and no anchor stands outside the data directory: that the whole of it was replaced by \
                        an older one could not be seen, nor that details came back with it that have been erased since; \
                        set ledger_policy or ledger_anchor";
            return check(name, State::Warning, said);
        }
        check(name, State::Ok, format!("an older data directory would be seen by {}", outside.join(", ")))
    }

    fn standings(&self, ctx: &Context) -> Check {
        let view = self.wiring.standings.view();
        match view.heard(ctx.organization(), self.wiring.clock.now()) {
            Ok(()) => {
                let quarantined = view.quarantined(ctx.organization()).len();
                check("standings", State::Ok, format!("current; {quarantined} identities are quarantined"))
            }
            Err(refusal) => check("standings", State::Failing, refusal.to_string()),
        }
    }

    fn rules(&self) -> Check {
        let rules = self.wiring.pack.rules().len();
        check("rules", State::Ok, format!("{rules} rules are loaded"))
    }
}
