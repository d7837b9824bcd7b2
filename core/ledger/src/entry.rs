//! An entry of the ledger: what a change says of itself, and the bytes it becomes.
//!
//! A service makes an [`Entry`] and hands it to `tx.commit`; the store seals it with who, when, where in
//! the order, and fresh randomness ([`Stamp`]). What stands in the log is opaque: ids and codes. Names
//! and free text are *details*, kept beside the log and committed to in it, so that they can be erased
//! without breaking a proof. The bytes are specified in `docs/formats/ledger-entry.md`.

use crate::Kind;
use base::{Action, Actor, Id, Timestamp, digest, noun};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The largest entry, in bytes: what C2SP tlog-tiles allows in a bundle.
pub const MAX_BYTES: usize = 65_535;

/// What happened, before it is sealed.
#[derive(Debug, Clone)]
#[must_use = "an entry that is not committed records nothing"]
pub struct Entry {
    kind: Kind,
    object: Object,
    outcome: Outcome,
    action: Option<Action>,
    reason: Option<&'static str>,
    count: Option<u64>,
    hash: Option<[u8; 32]>,
    facts: Map<String, Value>,
    details: Option<Value>,
}

/// What an entry is about: the noun and the opaque id of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    noun: &'static str,
    id: String,
}

impl Object {
    /// The thing with this id.
    #[must_use]
    pub fn of<T: noun::Noun>(id: Id<T>) -> Self {
        Self { noun: T::NAME, id: id.to_string() }
    }
}

impl<T: noun::Noun> From<Id<T>> for Object {
    fn from(id: Id<T>) -> Self {
        Self::of(id)
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
    /// It was begun and could not be finished.
    Failed,
}

impl Outcome {
    /// The outcome's code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What the store adds: who, for whom, in which request, when, where in the order, and randomness.
#[derive(Debug)]
pub struct Stamp<'a> {
    /// Whose log.
    pub organization: Id<noun::Organization>,
    /// Who acted.
    pub actor: &'a Actor,
    /// In which request.
    pub request: Id<noun::Request>,
    /// The entry's index in the organization's log, from 0.
    pub position: u64,
    /// When it was committed.
    pub time: Timestamp,
    /// Makes equal entries different, so that a leaf hash cannot be guessed.
    pub nonce: [u8; 16],
    /// Hides the details behind their commitment.
    pub salt: [u8; 32],
}

/// The bytes of an entry as they go into the log, and what stays beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// RFC 8785 JSON, at most [`MAX_BYTES`].
    pub json: Vec<u8>,
    /// The details that the entry commits to, as RFC 8785 JSON, with their salt in front (32 bytes):
    /// SHA-256 of the whole is the commitment.
    pub details: Option<Vec<u8>>,
}

/// An entry that does not fit the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is too large.
    #[error("a ledger entry has {bytes} bytes, {MAX_BYTES} fit: put what is larger behind its hash")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// It breaks the schema, which whoever made it has to mend: a log that took it would never verify.
    #[error("a ledger entry does not follow its own schema")]
    Wrong(#[from] verify::entry::WrongEntry),
}

impl Entry {
    /// A change that was made.
    pub fn done(kind: Kind, object: impl Into<Object>) -> Self {
        Self {
            kind,
            object: object.into(),
            outcome: Outcome::Done,
            action: None,
            reason: None,
            count: None,
            hash: None,
            facts: Map::new(),
            details: None,
        }
    }

    /// A request that was refused, and why (a code).
    pub fn refused(action: Action, object: impl Into<Object>, reason: &'static str) -> Self {
        let mut entry = Self::done(Kind::AccessRefused, object);
        entry.outcome = Outcome::Refused;
        entry.action = Some(action);
        entry.reason = Some(reason);
        entry
    }

    /// The same entry with another outcome.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Why: a code in snake case, never free text.
    pub fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Stands for `count` things whose canonical form hashes to `hash`.
    pub fn batch(mut self, count: usize, hash: [u8; 32]) -> Self {
        self.count = Some(count as u64);
        self.hash = Some(hash);
        self
    }

