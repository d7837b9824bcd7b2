//! Checks the bytes of one entry: canonical JSON (RFC 8785) that follows version 1 of the schema in
//! `docs/formats/ledger-entry.md`.

mod glance;

pub use glance::{Glance, glance};

use base::{Id, Role, Timestamp, noun};
use serde_json::{Map, Value};

/// The largest integer that every JSON reader takes exactly: 2^53 - 1.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// An entry that passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Whose log.
    pub organization: Id<noun::Organization>,
    /// Its index in the log, as it says.
    pub position: u64,
    /// When it was committed, as it says.
    pub time: Timestamp,
    /// What it is about, such as `identity.quarantined`.
    pub kind: String,
    /// Every field, by name.
    pub fields: Map<String, Value>,
}

/// Bytes that are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongEntry {
    /// Not a JSON object.
    #[error("not a JSON object")]
    Json,
    /// JSON, but not its one canonical spelling.
    #[error("not canonical JSON (RFC 8785): spaces, order, escapes or numbers differ")]
    Canonical,
    /// A field that is missing, unknown or of another form.
    #[error("field `{0}` is missing, unknown or malformed")]
    Field(String),
    /// A schema that this program does not know.
    #[error("schema version {0} is newer than this program")]
    Version(u64),
}

/// Reads an entry.
///
/// # Errors
/// [`WrongEntry`] for anything but canonical JSON of a known schema.
pub fn read(bytes: &[u8]) -> Result<Seen, WrongEntry> {
    let value: Value = serde_json::from_slice(bytes).map_err(|_| WrongEntry::Json)?;
    // Reading merges equal names and forgets spelling; writing gives the one spelling there is. What the
    // writer leaves open (order of names, size of numbers) is looked at by hand.
    if !is_plain(&value) || serde_json::to_vec(&value).ok().as_deref() != Some(bytes) {
        return Err(WrongEntry::Canonical);
    }
    let Value::Object(fields) = value else { return Err(WrongEntry::Json) };
    let number = |name: &str| fields.get(name).and_then(Value::as_u64);
    match number("v") {
        Some(1) => {}
        Some(version) => return Err(WrongEntry::Version(version)),
        None => return Err(WrongEntry::Field("v".into())),
    }
    let known = |name: &str| REQUIRED.iter().chain(OPTIONAL).find(|(field, _)| *field == name);
    for (name, value) in &fields {
        match known(name) {
            Some((_, holds)) if holds(value) => {}
            _ => return Err(WrongEntry::Field(name.clone())),
        }
    }
    let missing = |name: &str| WrongEntry::Field(name.to_owned());
    if let Some((name, _)) = REQUIRED.iter().find(|(name, _)| !fields.contains_key(*name)) {
        return Err(missing(name));
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_str).ok_or_else(|| missing(name));
    Ok(Seen {
        organization: text("organization")?.parse().map_err(|_| missing("organization"))?,
        position: number("position").ok_or_else(|| missing("position"))?,
        time: text("time")?.parse().map_err(|_| missing("time"))?,
        kind: text("kind")?.to_owned(),
        fields,
    })
}

type Rule = (&'static str, fn(&Value) -> bool);

const REQUIRED: &[Rule] = &[
    ("v", Value::is_u64),
    ("organization", is_id::<noun::Organization>),
    ("position", Value::is_u64),
    ("time", is_time),
    ("request", is_id::<noun::Request>),
    ("actor", is_actor),
    ("kind", is_kind),
    ("object", is_object),
    ("outcome", |value| matches!(value.as_str(), Some("done" | "refused" | "failed"))),
    ("nonce", |value| is_hex(value, 32)),
];

const OPTIONAL: &[Rule] = &[
    ("action", is_kind),
    ("reason", is_code),
    ("count", Value::is_u64),
    ("hash", |value| is_hex(value, 64)),
    ("details", |value| is_hex(value, 64)),
    ("facts", |value| {
        value.as_object().is_some_and(|facts| !facts.is_empty() && facts.keys().all(|k| code(k)))
    }),
];

/// Names in order and of printable ASCII (for which RFC 8785's order is that of bytes), integers that
/// every reader takes alike, and no fractions.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(positive), _) => positive <= MAX_INTEGER,
            (None, Some(negative)) => negative.unsigned_abs() <= MAX_INTEGER,
            (None, None) => false,
        },
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(fields) => {
            fields.keys().is_sorted_by(|a, b| a < b)
                && fields
                    .iter()
                    .all(|(name, value)| name.bytes().all(|b| b.is_ascii_graphic()) && is_plain(value))
        }
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn is_id<T: noun::Noun>(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<Id<T>>().is_ok())
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok_and(|time| time.to_string() == text))
}

