//! Where the story pauses: who will be cut off, and before which event.
//!
//! The demo runs on any logs, so it reads them first, with the same engine and without a server. That picks
//! the machine identity whose data the story follows and the event before which its credential is issued;
//! what then happens to it is decided by the product alone.

use crate::commands::events::Contents;
use crate::failure::Failure;
use base::{Id, Kind, Severity, noun};
use detect::{Judge, SHARDS, ShardState, shard_of};
use events::{IdentityKind, Record, Redactor};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What was found in the logs.
pub(super) struct Plan {
    /// Whom the story follows; nobody where no machine identity acts.
    pub(super) follow: Option<Follow>,
    /// The accounts that the events speak for.
    pub(super) accounts: BTreeSet<String>,
    /// Events that name no account.
    pub(super) unclaimed: bool,
}

/// Whom the story follows.
#[derive(Clone)]
pub(super) struct Follow {
    /// The identity.
    pub(super) identity: Id<noun::Identity>,
    /// Its name.
    pub(super) name: String,
    /// The event that will tip its quarantine, by its index; none in peaceful logs.
    pub(super) tipping: Option<usize>,
}

/// Someone who will be cut off.
struct Suspect {
    follow: Follow,
    /// Whether it acted before, so that it can hold a credential by then.
    known: bool,
    access_key: bool,
}

/// How many are cut off before the brake stops a burst.
const BEFORE_THE_BRAKE: usize = 5;

/// Reads the logs as the product will.
pub(super) fn plan(contents: &Contents, organization: Id<noun::Organization>) -> Result<Plan, Failure> {
    let judge = judge();
    let redactor = Redactor::unkeyed();
    let mut states = vec![ShardState::default(); SHARDS];
    let mut first_seen: HashMap<Id<noun::Identity>, usize> = HashMap::new();
    let (mut accounts, mut unclaimed) = (BTreeSet::new(), false);
    let mut suspects: Vec<Suspect> = Vec::new();
    let mut peaceful: Option<(bool, Follow)> = None;
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
        // In the story everything arrives after it happened; else nothing would be judged by behaviour.
        let arrival = activity.time;
        let found = judge.judge(&mut states[shard_of(identity)], &activity, organization, arrival);
        let tips =
            found.iter().any(|finding| finding.severity >= Severity::High && finding.trigger.may_tip());
        let (Some(identity), Some(key)) = (identity, key) else { continue };
        if activity.actor.creates {
            first_seen.entry(identity).or_insert(index);
        }
        let machine =
            matches!(key.kind, IdentityKind::AccessKey | IdentityKind::Role | IdentityKind::WebIdentity);
        if !machine || activity.actor.facts.interactive || activity.actor.facts.provider_owned {
            continue;
        }
        let access_key = key.kind == IdentityKind::AccessKey;
        let name = key.name.clone().into_owned();
        if tips && !suspects.iter().any(|suspect| suspect.follow.identity == identity) {
            let follow = Follow { identity, name: name.clone(), tipping: Some(index) };
            suspects.push(Suspect { follow, known, access_key });
        }
        if activity.actor.creates && peaceful.as_ref().is_none_or(|(key, _)| access_key && !key) {
            peaceful = Some((access_key, Follow { identity, name, tipping: None }));
        }
    }
    suspects.truncate(BEFORE_THE_BRAKE);
    suspects.retain(|suspect| suspect.known);
    // An access key before a role, for it is what leaks; then whoever comes first.
    suspects.sort_by_key(|suspect| !suspect.access_key);
    let follow = suspects.into_iter().next().map(|suspect| suspect.follow);
    let follow = follow.or(peaceful.map(|(_, follow)| follow));
    if accounts.is_empty() && !unclaimed {
        let what = format!("{}: no event in it can be judged", contents.name);
        return Err(Failure::new(Kind::BadInput, what));
    }
    Ok(Plan { follow, accounts, unclaimed })
}

fn judge() -> Judge {
    let texts: Vec<detect::RuleText<'_>> =
        rules::ALL.iter().map(|rule| detect::RuleText { path: rule.name, text: rule.text }).collect();
    Judge::new(Arc::new(detect::Pack::compile(&texts).0))
}
