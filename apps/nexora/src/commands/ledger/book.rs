//! What the user knows of logs: which keys are theirs, why they are believed, and the largest checkpoint verified.
//!
//! One file in the user's configuration, outside of everything that is verified: whoever can change a log cannot
//! change what is held against it. `docs/formats/ledger-pins.md` has it to the byte. A file that cannot be read is a
//! failure and never an empty one: otherwise damaging it would unpin every log.

#[cfg(test)]
mod tests;

use crate::connect::Surroundings;
use crate::failure::Failure;
use base::{Kind, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use verify::quorum::Policy;
use verify::{Checkpoint, VerifierKey, note};

/// The file's name in the user's configuration.
const NAME: &str = "ledger-pins.json";
/// The version of its form.
const VERSION: u32 = 1;
/// The largest file that is read, in bytes: some thousand logs.
const MAX_BYTES: u64 = 64 << 20;

/// Why a log's keys are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// They stood in the log when it was first verified, and nothing else spoke for them.
    FirstUse,
    /// The user named them.
    Given,
}

/// What is known of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Its name.
    pub(super) origin: String,
    /// Its keys.
    pub(super) keys: Vec<VerifierKey>,
    /// Why they are believed.
    pub(super) why: Why,
    /// Since when.
    pub(super) since: Timestamp,
    /// The largest checkpoint verified, with the signatures over it: what convicts a log that denies it.
    pub(super) head: Option<Head>,
    /// Checkpoints of it that came in proofs of single entries and were not compared with the whole log yet.
    pub(super) seen: Vec<Head>,
    /// Whose cosignatures the user asks for, as a C2SP tlog-policy.
    pub(super) policy: Option<String>,
    /// Directories and URLs that it was verified at: another log there is not taken for the first one.
    pub(super) places: Vec<String>,
    /// The platform's log that it was held against: one that is not shown any more, or is another one, is no accident.
    pub(super) platform: Option<String>,
}

/// A checkpoint that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// What was signed.
    pub(super) checkpoint: Checkpoint,
    /// The signed note.
    pub(super) note: String,
    /// When it was verified.
    pub(super) verified: Timestamp,
}

/// The file's form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    v: u32,
    logs: Vec<Row>,
}

/// One log in it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    origin: String,
    keys: Vec<String>,
    trust: Why,
    since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    largest: Option<Noted>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<Noted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    places: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
}

/// One checkpoint in it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    checkpoint: String,
    verified: Timestamp,
}

/// Where the user's pins stand.
#[derive(Debug, Clone)]
pub(super) struct Book(PathBuf);

impl Book {
    /// The user's own; none where the environment names no place for configuration.
    pub(super) fn of(surroundings: &Surroundings) -> Option<Self> {
        surroundings.configuration().map(|place| Self(place.join(NAME)))
    }

    /// The user's own, for a command that is about nothing else.
    ///
    /// # Errors
    /// [`Kind::BadInput`] where there is no place for it.
    pub(super) fn needed(surroundings: &Surroundings) -> Result<Self, Failure> {
        Self::of(surroundings).ok_or_else(|| {
            Failure::new(Kind::BadInput, "no place for pins: set HOME or XDG_CONFIG_HOME to a directory")
        })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Refuses pins that stand inside of what they are held against.
    ///
    /// # Errors
    /// [`Kind::BadInput`].
    pub(super) fn stands_outside(&self, verified: &Path) -> Result<(), Failure> {
        // Of what is not there yet, the folder that it would be made in.
        let whole = |path: &Path| path.ancestors().find_map(|path| fs::canonicalize(path).ok());
        let (place, verified) = (whole(&self.0), whole(verified));
        if place.zip(verified).is_some_and(|(place, verified)| place.starts_with(verified)) {
            let what = format!(
                "the pins would stand in {}, inside of what they are held against: set XDG_CONFIG_HOME to a place \
                 that whoever keeps the log cannot write",
                self.0.display()
            );
            return Err(Failure::new(Kind::BadInput, what));
        }
        Ok(())
    }

    /// Every log that is known, by origin.
    ///
    /// # Errors
    /// A file that others may write, that is damaged, or of a later version.
    pub(super) fn read(&self) -> Result<Vec<Known>, Failure> {
        let mut file = match File::open(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened.map_err(|error| Failure::file(&self.0, &error))?,
        };
        let metadata = file.metadata().map_err(|error| Failure::file(&self.0, &error))?;
        if metadata.permissions().mode() & 0o022 != 0 {
            return Err(self.wrong(
                "others than its owner may write it, so it proves nothing: look at it, then chmod 600",
            ));
        }
        let mut text = String::new();
        let read = (&mut file).take(MAX_BYTES + 1).read_to_string(&mut text);
        read.map_err(|error| Failure::file(&self.0, &error))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(self.wrong("larger than any file of pins"));
        }
        self.parse(&text)
    }

