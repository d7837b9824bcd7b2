//! `ledger-append`: how many entries a second the sequencer makes a published log of, beside SQLite that inserts the
//! same entries.
//!
//! Ours: entries of 300 bytes in memory, behind the port of the outbox, become tiles that are synced, and one checkpoint
//! for each batch, signed with both keys of the log, checked, put in place and synced. The peer: the same entries
//! inserted into a table by SQLite (`bench/python/inserts.py`), one transaction for each batch of the same size, its
//! log synced at every commit. Both on the same file system, in turn. The table has the path that a real entry takes:
//! committed through the store's outbox, a batch in one transaction, and then published.

use crate::Failure;
use crate::ledger_files::{ENTRY_BYTES, entry};
use crate::machine::now;
use crate::python;
use crate::report::{Report, quantile};
use audit::{Audit, LogKeys, Options, Outbox, Rows};
use base::{Actor, Clock, Context, Id, Timestamp, noun};
use crypto::Provider;
use crypto::sign::{Algorithm, SigningKey};
use futures::{FutureExt as _, future::BoxFuture};
use ledger::{Entry, Kind, Stamp, charter};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use store::Store;
use verify::Origin;

/// Entries of a batch: under one checkpoint.
const BATCH: u64 = if cfg!(debug_assertions) { 1_024 } else { 32_768 };
/// Batches of a round.
const BATCHES: u64 = if cfg!(debug_assertions) { 2 } else { 8 };
const ROUNDS: usize = if cfg!(debug_assertions) { 1 } else { 5 };
/// Entries that go through the store's outbox.
const THROUGH: u64 = if cfg!(debug_assertions) { 1_024 } else { 32_768 };

const PROGRAM: &str = include_str!("../python/inserts.py");

/// The time of a benchmark's log does not pass.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_800_000_000)
    }
}

/// Entries in memory.
struct InMemory(Vec<Vec<u8>>);

impl Outbox for InMemory {
    fn generation<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<u32, store::Error>> {
        async { Ok(1) }.boxed()
    }

    fn end<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<u64, store::Error>> {
        async { Ok(self.0.len() as u64) }.boxed()
    }

    fn entries<'a>(&'a self, _: &'a Context, from: u64, limit: u64) -> BoxFuture<'a, Rows> {
        let upto = usize::try_from(limit).unwrap_or(usize::MAX);
        let rows = (from..).zip(self.0.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)));
        let rows = rows.take(upto).map(|(position, entry)| (position, entry.clone())).collect();
        async move { Ok(rows) }.boxed()
    }

    fn prune<'a>(&'a self, _: &'a Context, _: u64) -> BoxFuture<'a, Result<(), store::Error>> {
        async { Ok(()) }.boxed()
    }

    fn accepting<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<(), store::Error>> {
        async { Ok(()) }.boxed()
    }
}

/// A store in a directory of its own, and the keys of its platform's log.
struct Place {
    dir: tempfile::TempDir,
    provider: Arc<dyn Provider>,
    store: Store,
    ctx: Context,
    keys: LogKeys,
}

impl Place {
    async fn make() -> Result<Self, Failure> {
        static SCHEMAS: &[&store::Schema] = &[audit::SCHEMA];
        let (dir, provider) = (tempfile::tempdir()?, crypto::aws_lc());
        let random = Arc::clone(&provider);
        let options = store::Options {
            dir: dir.path().to_owned(),
            clock: Arc::new(Still),
            random: Arc::new(move |bytes: &mut [u8]| random.fill(bytes)),
        };
        let store = Store::open(options, SCHEMAS).await?;
        let key = |algorithm| SigningKey::generate(&*provider, algorithm);
        let keys = LogKeys::new(store.platform(), key(Algorithm::Ed25519), key(Algorithm::MlDsa44))?;
        let ctx = context(store.platform());
        Ok(Self { dir, store, ctx, keys, provider })
    }

    fn audit(&self, with: impl FnOnce(&mut Options)) -> Audit {
        let provider = Arc::clone(&self.provider);
        let mut options = Options::local(self.store.clone(), self.dir.path(), Arc::new(Still), provider);
        with(&mut options);
        Audit::open(options)
    }

    fn started(&self) -> Entry {
        let origin = Origin { organization: self.ctx.organization(), generation: 1 };
        charter::started(origin, &self.keys.verifier_keys())
    }

    /// Publishes everything; the seconds of each step.
    async fn publish(&self, audit: &Audit) -> Result<Vec<f64>, Failure> {
        let mut steps = Vec::new();
        loop {
            let begun = now();
            let step = audit.publish_step(&self.ctx, &self.keys).await?;
            steps.push(begun.elapsed().as_secs_f64());
            if !step.more {
                return Ok(steps);
            }
        }
    }

