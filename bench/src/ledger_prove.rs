//! `ledger-prove`: how long an inclusion proof takes in a log of ten million entries, beside reading the files that it is
//! made of.
//!
//! Ours is `ledger::Published`, as the operation behind `nexora ledger prove` calls it: checkpoint, bundle and tiles are
//! read from files, the hashes are gathered, and the proof is held against the root before it is handed out. Entries are
//! taken at random, each anew. The floor reads as many such files.

use crate::Failure;
use crate::ledger_files::{ENTRY_BYTES, Files};
use crate::machine::now;
use crate::report::{Report, quantile};
use audit::{Directory, Signatures};
use ledger::Published;
use std::hint::black_box;
use verify::tiles::{Stack, TilePath};
use verify::{LedgerFiles as _, Pins, Proof, checkpoint};

const ENTRIES: u64 = if cfg!(debug_assertions) { 5_000 } else { 10_000_000 };
const PROOFS: u64 = if cfg!(debug_assertions) { 100 } else { 20_000 };

/// Steps through all positions without order: a prime far from every power of two.
const STRIDE: u64 = 6_700_417;

/// Runs it.
pub(crate) fn measure() -> Result<Report, Failure> {
    let log = Files::make(ENTRIES)?;
    let files = Directory::open(log.path())?;
    let check = Signatures::new(crypto::aws_lc());
    let pins = Pins::of(&log.keys);
    let (mut proved, mut read, mut verified) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..PROOFS {
        let index = round * STRIDE % ENTRIES;
        let begun = now();
        bare(&files, index)?;
        read.push(begun.elapsed().as_secs_f64() * 1e3);
        let begun = now();
        let file = Published::open(&files)?.prove(index)?.to_file();
        proved.push(begun.elapsed().as_secs_f64() * 1e3);
        let begun = now();
        let proven = Proof::read(&file)?.verify(&pins, &check)?;
        verified.push(begun.elapsed().as_secs_f64() * 1e3);
        if proven.entry.position != index {
            return Err("the proof is of another entry".into());
        }
    }
    for times in [&mut proved, &mut read, &mut verified] {
        times.sort_by(f64::total_cmp);
    }
    Ok(Report {
        bench: "ledger-prove",
        unit: "ms",
        ours: quantile(&proved, 0.99),
        other: Some(("reading its files alone", quantile(&read, 0.99))),
        mode: format!(
            "p99 of {PROOFS} inclusion proofs, {ENTRIES} entries of {ENTRY_BYTES} B in files in memory, nothing cached in between"
        ),
        more: vec![
            ("p50", format!("{:.3} ms", quantile(&proved, 0.5))),
            ("to verify one, p99", format!("{:.3} ms", quantile(&verified, 0.99))),
        ],
    })
}

/// Reads the files that a proof is made of.
fn bare(files: &Directory, index: u64) -> Result<(), Failure> {
    black_box(files.read(checkpoint::FILE, verify::note::MAX_BYTES)?);
    let levels = (0..3u8).map(|level| (Stack::Level(level), index >> (8 * u32::from(level))));
    for (stack, item) in [(Stack::Entries, index)].into_iter().chain(levels) {
        if let Some(path) = TilePath::holding(stack, item, ENTRIES) {
            black_box(files.read(&path.to_string(), path.max_bytes())?);
        }
    }
    Ok(())
}