    /// What is known of one log.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn find(&self, origin: &str) -> Result<Option<Known>, Failure> {
        Ok(self.read()?.into_iter().find(|known| known.origin == origin))
    }

    /// Changes what is known, and writes it whole: no other command changes it meanwhile.
    ///
    /// # Errors
    /// As [`read`](Self::read), what `change` says, and a file that cannot be written.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<Known>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        let wrong = |error: io::Error| Failure::file(folder, &error);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(wrong)?;
        let lock = self.0.with_extension("lock");
        let held = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock);
        let held = held.and_then(|file| file.lock().map(|()| file));
        let _held = held.map_err(|error| Failure::file(&lock, &error))?;
        let mut logs = self.read()?;
        let before = logs.clone();
        let changed = change(&mut logs)?;
        if logs != before {
            logs.sort_by(|a, b| a.origin.cmp(&b.origin));
            let rows = logs.iter().map(Row::of).collect();
            let mut text = serde_json::to_string_pretty(&Document { v: VERSION, logs: rows })
                .map_err(|error| Failure::ours(format!("no JSON: {error}")))?;
            text.push('\n');
            node::write_private(&self.0, text.as_bytes()).map_err(|error| Failure::file(&self.0, &error))?;
        }
        Ok(changed)
    }

    fn parse(&self, text: &str) -> Result<Vec<Known>, Failure> {
        let document: Document = serde_json::from_str(text).map_err(|error| {
            self.wrong(&format!("damaged ({error}); restore it, or remove it and pin anew"))
        })?;
        if document.v != VERSION {
            return Err(self.wrong(&format!("of version {}, which this program does not know", document.v)));
        }
        let mut logs: Vec<Known> = Vec::new();
        for row in document.logs {
            let origin = row.origin.clone();
            let known =
                row.known().map_err(|why| self.wrong(&format!("wrong in the log {origin}: {why}")))?;
            if logs.iter().any(|log| log.origin == origin) {
                return Err(self.wrong(&format!("naming the log {origin} twice")));
            }
            logs.push(known);
        }
        Ok(logs)
    }

    fn wrong(&self, why: &str) -> Failure {
        Failure::new(Kind::BadInput, format!("{} is {why}", self.0.display()))
    }
}

impl Row {
    fn of(known: &Known) -> Self {
        let noted = |head: &Head| Noted { checkpoint: head.note.clone(), verified: head.verified };
        Self {
            origin: known.origin.clone(),
            keys: known.keys.iter().map(ToString::to_string).collect(),
            trust: known.why,
            since: known.since,
            largest: known.head.as_ref().map(noted),
            seen: known.seen.iter().map(noted).collect(),
            policy: known.policy.clone(),
            places: known.places.clone(),
            platform: known.platform.clone(),
        }
    }

    fn known(self) -> Result<Known, String> {
        let mut keys: Vec<VerifierKey> = Vec::new();
        for text in &self.keys {
            let key: VerifierKey = text.parse().map_err(|error| format!("{error}"))?;
            if key.name() != self.origin {
                return Err(format!("a key of {}", key.name()));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err("no key".to_owned());
        }
        if let Some(policy) = &self.policy {
            policy.parse::<Policy>().map_err(|error| error.to_string())?;
        }
        let head = |noted: Noted| {
            let Noted { checkpoint: note, verified } = noted;
            let checkpoint = read_checkpoint(note.as_bytes()).ok_or("no checkpoint where one stands")?;
            if checkpoint.origin != self.origin {
                return Err(format!("a checkpoint of {}", checkpoint.origin));
            }
            Ok(Head { checkpoint, note, verified })
        };
        let (largest, seen) = (self.largest.map(head).transpose()?, self.seen.into_iter().map(head));
        let seen = seen.collect::<Result<Vec<_>, String>>()?;
        let Self { origin, trust: why, since, policy, places, platform, .. } = self;
        Ok(Known { origin, keys, why, since, head: largest, seen, policy, places, platform })
    }
}

/// The checkpoint in a signed note; its signatures are not looked at.
pub(super) fn read_checkpoint(bytes: &[u8]) -> Option<Checkpoint> {
    note::read(bytes).ok().and_then(|note| Checkpoint::read(note.text))
}