    /// Whether the log holds so many entries.
    fn holds(&self, audit: &Audit, size: u64) -> Result<(), Failure> {
        let check = audit::Signatures::new(Arc::clone(&self.provider));
        let pins = verify::Pins::of(&self.keys.verifier_keys());
        let report = verify::directory(&audit.files(self.ctx.organization()), &check, &pins)?;
        let found = report.checkpoint.checkpoint().size;
        if found == size { Ok(()) } else { Err(format!("{found} entries are published, not {size}").into()) }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is its own composition root")]
fn context(organization: Id<noun::Organization>) -> Context {
    Context::background(organization, "bench", Id::from_bytes([2; 16]))
}

/// Runs it.
pub(crate) async fn measure() -> Result<Report, Failure> {
    let (mut ours, mut theirs, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let place = Place::make().await?;
        let entries = entries(&place)?;
        let count = entries.len() as u64;
        theirs.push(inserted(place.dir.path(), &entries)?);
        let audit = place.audit(|options| {
            options.outbox = Arc::new(InMemory(entries));
            options.batch = BATCH;
        });
        let took = place.publish(&audit).await?;
        place.holds(&audit, count)?;
        ours.push(rate(count, took.iter().sum()));
        steps.extend(took);
    }
    let (committed, published) = through().await?;
    for values in [&mut ours, &mut theirs, &mut steps] {
        values.sort_by(f64::total_cmp);
    }
    Ok(Report {
        bench: "ledger-append",
        unit: "entries/s",
        ours: quantile(&ours, 0.5),
        other: Some(("SQLite, inserts", quantile(&theirs, 0.5))),
        mode: format!(
            "batches of {BATCH} entries of {ENTRY_BYTES} B in memory, each made durable as tiles under one checkpoint with \
             two signatures; SQLite: one transaction a batch, WAL, synchronous=FULL; medians of {ROUNDS} rounds of \
             {BATCHES} batches"
        ),
        more: vec![
            ("slowest and fastest round", range(&ours)),
            ("SQLite, slowest and fastest", range(&theirs)),
            ("a batch, p50", format!("{:.0} ms", quantile(&steps, 0.5) * 1e3)),
            (
                "through the outbox, committed",
                format!("{committed:.0} entries/s, {THROUGH} in one transaction"),
            ),
            ("through the outbox, and published", format!("{published:.0} entries/s, batches of 1,024")),
        ],
    })
}

fn entries(place: &Place) -> Result<Vec<Vec<u8>>, Failure> {
    let stamp = Stamp {
        organization: place.ctx.organization(),
        actor: &Actor::System { task: "bench" },
        request: Id::from_bytes([2; 16]),
        position: 0,
        time: Still.now(),
        nonce: [3; 16],
        salt: [4; 32],
    };
    let first = place.started().seal(&stamp)?.json;
    let rest = (1..BATCH * BATCHES).map(|position| entry(place.ctx.organization(), position));
    Ok(std::iter::once(first).chain(rest).collect())
}

/// What the Python program prints.
#[derive(Deserialize)]
struct Inserted {
    seconds: f64,
    entries: u64,
}

/// Entries a second that SQLite inserts. The first entry, which is longer, is not among them.
fn inserted(dir: &Path, entries: &[Vec<u8>]) -> Result<f64, Failure> {
    let file = dir.join("entries");
    let same = entries.get(1..).unwrap_or_default();
    std::fs::write(&file, same.concat())?;
    let work = serde_json::json!({
        "entries": file, "bytes": ENTRY_BYTES, "batch": BATCH, "database": dir.join("peer.db"),
    });
    let done: Inserted = python::run("python", PROGRAM, &work)?;
    if done.entries != same.len() as u64 {
        return Err(format!("SQLite holds {} entries", done.entries).into());
    }
    Ok(rate(done.entries, done.seconds))
}

/// Entries a second that the store commits with a change, and that go from there into the published log.
async fn through() -> Result<(f64, f64), Failure> {
    let place = Place::make().await?;
    let of = |count: u64| {
        let entry = || Entry::done(Kind::FindingsRecorded, place.ctx.organization()).batch(1, [7; 32]);
        (0..count).map(|_| entry()).collect::<Vec<_>>()
    };
    let _ = place.store.write(&place.ctx).await?.commit(place.started()).await?;
    let begun = now();
    let _ = place.store.write(&place.ctx).await?.commit_all(of(THROUGH)).await?;
    let committed = begun.elapsed().as_secs_f64();
    let audit = place.audit(|_| {});
    let published: f64 = place.publish(&audit).await?.iter().sum();
    place.holds(&audit, THROUGH + 1)?;
    Ok((rate(THROUGH, committed), rate(THROUGH, committed + published)))
}

#[expect(clippy::cast_precision_loss, reason = "a rate is an estimate")]
fn rate(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

fn range(sorted: &[f64]) -> String {
    let [first, last] = [sorted.first(), sorted.last()].map(|value| value.copied().unwrap_or(f64::NAN));
    format!("{first:.0} and {last:.0} entries/s")
}