fn is_hex(value: &Value, digits: usize) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn code(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'))
}

fn is_code(value: &Value) -> bool {
    value.as_str().is_some_and(code)
}

/// `noun.verb`: two codes with a dot between.
fn is_kind(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.split_once('.').is_some_and(|(noun, verb)| code(noun) && code(verb) && !verb.contains('.'))
    })
}

/// A type and, where there are any, an id, a credential and a role.
fn is_actor(value: &Value) -> bool {
    value.as_object().is_some_and(|actor| {
        actor.contains_key("type")
            && actor.iter().all(|(name, value)| match name.as_str() {
                "type" | "id" => is_code(value),
                "credential" => is_id::<noun::Credential>(value),
                "role" => value.as_str().is_some_and(|role| role.parse::<Role>().is_ok()),
                _ => false,
            })
    })
}

/// A type (a noun of ours, in words) and an opaque id.
fn is_object(value: &Value) -> bool {
    value.as_object().is_some_and(|object| {
        object.len() == 2
            && object.get("id").is_some_and(is_code)
            && object.get("type").and_then(Value::as_str).is_some_and(|noun| !noun.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::{WrongEntry, read};

    const ENTRY: &str = concat!(
        r#"{"actor":{"id":"respond","type":"system"},"kind":"identity.quarantined","#,
        r#""nonce":"03030303030303030303030303030303","#,
        r#""object":{"id":"idn_0m2ga1850m2ga1850m2ga1850m","type":"identity"},"#,
        r#""organization":"org_040g2081040g2081040g208104","outcome":"done","position":7,"#,
        r#""reason":"finding","request":"req_081040g2081040g2081040g208","#,
        r#""time":"2023-11-14T22:13:20.000000Z","v":1}"#
    );

    #[test]
    fn a_canonical_entry_passes() {
        let seen = read(ENTRY.as_bytes()).expect("the documented example");
        assert_eq!((seen.position, seen.kind.as_str()), (7, "identity.quarantined"));
        assert_eq!(seen.time.seconds(), 1_700_000_000);
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for (from, to) in [
            (r#""v":1}"#, r#""v":1} "#),
            (r#""v":1}"#, r#""v": 1}"#),
            (r#""v":1}"#, r#""v":1.0}"#),
            (r#""v":1}"#, r#""v":1,"v":1}"#),
            (r#""position":7"#, r#""position":07"#),
            (r#""position":7"#, r#""position":9007199254740992"#),
            (r#"{"id":"respond","type":"system"}"#, r#"{"type":"system","id":"respond"}"#),
            ("finding", r"find\u0069ng"),
        ] {
            let wrong = ENTRY.replacen(from, to, 1);
            assert_ne!(wrong, ENTRY);
            let refused = read(wrong.as_bytes());
            assert!(matches!(refused, Err(WrongEntry::Canonical | WrongEntry::Json)), "{to}: {refused:?}");
        }
    }

    #[test]
    fn every_field_is_held_to_its_form() {
        for (from, to, field) in [
            (r#","v":1}"#, r#"}"#, "v"),
            (r#""outcome":"done""#, r#""outcome":"maybe""#, "outcome"),
            (r#""position":7"#, r#""position":-7"#, "position"),
            (r#""reason":"finding""#, r#""reason":"Free text""#, "reason"),
            (r#""reason":"finding""#, r#""seasoning":"finding""#, "seasoning"),
            ("idn_0m2ga1850m2ga1850m2ga1850m", "Some Name", "object"),
            (".000000Z", "Z", "time"),
            ("org_0", "idn_0", "organization"),
            (
                r#"{"id":"respond","type":"system"}"#,
                r#"{"id":"respond","name":"x","type":"system"}"#,
                "actor",
            ),
            ("identity.quarantined", "quarantined", "kind"),
            ("0303030303030303030303", "0303", "nonce"),
        ] {
            let mut wrong = ENTRY.replacen(from, to, 1);
            if field == "seasoning" {
                // In its place, so that only the name is wrong.
                wrong = wrong.replacen(r#""seasoning":"finding","#, "", 1);
                wrong = wrong.replacen(r#","time""#, r#","seasoning":"finding","time""#, 1);
            }
            assert_eq!(read(wrong.as_bytes()), Err(WrongEntry::Field(field.into())), "{to}");
        }
        let newer = ENTRY.replace(r#""v":1"#, r#""v":2"#);
        assert_eq!(read(newer.as_bytes()), Err(WrongEntry::Version(2)));
        assert_eq!(read(b"[1]"), Err(WrongEntry::Json));
    }
}