    /// One more fact, under a name in snake case. Only ids, codes and numbers belong here.
    ///
    /// A value that JSON cannot hold is left out; ids, codes and numbers all can.
    pub fn fact(mut self, name: &'static str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.facts.insert(name.to_owned(), value);
        }
        self
    }

    /// Names and free text: kept beside the log, committed to in it.
    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Its facts so far, by name.
    #[must_use]
    pub const fn facts(&self) -> &Map<String, Value> {
        &self.facts
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The reason that it gives: its code.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        self.reason
    }

    /// The bytes for the log.
    ///
    /// # Errors
    /// [`Unfit`] over [`MAX_BYTES`], and where a fact or code has a form that `verify` refuses: no entry is
    /// committed that would not pass.
    pub fn seal(&self, stamp: &Stamp<'_>) -> Result<Sealed, Unfit> {
        let details = self.details.as_ref().map(|details| {
            let mut bytes = stamp.salt.to_vec();
            bytes.extend_from_slice(details.to_string().as_bytes());
            bytes
        });
        // `serde_json::Map` keeps keys sorted and writes strings and integers as RFC 8785 does; no entry
        // holds a fraction.
        let mut json = Map::new();
        json.insert("v".into(), json!(1));
        json.insert("organization".into(), json!(stamp.organization));
        json.insert("position".into(), json!(stamp.position));
        json.insert("time".into(), json!(stamp.time));
        json.insert("request".into(), json!(stamp.request));
        json.insert("actor".into(), actor(stamp.actor));
        json.insert("kind".into(), json!(self.kind.as_str()));
        json.insert("object".into(), json!({"type": self.object.noun, "id": self.object.id}));
        json.insert("outcome".into(), json!(self.outcome.as_str()));
        json.insert("nonce".into(), json!(digest::hex(&stamp.nonce)));
        let optional = [
            ("action", self.action.map(|action| json!(action.as_str()))),
            ("reason", self.reason.map(|reason| json!(reason))),
            ("count", self.count.map(|count| json!(count))),
            ("hash", self.hash.map(|hash| json!(digest::hex(&hash)))),
            ("details", details.as_ref().map(|bytes| json!(digest::hex(&digest::sha256(bytes))))),
            ("facts", (!self.facts.is_empty()).then(|| Value::Object(self.facts.clone()))),
        ];
        json.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let json = Value::Object(json).to_string().into_bytes();
        if json.len() > MAX_BYTES {
            return Err(Unfit::TooLarge { bytes: json.len() });
        }
        verify::entry::read(&json)?;
        Ok(Sealed { json, details })
    }
}

fn actor(actor: &Actor) -> Value {
    match actor {
        Actor::Unidentified => json!({"type": "unidentified"}),
        Actor::Administrator => json!({"type": "administrator"}),
        Actor::Person { person, credential, role } => {
            json!({"type": "person", "id": person, "credential": credential, "role": role})
        }
        Actor::Identity { identity, credential } => {
            json!({"type": "identity", "id": identity, "credential": credential})
        }
        Actor::Source { credential } => json!({"type": "source", "credential": credential}),
        Actor::System { task } => json!({"type": "system", "id": task}),
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Stamp, Unfit};
    use crate::Kind;
    use base::{Actor, Id, Timestamp, digest, noun};

    fn stamp(actor: &Actor) -> Stamp<'_> {
        Stamp {
            organization: Id::from_bytes([1; 16]),
            actor,
            request: Id::from_bytes([2; 16]),
            position: 7,
            time: Timestamp::from_millis(1_700_000_000_000),
            nonce: [3; 16],
            salt: [4; 32],
        }
    }

    #[test]
    fn the_bytes_are_the_documented_ones() {
        let entry = Entry::done(Kind::IdentityQuarantined, Id::<noun::Identity>::from_bytes([5; 16]))
            .reason("finding")
            .details(serde_json::json!({"name": "ci-deploy"}));
        let sealed = entry.seal(&stamp(&Actor::System { task: "respond" })).expect("it fits");
        let text = String::from_utf8(sealed.json).expect("JSON is UTF-8");
        let details = sealed.details.expect("it has details");
        assert_eq!(
            text,
            format!(
                concat!(
                    r#"{{"actor":{{"id":"respond","type":"system"}},"details":"{}","kind":"identity.quarantined","#,
                    r#""nonce":"03030303030303030303030303030303","#,
                    r#""object":{{"id":"idn_0m2ga1850m2ga1850m2ga1850m","type":"identity"}},"#,
                    r#""organization":"org_040g2081040g2081040g208104","outcome":"done","position":7,"#,
                    r#""reason":"finding","request":"req_081040g2081040g2081040g208","#,
                    r#""time":"2023-11-14T22:13:20.000000Z","v":1}}"#
                ),
                digest::hex(&digest::sha256(&details))
            )
        );
        assert_eq!(&details[32..], br#"{"name":"ci-deploy"}"#);
    }

    #[test]
    fn too_large_is_an_error() {
        let entry = Entry::done(Kind::ResponseSet, Id::<noun::Organization>::from_bytes([0; 16]))
            .fact("x", "y".repeat(70_000));
        let refused = entry.seal(&stamp(&Actor::Administrator));
        assert!(matches!(refused, Err(Unfit::TooLarge { bytes: 70_000.. })), "{refused:?}");
    }

    #[test]
    fn what_verification_would_refuse_is_not_sealed() {
        let entry = || Entry::done(Kind::ResponseSet, Id::<noun::Organization>::from_bytes([0; 16]));
        let sealed = |entry: Entry| entry.seal(&stamp(&Actor::Administrator));
        assert!(sealed(entry().fact("share", 1)).is_ok());
        assert!(sealed(entry().fact("share", 0.5)).is_err(), "RFC 8785 has no one spelling of it here");
        assert!(sealed(entry().fact("share", u64::MAX)).is_err(), "not every reader takes it exactly");
        assert!(sealed(entry().fact("The Share", 1)).is_err());
        assert!(sealed(entry().reason("because I say so")).is_err());
    }
}
