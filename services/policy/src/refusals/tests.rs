//! How refusals are folded: by source, operation and minute, within bounds.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

use super::{Address, Folded, MAX_PAIRS, Operation, PURSE, REFILL, REST, Refusals, Source};
use base::{Action, Actor, Context, Id, Timestamp, noun};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

// The middle of a minute.
const NOW: Timestamp = Timestamp::from_millis(1_700_000_010_000);
const ACTION: Action = Action::DatasetsReveal;
const REVEAL: Operation = Operation { name: "datasets.reveal", why: None };
const LIST: Operation = Operation { name: "findings.ls", why: None };
const MINUTE: Duration = Duration::from_secs(60);
/// What is asked for, and how much of it: names of one letter to sixty.
const OPERATIONS: usize = NAMES.len();
const NAMES: [&str; 60] = {
    let mut names = [""; 60];
    let (letters, mut at) =
        ("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", 0);
    while at < names.len() {
        names[at] = letters.split_at(at + 1).0;
        at += 1;
    }
    names
};

fn organization() -> Id<noun::Organization> {
    Id::from_bytes([1; 16])
}

fn ctx(actor: Actor) -> Context {
    Context::authenticated(organization(), actor, Id::from_bytes([3; 16]))
}

fn holder(number: u64) -> Actor {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Actor::Source { credential: Id::from_bytes(bytes) }
}

fn by(refusals: &Refusals, number: u64, now: Timestamp) -> super::Asked {
    refusals.ask(&ctx(holder(number)), Source::Actor(holder(number)), REVEAL, ACTION, now)
}

fn from(refusals: &Refusals, address: u32, now: Timestamp) -> super::Asked {
    let address = Address::of(Some(IpAddr::V4(Ipv4Addr::from(address))));
    refusals.ask(&ctx(Actor::Unidentified), Source::Address(address), LIST, ACTION, now)
}

fn counts(refusals: &Refusals, now: Timestamp, all: bool) -> Vec<u64> {
    refusals.due(organization(), now, all).iter().map(|folded| folded.count).collect()
}

#[test]
fn the_first_of_a_minute_is_its_own_and_the_rest_are_one() {
    let refusals = Refusals::of(OPERATIONS);
    assert!(by(&refusals, 1, NOW).own);
    for _ in 0..1_000 {
        assert!(!by(&refusals, 1, NOW).own);
    }
    assert!(by(&refusals, 2, NOW).own, "another source is not held back");
    let other = refusals.ask(&ctx(holder(1)), Source::Actor(holder(1)), LIST, ACTION, NOW);
    assert!(other.own, "nor is another operation");
    assert!(counts(&refusals, NOW, false).is_empty(), "the minute is not over");
    let due = refusals.due(organization(), NOW + MINUTE, false);
    let [folded] = due.as_slice() else { panic!("one count: {due:?}") };
    assert_eq!((folded.count, folded.operation, folded.ctx.actor()), (1_000, REVEAL, &holder(1)));
    assert_eq!(folded.since, Timestamp::from_millis(1_699_999_980_000));
    assert!(counts(&refusals, NOW + MINUTE, true).is_empty(), "once");
}

#[test]
fn the_next_minute_begins_with_what_the_last_one_counted() {
    let refusals = Refusals::of(OPERATIONS);
    for _ in 0..8 {
        by(&refusals, 1, NOW);
    }
    let next = by(&refusals, 1, NOW + MINUTE);
    assert!(next.own);
    assert_eq!(next.before.map(|folded| folded.count), Some(7));
    assert!(!by(&refusals, 1, NOW + MINUTE).own);
    assert_eq!(counts(&refusals, NOW + MINUTE, true), [1], "all, at the drain");
    assert!(by(&refusals, 1, NOW.minus(MINUTE)).own, "a clock that was set back begins another minute");
}

#[test]
fn what_could_not_be_written_is_counted_again() {
    let refusals = Refusals::of(OPERATIONS);
    by(&refusals, 1, NOW);
    by(&refusals, 1, NOW);
    let folded = refusals.due(organization(), NOW + MINUTE, false).remove(0);
    refusals.give_back(folded.clone(), false);
    assert_eq!(counts(&refusals, NOW + MINUTE, false), [1]);
    by(&refusals, 1, NOW + MINUTE);
    refusals.give_back(folded, false);
    assert_eq!(counts(&refusals, NOW + MINUTE + MINUTE, false), [1], "with the minute that runs");
}

