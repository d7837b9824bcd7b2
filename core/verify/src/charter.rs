//! What a log says of itself in its own entries: who signs it, who cosigns it, where it begins and what came before.
//!
//! Five kinds of entries speak of the log: `ledger.started` (entry 0), `ledger.keys_rotated`,
//! `ledger.witnesses_set`, `ledger.pruned`, and `details.erased`. A [`Charter`] is what they come to, read in their
//! order; `docs/formats/ledger.md` has their facts.

use crate::checkpoint::{Checkpoint, SignatureCheck};
use crate::entry::Seen;
use crate::failure::Problem;
use crate::origin::{FIRST_GENERATION, Origin};
use crate::quorum::Policy;
use crate::tiles::WIDTH;
use crate::vkey::{SignatureType, VerifierKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::fmt::Write as _;

/// The kind of entry 0.
pub const STARTED: &str = "ledger.started";
/// The kind of an entry that replaces the keys of the log.
pub const KEYS_ROTATED: &str = "ledger.keys_rotated";
/// The kind of an entry that names who cosigns.
pub const WITNESSES_SET: &str = "ledger.witnesses_set";
/// The kind of an entry that raises the minimum index.
pub const PRUNED: &str = "ledger.pruned";

/// The kind of an entry of the platform's log that records checkpoints of organizations.
pub const RECORDED: &str = "checkpoints.recorded";
/// The kind of an entry that says which details were erased.
pub const ERASED: &str = "details.erased";

/// The first line of the statement that keys sign when they are rotated. No log has this name, so no signature over a
/// note is one over a statement.
pub const ROTATION: &str = "nexora.internal/ledger-keys/v1";

/// What a log says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charter {
    /// The log's name.
    pub origin: Origin,
    /// The keys that sign now, Ed25519 first; empty until an entry names them.
    pub keys: Vec<VerifierKey>,
    /// The keys that signed earlier, oldest first; each pair signed its successor.
    pub replaced: Vec<Vec<VerifierKey>>,
    /// Who cosigns, where an entry says so.
    pub witnesses: Option<Policy>,
    /// The same as the text that the entry has.
    pub policy: Option<String>,
    /// The first index whose entry is kept: a multiple of 256, 0 while nothing was pruned.
    pub minimum: u64,
    /// The last known checkpoint of the log before, where this one is a later generation and entry 0 is kept.
    pub previous: Option<Checkpoint>,
}

impl Charter {
    /// Of a log of this name that has said nothing yet.
    #[must_use]
    pub const fn new(origin: Origin) -> Self {
        Self {
            origin,
            keys: Vec::new(),
            replaced: Vec::new(),
            witnesses: None,
            policy: None,
            minimum: 0,
            previous: None,
        }
    }

    /// Whether entries of this kind change a charter.
    #[must_use]
    pub fn concerns(kind: &str) -> bool {
        matches!(kind, STARTED | KEYS_ROTATED | WITNESSES_SET | PRUNED)
    }

    /// Takes in the next entry, which stands at its position; entries of other kinds change nothing.
    ///
    /// # Errors
    /// The [`Problem`] with what it says: malformed facts, a rotation that the old or the new keys did not sign, keys
    /// that came from nowhere, a minimum that falls or lies ahead.
    pub fn apply(&mut self, entry: &Seen, check: &dyn SignatureCheck) -> Result<(), Problem> {
        if (entry.kind == STARTED) != (entry.position == 0) {
            return Err(Problem::Started);
        }
        match entry.kind.as_str() {
            STARTED => self.start(entry),
            KEYS_ROTATED => self.rotate(entry, check),
            WITNESSES_SET => self.set_witnesses(entry),
            PRUNED => self.prune(entry),
            _ => Ok(()),
        }
    }

    /// Every key that signs the log or once did.
    pub fn all_keys(&self) -> impl Iterator<Item = &VerifierKey> {
        self.replaced.iter().flatten().chain(&self.keys)
    }

    fn start(&mut self, entry: &Seen) -> Result<(), Problem> {
        let (origin, keys) = started_facts(entry)?;
        if origin != self.origin.to_string() {
            return Err(Problem::Origin { found: self.origin.to_string(), started: origin });
        }
        let previous = fact(entry, "previous").map(previous).transpose()?;
        let follows = match &previous {
            None => self.origin.generation == FIRST_GENERATION,
            Some(previous) => previous.origin.parse::<Origin>().is_ok_and(|before| {
                before.organization == self.origin.organization && before.generation < self.origin.generation
            }),
        };
        if !follows {
            return Err(Problem::Previous);
        }
        (self.keys, self.previous) = (keys, previous);
        Ok(())
    }

    fn rotate(&mut self, entry: &Seen, check: &dyn SignatureCheck) -> Result<(), Problem> {
        let origin = self.origin.to_string();
        let old = keys(fact(entry, "replaced"), &origin)?;
        let new = keys(fact(entry, "keys"), &origin)?;
        if !self.keys.is_empty() && self.keys != old {
            return Err(Problem::Rotation("it replaces other keys than the ones in use"));
        }
        if new.iter().any(|key| old.contains(key) || self.all_keys().any(|known| known == key)) {
            return Err(Problem::Rotation("a new key was in use before"));
        }
        let statement = rotation_statement(&self.origin, &old, &new);
        let signatures = fact(entry, "signatures").and_then(Value::as_array);
        let signatures = signatures.filter(|signatures| signatures.len() == old.len() + new.len());
        let signatures =
            signatures.ok_or(Problem::Rotation("it needs a signature by each old and new key"))?;
        for (key, signature) in old.iter().chain(&new).zip(signatures) {
            let raw = signature.as_str().and_then(|text| STANDARD.decode(text).ok());
            let holds = raw.is_some_and(|raw| {
                raw.len() == key.kind().signature_bytes()
                    && check.check(key.kind(), key.public_key(), &statement, &raw)
            });
            if !holds {
                return Err(Problem::Rotation("a signature of an old or a new key does not hold"));
            }
        }
        self.replaced.push(old);
        self.keys = new;
        Ok(())
    }

