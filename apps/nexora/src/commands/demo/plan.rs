//! Where the story pauses: who will be cut off, and before which event.
//!
//! The demo runs on any logs, so it reads them first, with the same engine and without a server. That picks
//! the machine identity whose data the story follows and the event before which its credential is issued;
//! what then happens to it is decided by the product alone.

use crate::commands::events::Contents;
use crate::failure::Failure;
use base::{Id, Kind, Severity, Timestamp, noun};
use detect::{Judge, SHARDS, ShardState, shard_of};
use events::{IdentityKind, Record, Redactor};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What was found in the logs.
pub(super) struct Plan {
    /// The event that will tip the quarantine, by its index.
    pub(super) tipping: usize,
    /// Whom it will cut off.
    pub(super) identity: Id<noun::Identity>,
    /// What the provider calls it.
    pub(super) name: String,
    /// The accounts that the events speak for.
    pub(super) accounts: BTreeSet<String>,
    /// Events that name no account.
    pub(super) unclaimed: bool,
}

/// Reads the logs as the product will.
pub(super) fn plan(contents: &Contents, organization: Id<noun::Organization>) -> Result<Plan, Failure> {
    let judge = judge();
    let redactor = Redactor::unkeyed();
    let mut states = vec![ShardState::default(); SHARDS];
    let mut first_seen: HashMap<Id<noun::Identity>, usize> = HashMap::new();
    let (mut accounts, mut unclaimed) = (BTreeSet::new(), false);
    let mut candidates: Vec<(bool, usize, Id<noun::Identity>, String)> = Vec::new();
    for index in 0..contents.events.len() {
        let Ok(record) = Record::read(contents.event(index), &redactor) else { continue };
        match record.account() {
            Some(account) => drop(accounts.insert(account.to_owned())),
            None => unclaimed = true,
        }
        let Ok(activity) = record.activity(judge.pack().fields()) else { continue };
        let key = activity.actor.identity.as_ref();
        let identity = key.map(|key| key.id(organization));
        let known = identity.is_some_and(|identity| first_seen.contains_key(&identity));
        if let (Some(identity), true) = (identity, activity.actor.creates) {
            first_seen.entry(identity).or_insert(index);
        }
        // Rules and models look at event time; arrival only orders what is decided.
        let arrival = Timestamp::from_micros(i64::try_from(index).unwrap_or(i64::MAX));
        let found = judge.judge(&mut states[shard_of(identity)], &activity, organization, arrival);
        let tips =
            found.iter().any(|finding| finding.severity >= Severity::High && finding.trigger.may_tip());
        if let (Some(identity), Some(key), true, true) = (identity, key, known, tips) {
            let machine =
                matches!(key.kind, IdentityKind::AccessKey | IdentityKind::Role | IdentityKind::WebIdentity);
            if machine && !candidates.iter().any(|(_, _, there, _)| *there == identity) {
                let role = key.kind != IdentityKind::AccessKey;
                candidates.push((role, index, identity, key.name.clone().into_owned()));
            }
        }
    }
    // An access key before a role, for it is what leaks; then whoever comes first.
    candidates.sort();
    let (_, tipping, identity, name) = candidates.into_iter().next().ok_or_else(|| {
        Failure::new(
            Kind::CheckFailed,
            format!(
                "{}: no machine identity in these logs does anything, after its first event, that is cut off",
                contents.name
            ),
        )
    })?;
    Ok(Plan { tipping, identity, name, accounts, unclaimed })
}

fn judge() -> Judge {
    let texts: Vec<detect::RuleText<'_>> =
        rules::ALL.iter().map(|rule| detect::RuleText { path: rule.name, text: rule.text }).collect();
    Judge::new(Arc::new(detect::Pack::compile(&texts).0))
}