#[test]
fn an_entry_of_its_own_that_could_not_be_written_is_the_next_one_s() {
    let refusals = Refusals::of(OPERATIONS);
    let unwritten = || {
        let (ctx, source) = (ctx(holder(1)), Source::Actor(holder(1)));
        let folded = Folded { ctx, source, operation: REVEAL, action: ACTION, count: 1, since: NOW };
        refusals.give_back(folded, true);
    };
    for _ in 0..3 {
        assert!(by(&refusals, 1, NOW).own, "it is tried again");
        unwritten();
    }
    assert!(by(&refusals, 1, NOW).own);
    assert!(!by(&refusals, 1, NOW).own, "written, the others are counted");
    assert_eq!(counts(&refusals, NOW, true), [4], "with those that met a full disk");
}

/// How many of all operations an address is refused with an entry of its own.
fn walk(refusals: &Refusals, address: u32, now: Timestamp) -> usize {
    let address = Address::of(Some(IpAddr::V4(Ipv4Addr::from(address))));
    let ask = |name: &&'static str| {
        let operation = Operation { name, why: None };
        refusals.ask(&ctx(Actor::Unidentified), Source::Address(address), operation, ACTION, now).own
    };
    NAMES.iter().filter(|name| ask(name)).count()
}

#[test]
fn a_caller_with_a_million_addresses_takes_neither_memory_nor_room_without_end() {
    let refusals = Refusals::of(OPERATIONS);
    let (purse, refill) = (OPERATIONS as u64 * u64::from(PURSE), OPERATIONS as u64 * u64::from(REFILL));
    let (mut own, mut counted) = (0, 0);
    for minute in 0..10 {
        let now = NOW + MINUTE * minute;
        own += (0..100_000).filter(|at| from(&refusals, minute * 100_000 + at, now).own).count() as u64;
        assert!(by(&refusals, minute.into(), now).own, "who is known is not drowned by it");
        let known = refusals.known.lock().expect("a lock");
        let kept = &known[&organization()];
        assert!((kept.had.len() + kept.pairs.len()) as u64 <= 2 * (purse + refill) + 2, "{minute}");
        drop(known);
        counted += counts(&refusals, now, true).iter().sum::<u64>();
    }
    assert_eq!(own, purse + 9 * refill, "so many at any speed, and so many a minute");
    assert_eq!(own + counted, 1_000_000, "none is lost");
    let _ = refusals.due(organization(), NOW + MINUTE * 11, true);
    assert!(
        refusals.known.lock().expect("a lock")[&organization()].had.is_empty(),
        "what is over is forgotten"
    );
}

/// A stranger asks for every operation there is, minute after minute for an hour.
#[test]
fn one_address_has_all_its_entries_and_does_not_silence_a_second() {
    let refusals = Refusals::of(OPERATIONS);
    for minute in 0..60 {
        let now = NOW + MINUTE * minute;
        assert_eq!(
            walk(&refusals, 1, now),
            OPERATIONS,
            "the first refusal of each operation, in minute {minute}"
        );
        assert_eq!(walk(&refusals, 1, now), 0, "once a minute");
        assert!(from(&refusals, 2, now).own, "somebody else, in minute {minute}");
        assert_eq!(counts(&refusals, now + MINUTE, false), [1; OPERATIONS]);
    }
}

/// Sixty of them do: each gets less, and who asks once is heard.
#[test]
fn who_asks_for_much_from_many_addresses_leaves_room_for_who_asks_once() {
    let refusals = Refusals::of(OPERATIONS);
    for minute in 0..60 {
        let now = NOW + MINUTE * minute;
        let loud: usize = (1..=60).map(|address| walk(&refusals, address, now)).sum();
        assert!(loud < OPERATIONS * 60, "not all of it");
        assert!(from(&refusals, 1_000 + minute, now).own, "somebody else, in minute {minute}");
        let due = refusals.due(organization(), now + MINUTE, false);
        let rest: Vec<_> = due.iter().filter(|folded| folded.operation == REST).collect();
        assert!(rest.iter().any(|folded| matches!(folded.source, Source::Address(_))), "under its address");
        let counted: u64 = due.iter().map(|folded| folded.count).sum();
        assert_eq!(counted + loud as u64, OPERATIONS as u64 * 60, "none is lost");
    }
}

#[test]
fn many_credentials_take_no_memory_without_end() {
    let refusals = Refusals::of(OPERATIONS);
    for number in 0..3 * MAX_PAIRS as u64 {
        by(&refusals, number, NOW);
    }
    let known = refusals.known.lock().expect("a lock");
    assert_eq!(known[&organization()].pairs.len(), MAX_PAIRS + 1);
}

#[test]
fn one_network_is_one_address() {
    let of = |text: &str| Address::of(Some(text.parse().expect("an address")));
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:192.0.2.7").to_string(), "192.0.2.7");
    assert_eq!(of(&Ipv6Addr::LOCALHOST.to_string()).to_string(), "::/64");
    assert_eq!(Address::of(None).to_string(), "local");
}