    fn set_witnesses(&mut self, entry: &Seen) -> Result<(), Problem> {
        let (text, policy) = policy(entry)?.ok_or(Problem::WitnessFacts)?;
        (self.policy, self.witnesses) = (Some(text), Some(policy));
        Ok(())
    }

    fn prune(&mut self, entry: &Seen) -> Result<(), Problem> {
        let minimum = fact(entry, "minimum").and_then(Value::as_u64).ok_or(Problem::PrunedFacts)?;
        let grows = minimum >= self.minimum && minimum <= entry.position;
        if !minimum.is_multiple_of(WIDTH.into()) || !grows {
            return Err(Problem::PrunedFacts);
        }
        let origin = self.origin.to_string();
        let restated = keys(fact(entry, "keys"), &origin)?;
        if !self.keys.is_empty() && self.keys != restated {
            return Err(Problem::PrunedFacts);
        }
        let (text, witnesses) = policy(entry)?.unzip();
        if self.policy.is_some() && self.policy != text {
            return Err(Problem::PrunedFacts);
        }
        (self.policy, self.witnesses) = (text, witnesses);
        (self.keys, self.minimum) = (restated, minimum);
        Ok(())
    }
}

/// The policy that an entry names, as it stands there and as it is followed.
fn policy(entry: &Seen) -> Result<Option<(String, Policy)>, Problem> {
    let Some(text) = fact(entry, "policy") else { return Ok(None) };
    let text = text.as_str().ok_or(Problem::WitnessFacts)?;
    Ok(Some((text.to_owned(), text.parse()?)))
}

/// The origin and the verifier keys that entry 0 names in its facts `origin` and `keys`: one key of each type, all
/// under the origin.
///
/// # Errors
/// A [`Problem`] where the facts are missing or malformed.
pub fn started_facts(started: &Seen) -> Result<(String, Vec<VerifierKey>), Problem> {
    let origin = fact(started, "origin").and_then(Value::as_str).ok_or(Problem::StartedFacts)?;
    Ok((origin.to_owned(), keys(fact(started, "keys"), origin)?))
}

/// The keys that an entry of the log names in its fact `keys`, whichever entry it is.
pub(crate) fn keys_of(entry: &Seen) -> Result<Vec<VerifierKey>, Problem> {
    let texts = fact(entry, "keys");
    let first = texts.and_then(|texts| texts.get(0)).and_then(Value::as_str);
    let origin = first.and_then(|text| text.split_once('+')).ok_or(Problem::StartedFacts)?.0;
    keys(texts, origin)
}

/// What the old and the new keys of a log sign when the new ones replace the old: raw signatures over this text.
#[must_use]
pub fn rotation_statement(origin: &Origin, old: &[VerifierKey], new: &[VerifierKey]) -> Vec<u8> {
    let mut text = format!("{ROTATION}\n{origin}\n");
    for (sign, keys) in [('-', old), ('+', new)] {
        for key in keys {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{sign} {key}");
        }
    }
    text.into_bytes()
}

/// A fact of an entry.
#[must_use]
pub fn fact<'e>(entry: &'e Seen, name: &str) -> Option<&'e Value> {
    entry.fields.get("facts")?.get(name)
}

/// One key of each type that a log signs with, under its origin.
fn keys(texts: Option<&Value>, origin: &str) -> Result<Vec<VerifierKey>, Problem> {
    let texts = texts.and_then(Value::as_array).ok_or(Problem::StartedFacts)?;
    let mut keys: Vec<VerifierKey> = Vec::new();
    for text in texts {
        keys.push(text.as_str().ok_or(Problem::StartedFacts)?.parse()?);
    }
    let kinds: Vec<_> = keys.iter().map(VerifierKey::kind).collect();
    let complete = kinds == [SignatureType::Ed25519, SignatureType::MlDsa44];
    if complete && keys.iter().all(|key| key.name() == origin) {
        Ok(keys)
    } else {
        Err(Problem::StartedFacts)
    }
}

/// A checkpoint that an entry names: its origin, size and root (base64).
///
/// # Errors
/// [`Problem::Previous`] where it is malformed.
pub fn previous(value: &Value) -> Result<Checkpoint, Problem> {
    named(value).ok_or(Problem::Previous)
}

/// The checkpoints that an entry `checkpoints.recorded` of the platform's log names; `None` where it is malformed.
#[must_use]
pub fn recorded(entry: &Seen) -> Option<Vec<Checkpoint>> {
    fact(entry, "checkpoints")?.as_array()?.iter().map(named).collect()
}

fn named(value: &Value) -> Option<Checkpoint> {
    let text = |name: &str| value.get(name)?.as_str();
    let origin: Origin = text("origin")?.parse().ok()?;
    let root = STANDARD.decode(text("root")?).ok()?.try_into().ok()?;
    Some(Checkpoint { origin: origin.to_string(), size: value.get("size")?.as_u64()?, root })
}
