//! `ledger-verify`: entries of a whole log that are verified in a second, beside reading and hashing alone.
//!
//! Ours is `verify::directory_by` over the files, as `nexora ledger verify DIR` calls it: every entry's schema and
//! canonical form, every hash of every tile, the root, both signatures, and that nothing else is there. The floor reads
//! the same bundles and hashes each entry once, with the same library and as many threads.

use crate::Failure;
use crate::ledger_files::{ENTRY_BYTES, Files};
use crate::machine::now;
use crate::report::{Report, quantile};
use audit::{Directory, Signatures};
use std::hint::black_box;
use std::sync::Mutex;
use std::time::Duration;
use verify::tiles::{self, Stack, TilePath};
use verify::{Hands, Job, KeyTrust, LedgerFiles as _, Pins};

const ENTRIES: u64 = if cfg!(debug_assertions) { 5_000 } else { 10_000_000 };
const ROUNDS: usize = 3;

/// As many threads as there are cores.
struct Threads(usize);

impl Hands for Threads {
    fn run(&self, jobs: Vec<Job<'_>>) {
        let jobs = Mutex::new(jobs.into_iter());
        std::thread::scope(|scope| {
            for _ in 0..self.0 {
                scope.spawn(|| {
                    loop {
                        // Taken before it is run, so that the others need not wait for it.
                        let job = jobs.lock().map(|mut jobs| jobs.next());
                        let Ok(Some(job)) = job else { return };
                        job();
                    }
                });
            }
        });
    }
}

/// Runs it.
pub(crate) fn measure() -> Result<Report, Failure> {
    let log = Files::make(ENTRIES)?;
    let files = Directory::open(log.path())?;
    let check = Signatures::new(crypto::aws_lc());
    let pins = Pins::of(&log.keys);
    let hands = Threads(std::thread::available_parallelism().map_or(1, usize::from));
    let whole = |report: verify::Report| -> Result<(), Failure> {
        let all = report.checkpoint.checkpoint().size == ENTRIES && report.trust == KeyTrust::Pinned;
        if all { Ok(()) } else { Err("it did not verify the whole log".into()) }
    };
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let begun = now();
        hash(&files, &hands)?;
        times[0].push(begun.elapsed());
        let begun = now();
        whole(verify::directory_by(&files, &check, &pins, &hands)?)?;
        times[1].push(begun.elapsed());
        let begun = now();
        whole(verify::directory(&files, &check, &pins)?)?;
        times[2].push(begun.elapsed());
    }
    let [floor, ours, alone] = times.map(|times| {
        let mut rates: Vec<f64> = times.into_iter().map(rate).collect();
        rates.sort_by(f64::total_cmp);
        quantile(&rates, 0.5)
    });
    Ok(Report {
        bench: "ledger-verify",
        unit: "entries/s",
        ours,
        other: Some(("reading and hashing alone", floor)),
        mode: format!(
            "{ENTRIES} entries of {ENTRY_BYTES} B from files in memory, {} threads; schema of every entry, hashes, tree, \
             Ed25519 and ML-DSA-44; medians of {ROUNDS} rounds",
            hands.0
        ),
        more: vec![("on one thread", format!("{alone:.0} entries/s"))],
    })
}

#[expect(clippy::cast_precision_loss, reason = "ten million")]
fn rate(time: Duration) -> f64 {
    ENTRIES as f64 / time.as_secs_f64()
}

/// The floor.
fn hash(files: &Directory, hands: &dyn Hands) -> Result<(), Failure> {
    let failed = Mutex::new(false);
    let bundles: Vec<u64> = (0..ENTRIES.div_ceil(256)).collect();
    let jobs = bundles.chunks(2).map(|bundles| -> Job<'_> {
        let failed = &failed;
        Box::new(move || {
            for &index in bundles {
                let path = TilePath::at(Stack::Entries, index, ENTRIES);
                let read = path.and_then(|path| files.read(&path.to_string(), path.max_bytes()).ok());
                let hashed = read.as_deref().and_then(|bytes| {
                    let entries = tiles::entries(bytes).ok()?;
                    for entry in entries {
                        black_box(verify::merkle::leaf(entry));
                    }
                    Some(())
                });
                if let (None, Ok(mut failed)) = (hashed, failed.lock()) {
                    *failed = true;
                }
            }
        })
    });
    hands.run(jobs.collect());
    if matches!(failed.lock().as_deref(), Ok(false)) { Ok(()) } else { Err("a bundle cannot be read".into()) }
}
