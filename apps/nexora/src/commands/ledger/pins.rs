//! `ledger pins`: what the user knows of logs.

use super::book::{Book, Known, Why};
use super::trust::{fingerprint, parse_key};
use crate::cli::Pins;
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::output::{Output, Show, facts, rows};
use base::{Clock as _, Kind, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use verify::VerifierKey;
use verify::quorum::Policy;

/// A log that is known.
#[derive(Debug, Serialize)]
struct Log {
    origin: String,
    keys: Vec<String>,
    fingerprints: Vec<String>,
    trust: Why,
    since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<Timestamp>,
    /// The signed checkpoint: what convicts a log that denies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    places: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
}

/// Those that are known, and where that stands.
#[derive(Debug, Serialize)]
struct Listed {
    file: String,
    logs: Vec<Log>,
}

impl Log {
    fn of(known: &Known) -> Self {
        let head = known.head.as_ref();
        Self {
            origin: known.origin.clone(),
            keys: known.keys.iter().map(ToString::to_string).collect(),
            fingerprints: known.keys.iter().map(fingerprint).collect(),
            trust: known.why,
            since: known.since,
            size: head.map(|head| head.checkpoint.size),
            root: head.map(|head| STANDARD.encode(head.checkpoint.root)),
            verified: head.map(|head| head.verified),
            checkpoint: head.map(|head| head.note.clone()),
            policy: known.policy.clone(),
            places: known.places.clone(),
            platform: known.platform.clone(),
        }
    }

    const fn trust(&self) -> &'static str {
        match self.trust {
            Why::Given => "given",
            Why::FirstUse => "on first use",
        }
    }
}

impl Show for Log {
    fn table(&self) -> String {
        let mut lines = vec![
            ("origin", Some(self.origin.clone())),
            ("pinned", Some(format!("{}, {}", self.trust(), self.since))),
        ];
        lines.extend(self.fingerprints.iter().map(|key| ("trusted", Some(key.clone()))));
        lines.extend(self.keys.iter().map(|key| ("key", Some(key.clone()))));
        lines.extend([
            ("size", self.size.map(|size| size.to_string())),
            ("root", self.root.clone()),
            ("verified", self.verified.map(|at| at.to_string())),
        ]);
        lines.extend(self.places.iter().map(|place| ("place", Some(place.clone()))));
        lines.push(("platform", self.platform.clone()));
        lines.extend(
            self.policy.iter().flat_map(|text| text.lines()).map(|line| ("policy", Some(line.to_owned()))),
        );
        facts(lines)
    }
}

impl Show for Listed {
    fn table(&self) -> String {
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        rows(
            ["origin", "pinned", "since", "size", "verified"],
            self.logs.iter().map(|log| {
                [
                    log.origin.clone(),
                    log.trust().to_owned(),
                    log.since.to_string(),
                    text(log.size.map(|size| size.to_string())),
                    text(log.verified.map(|at| at.to_string())),
                ]
            }),
        )
    }
}

/// Runs it.
pub(super) fn run(surroundings: &Surroundings, output: Output, command: Pins) -> Result<(), Failure> {
    let book = Book::needed(surroundings)?;
    let unknown = |origin: &str| {
        Failure::new(
            Kind::NotFound,
            format!("no log {origin} is pinned: nexora ledger pins ls says which are"),
        )
    };
    match command {
        Pins::Ls => {
            let logs = book.read()?.iter().map(Log::of).collect();
            output.show(&Listed { file: book.path().display().to_string(), logs })
        }
        Pins::Show { origin } => {
            let known = book.find(&origin)?.ok_or_else(|| unknown(&origin))?;
            output.show(&Log::of(&known))
        }
        Pins::Add { keys, policy } => add(&book, output, &keys, policy.as_deref()),
        Pins::Rm { origin } => {
            let known = book.change(|logs| {
                let at = logs.iter().position(|log| log.origin == origin).ok_or_else(|| unknown(&origin))?;
                Ok(logs.remove(at))
            })?;
            output.say(&format!("forgotten: {origin} is taken at its word when it is verified next"));
            output.show(&Log::of(&known))
        }
    }
}

/// Pins keys and a policy.
fn add(
    book: &Book,
    output: Output,
    texts: &[String],
    policy: Option<&std::path::Path>,
) -> Result<(), Failure> {
    let mut keys = texts.iter().map(|text| parse_key(text)).collect::<Result<Vec<_>, _>>()?;
    let policy = match policy {
        None => None,
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
            let wrong = |error| Failure::new(Kind::BadInput, format!("{}: {error}", path.display()));
            let policy: Policy = text.parse().map_err(wrong)?;
            keys.extend(policy.logs().iter().map(|log| log.key.clone()));
            Some(text)
        }
    };
    if keys.is_empty() {
        let what = "name a verifier key of the log, or a policy with a `log` line";
        return Err(Failure::new(Kind::BadInput, what));
    }
    let mut by_log: BTreeMap<String, Vec<VerifierKey>> = BTreeMap::new();
    for key in keys {
        let of_log = by_log.entry(key.name().to_owned()).or_default();
        if !of_log.contains(&key) {
            of_log.push(key);
        }
    }
    let now = node::MachineClock.now();
    let added = book.change(|logs| {
        let mut added = Vec::new();
        for (origin, keys) in by_log {
            let at = logs.iter().position(|log| log.origin == origin);
            let log = match at {
                Some(at) => &mut logs[at],
                None => {
                    logs.push(Known::given(origin, now));
                    let last = logs.len() - 1;
                    &mut logs[last]
                }
            };
            for key in keys {
                log.give(key)?;
            }
            if log.why == Why::FirstUse {
                (log.why, log.since) = (Why::Given, now);
            }
            log.policy = policy.clone().or(log.policy.take());
            added.push(log.clone());
        }
        Ok(added)
    })?;
    output
        .show(&Listed { file: book.path().display().to_string(), logs: added.iter().map(Log::of).collect() })
}

impl Known {
    /// A log that the user names.
    const fn given(origin: String, now: Timestamp) -> Self {
        Self {
            origin,
            keys: Vec::new(),
            why: Why::Given,
            since: now,
            head: None,
            seen: Vec::new(),
            policy: None,
            places: Vec::new(),
            platform: None,
        }
    }

    /// Takes a key that the user has from elsewhere. It must not contradict the one that is pinned: that would mean that
    /// one of them is forged.
    fn give(&mut self, key: VerifierKey) -> Result<(), Failure> {
        if self.keys.contains(&key) {
            return Ok(());
        }
        if let Some(other) = self.keys.iter().find(|other| other.kind() == key.kind()) {
            let since = match self.why {
                Why::FirstUse => {
                    "taken from the log itself on first use: what was verified then may be forged"
                }
                Why::Given => "given before",
            };
            let what = format!(
                "another {} key of {} is pinned, {since}: {}, and you give {}. Find out which is right; nexora ledger \
                 pins rm forgets the pinned one",
                key.kind().as_str(),
                self.origin,
                fingerprint(other),
                fingerprint(&key)
            );
            return Err(Failure::new(Kind::Conflict, what));
        }
        self.keys.push(key);
        Ok(())
    }
}
