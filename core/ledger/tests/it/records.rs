//! What a platform's log records of other logs: one history of each, or the log does not verify.

use crate::log::{Doubles, Log};
use base::Id;
use ledger::charter;
use verify::{Checkpoint, Origin, Pins, Problem};

/// A platform's log that records these, in entries 3, 4, …
fn platform(of: &[&Checkpoint]) -> Log {
    let mut log = Log::named(Origin { organization: Id::from_bytes([0; 16]), generation: 1 }, 7);
    for (position, recorded) in (3..).zip(of) {
        let entry = charter::checkpoints_recorded(log.origin.organization, std::slice::from_ref(*recorded));
        log.special.insert(position, entry);
    }
    log.grow(300);
    log
}

/// Two histories of one log, of which the second was put back to its start.
fn split() -> (Log, Log) {
    let whole = Log::grown(&[21]);
    let mut other = Log::new();
    other.special.insert(5, ledger::Entry::done(ledger::Kind::HoldPlaced, other.origin.organization));
    other.grow(21);
    (whole, other)
}

#[test]
fn records_of_one_log_that_shrink_or_split_do_not_verify() {
    let (whole, other) = split();
    let (a, b) = (whole.checkpoint(), other.checkpoint());
    assert_eq!((&a.origin, a.size), (&b.origin, b.size));
    assert_ne!(a.root, b.root);
    let small = Log::grown(&[4]).checkpoint();
    platform(&[&small, &a, &a]).verify().expect("it grows, or stays");
    let failure = platform(&[&a, &small]).verify().expect_err("it shrinks");
    let shrunk = Problem::RecordShrunk { origin: a.origin.clone(), size: 4, earlier: 21 };
    assert_eq!((failure.entry, failure.problem), (Some(4), shrunk));
    let failure = platform(&[&small, &a, &b]).verify().expect_err("there are two");
    let split = Problem::RecordSplit { origin: a.origin.clone(), size: 21 };
    assert_eq!((failure.entry, failure.problem), (Some(5), split));
}

#[test]
fn a_log_is_held_against_all_that_the_platform_recorded_of_it() {
    let (whole, mut other) = split();
    let (small, a) = (Log::grown(&[4]).checkpoint(), whole.checkpoint());
    other.grow(30);
    let b = other.checkpoint();
    // Sizes only grow, so that the platform's log by itself says nothing.
    let platform = platform(&[&small, &a, &a, &b]);
    let read = verify::records(&platform, &Doubles, &Pins::default(), &a.origin);
    let (report, recorded) = read.expect("it verifies");
    let figures = [&small, &a, &b].map(figures).to_vec();
    assert_eq!((report.checkpoint.checkpoint(), &recorded), (&platform.checkpoint(), &figures), "each once");
    let unordered = Pins { recorded: vec![figures[1], figures[0]], ..Pins::default() };
    let failure = whole.verify_under(&unordered).expect_err("it was put back");
    assert!(matches!(failure.problem, Problem::RecordShrunk { size: 4, earlier: 21, .. }), "{failure}");
    let failure = other.verify_under(&Pins { recorded, ..Pins::default() }).expect_err("two histories");
    assert_eq!(failure.problem, Problem::Inconsistent { earlier: 21 });
    let elsewhere = verify::records(&platform, &Doubles, &Pins::default(), "nexora.internal/elsewhere");
    assert_eq!(elsewhere.expect("it verifies").1, []);
}

#[test]
fn of_a_pruned_log_the_records_below_its_beginning_are_passed_over_but_not_the_last_one() {
    let mut log = Log::new();
    let mut recorded: Vec<(u64, verify::Hash)> = [100, 600, 1_100]
        .map(|size| {
            log.grow(size);
            figures(&log.checkpoint())
        })
        .to_vec();
    log.grow(1_200);
    log.prune(512);
    let under = |recorded: &[(u64, verify::Hash)]| {
        log.verify_under(&Pins { recorded: recorded.to_vec(), ..Pins::default() })
            .map_err(|failure| failure.problem)
    };
    let _ = under(&recorded).expect("it continues what is kept of them");
    let past = Problem::Past { earlier: 100, minimum: 512 };
    assert_eq!(under(&recorded[..1]).err(), Some(past), "nothing that is kept was recorded");
    recorded[1].1 = [7; 32];
    assert_eq!(under(&recorded).err(), Some(Problem::Inconsistent { earlier: 600 }));
    recorded.truncate(1);
    recorded.push((5_000, recorded[0].1));
    assert!(
        matches!(under(&recorded).err(), Some(Problem::Shrunk { earlier: 5_000, .. })),
        "it is behind the last"
    );
}

#[test]
fn of_a_pruned_platform_s_log_the_records_that_are_kept_are_read() {
    let small = Log::grown(&[4]).checkpoint();
    let mut platform = Log::named(Origin { organization: Id::from_bytes([0; 16]), generation: 1 }, 7);
    for position in [3, 700] {
        let entry = charter::checkpoints_recorded(platform.origin.organization, std::slice::from_ref(&small));
        platform.special.insert(position, entry);
    }
    platform.grow(1_200);
    platform.prune(512);
    let hands = InTurn;
    let read = verify::records_by(&platform, &Doubles, &Pins::default(), &small.origin, &hands);
    assert_eq!(read.expect("it verifies").1, [figures(&small)], "what is dropped is not recorded twice over");
}

/// What is taken out of a record.
fn figures(of: &Checkpoint) -> (u64, verify::Hash) {
    (of.size, of.root)
}

/// One after the other.
struct InTurn;

impl verify::Hands for InTurn {
    fn run(&self, jobs: Vec<verify::Job<'_>>) {
        jobs.into_iter().for_each(|job| job());
    }
}
