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
    let platform = platform(&[&small, &a, &b]);
    let read = verify::records(&platform, &Doubles, &Pins::default(), &a.origin);
    let (report, recorded) = read.expect("it verifies");
    assert_eq!((report.checkpoint.checkpoint(), &recorded), (&platform.checkpoint(), &vec![small, a, b]));
    let failure =
        other.verify_under(&Pins { earlier: recorded, ..Pins::default() }).expect_err("two histories");
    assert_eq!(failure.problem, Problem::Inconsistent { earlier: 21 });
    let elsewhere = verify::records(&platform, &Doubles, &Pins::default(), "nexora.internal/elsewhere");
    assert_eq!(elsewhere.expect("it verifies").1, []);
}
