//! What of an entry can be looked for, and whether an entry fits. Pure.

use super::Query;
use base::{Fault, Kind, digest};
use serde_json::Value;
use std::{collections::BTreeSet, str::FromStr};
use verify::entry::Seen;

/// A term as rows carry it: 64 bits of its SHA-256.
pub(super) type Term = i64;

/// Actors that have no id.
const TYPES: [&str; 3] = ["administrator", "source", "unidentified"];

/// The tasks of ours: every name that a background task acts under.
pub const TASKS: &[&str] = &[
    "administrator",
    "audit.anchor",
    "audit.expiry",
    "audit.index",
    "audit.publish",
    "audit.recall",
    "audit.record",
    "audit.scrub",
    "datasets.reencrypt",
    "diagnosis",
    "drain",
    "identities.times",
    "keys.epoch",
    "keys.exports",
    "keys.recovery",
    "keys.root",
    "keys.rotation",
    "keys.shred",
    "ledger.restart",
    "open",
    "pipeline",
    "policy.refusals",
    "prove",
    "publish",
    "readiness",
    "respond",
    "respond.step",
    "standing.refresh",
    "witness",
];

/// Who acted, as it can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorTerm(String);

/// What was acted on or is named, as it can be asked for: the id of anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectTerm(String);

/// What cannot be looked for. It is not repeated: it may be a secret that was pasted into the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongTerm {
    /// No actor.
    #[error(
        "an actor is a person's, an identity's or a credential's id, `administrator`, or the name of a task of ours"
    )]
    Actor,
    /// No id.
    #[error("an object is asked for by its id, such as idn_… or key_…")]
    Object,
    /// No kind.
    #[error("there is no such kind of entry; docs/formats/ledger-entry.md lists them")]
    Kind,
    /// No place to go on from.
    #[error("`after` is the `next` of the page before")]
    After,
}

impl Fault for WrongTerm {
    fn kind(&self) -> Kind {
        Kind::BadInput
    }
}

impl FromStr for ActorTerm {
    type Err = WrongTerm;

    fn from_str(text: &str) -> Result<Self, WrongTerm> {
        // A word goes on record as a fact, which nobody can erase: no other ones than ours do.
        let ours = TYPES.contains(&text) || TASKS.contains(&text);
        let known = is_id(text) && ["per_", "idn_", "crd_"].iter().any(|prefix| text.starts_with(prefix));
        if ours || known { Ok(Self(text.to_owned())) } else { Err(WrongTerm::Actor) }
    }
}

impl ActorTerm {
    /// The term as it was asked for.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ObjectTerm {
    type Err = WrongTerm;

    fn from_str(text: &str) -> Result<Self, WrongTerm> {
        if is_id(text) { Ok(Self(text.to_owned())) } else { Err(WrongTerm::Object) }
    }
}

impl ObjectTerm {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether this has the shape of an id of ours: three letters, `_`, 26 digits or letters.
fn is_id(text: &str) -> bool {
    text.split_once('_').is_some_and(|(prefix, rest)| {
        prefix.len() == 3
            && rest.len() == 26
            && prefix.bytes().all(|byte| byte.is_ascii_lowercase())
            && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'))
    })
}

fn term(role: &str, value: &str) -> Term {
    let hash = digest::sha256(format!("{role}\0{value}").as_bytes());
    hash.first_chunk::<8>().map_or(0, |first| i64::from_be_bytes(*first))
}

fn id_term(id: &str) -> Term {
    term("id", id)
}

/// What stands for the entries of an earlier log that cannot be read: no entry has it.
pub(super) fn unread() -> Term {
    term("unread", "")
}

/// Every term of an entry.
pub(super) fn of(seen: &Seen) -> BTreeSet<Term> {
    let mut terms: BTreeSet<Term> = ids(seen).into_iter().map(id_term).collect();
    terms.insert(term("kind", &seen.kind));
    terms.extend(actor_word(seen).map(|word| term("actor", word)));
    terms
}

/// The terms that an entry must have to fit, the rarest first as far as one can tell. None: any entry may fit.
pub(super) fn wanted(query: &Query) -> Vec<Term> {
    let mut terms = Vec::new();
    terms.extend(query.object.as_ref().map(|object| id_term(&object.0)));
    terms.extend(query.identity.map(|identity| id_term(&identity.to_string())));
    terms.extend(
        query.actor.as_ref().map(
            |actor| {
                if is_id(&actor.0) { id_term(&actor.0) } else { term("actor", &actor.0) }
            },
        ),
    );
    terms.extend(query.kind.map(|kind| term("kind", kind.as_str())));
    terms.dedup();
    terms
}

/// Whether an entry is what was asked for.
pub(super) fn fits(query: &Query, seen: &Seen) -> bool {
    let acted = |actor: &ActorTerm| {
        ["id", "credential"].iter().any(|name| part(seen, "actor", name) == Some(&actor.0))
            || actor_word(seen) == Some(&actor.0)
    };
    let named = |object: &ObjectTerm| {
        part(seen, "object", "id") == Some(&object.0) || facts(seen).iter().any(|id| *id == object.0)
    };
    query.actor.as_ref().is_none_or(acted)
        && query.object.as_ref().is_none_or(named)
        && query.identity.is_none_or(|identity| ids(seen).contains(&*identity.to_string()))
        && query.kind.is_none_or(|kind| kind.as_str() == seen.kind)
        && query.from.is_none_or(|from| seen.time >= from)
        && query.until.is_none_or(|until| seen.time < until)
}

/// Every id in the entry but those that every entry has of its own: its organization and its request.
fn ids(seen: &Seen) -> BTreeSet<&str> {
    let own = [("actor", "id"), ("actor", "credential"), ("object", "id")];
    let own = own.iter().filter_map(|(field, name)| part(seen, field, name)).filter(|id| is_id(id));
    own.chain(facts(seen)).collect()
}

fn facts(seen: &Seen) -> Vec<&str> {
    let (mut found, mut left) = (Vec::new(), Vec::from_iter(seen.fields.get("facts")));
    while let Some(value) = left.pop() {
        match value {
            Value::String(text) if is_id(text) => found.push(text.as_str()),
            Value::Array(values) => left.extend(values),
            Value::Object(fields) => left.extend(fields.values()),
            _ => {}
        }
    }
    found
}

/// What stands for an actor that has no id of ours: a task's name, or the actor's type.
fn actor_word(seen: &Seen) -> Option<&str> {
    match part(seen, "actor", "id") {
        Some(id) if is_id(id) => None,
        Some(task) => Some(task),
        None => part(seen, "actor", "type"),
    }
}

fn part<'s>(seen: &'s Seen, field: &str, name: &str) -> Option<&'s str> {
    seen.fields.get(field)?.get(name)?.as_str()
}
