//! How refusals are folded: by source, operation and minute, within bounds.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

use super::{Address, MAX_PAIRS, Operation, Refusals, STRANGERS, Source};
use base::{Action, Actor, Context, Id, Timestamp, noun};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

// The middle of a minute.
const NOW: Timestamp = Timestamp::from_millis(1_700_000_010_000);
const ACTION: Action = Action::DatasetsReveal;
const REVEAL: Operation = Operation { name: "datasets.reveal", why: None };
const LIST: Operation = Operation { name: "findings.ls", why: None };
const MINUTE: Duration = Duration::from_secs(60);

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
    let refusals = Refusals::default();
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
    let refusals = Refusals::default();
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
    let refusals = Refusals::default();
    by(&refusals, 1, NOW);
    by(&refusals, 1, NOW);
    let folded = refusals.due(organization(), NOW + MINUTE, false).remove(0);
    refusals.give_back(folded.clone());
    assert_eq!(counts(&refusals, NOW + MINUTE, false), [1]);
    by(&refusals, 1, NOW + MINUTE);
    refusals.give_back(folded);
    assert_eq!(counts(&refusals, NOW + MINUTE + MINUTE, false), [1], "with the minute that runs");
}

#[test]
fn a_caller_with_many_addresses_takes_neither_memory_nor_room_without_end() {
    let refusals = Refusals::default();
    let own = (0..100_000).filter(|address| from(&refusals, *address, NOW).own).count();
    assert_eq!(own, STRANGERS as usize);
    assert!(by(&refusals, 1, NOW).own, "who is known is not drowned by it");
    assert!(counts(&refusals, NOW, true).contains(&(100_000 - u64::from(STRANGERS))), "none is lost");
    let later = NOW + MINUTE * 10;
    let own = (0..1_000).filter(|address| from(&refusals, *address, later).own).count();
    assert_eq!(own, 160, "sixteen a minute");
}

#[test]
fn many_credentials_take_no_memory_without_end() {
    let refusals = Refusals::default();
    for number in 0..3 * MAX_PAIRS as u64 {
        by(&refusals, number, NOW);
    }
    let known = refusals.0.lock().expect("a lock");
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
