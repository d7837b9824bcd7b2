//! A dataset, its name, and what is known of its outputs.

use crate::Error;
use base::{Id, Timestamp, noun};
use fields::FieldPolicy;
use std::{fmt, str::FromStr};

/// The longest name, in characters.
pub const MAX_NAME: usize = 100;

/// The longest location, in bytes.
pub const MAX_LOCATION: usize = 4_096;

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its id.
    pub id: Id<noun::Dataset>,
    /// Its name, unique in the organization.
    pub name: Name,
    /// Which of its fields are protected, and how, where a run names no policy of its own.
    pub policy: Option<FieldPolicy>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A dataset, the version of its key pair in use, and its outputs by version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The dataset.
    pub dataset: Dataset,
    /// The version of its key pair that data keys are sealed to now.
    pub key: Id<noun::Key>,
    /// How much of what was protected here stands under which version of which of its keys, key pair and field
    /// keys alike; by key id. One output counts once under each of its keys.
    pub outputs: Vec<ByVersion>,
    /// The last protecting anew that was asked for.
    pub reencryption: Option<Reencryption>,
}

/// The outputs under one version of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByVersion {
    /// The version.
    pub key: Id<noun::Key>,
    /// Whether it is a version in use; else its outputs can be protected anew.
    pub current: bool,
    /// Outputs.
    pub outputs: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// An output that was protected here and, as far as is known, is still in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The run that protected it.
    pub run: Id<noun::Job>,
    /// The version of the dataset's key pair that its data keys are sealed to.
    pub key: Id<noun::Key>,
    /// Whether each of its keys is the version in use.
    pub current: bool,
    /// Its format's code, such as `csv`.
    pub format: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of it, in lower-case hexadecimal.
    pub sha256: String,
    /// SHA-256 of its manifest file, in lower-case hexadecimal.
    pub manifest_sha256: String,
    /// Where it was put, if its run said so.
    pub location: Option<Location>,
    /// Whether this node may write there, so that it can protect it anew by itself.
    pub writable: bool,
    /// When it was protected.
    pub created_at: Timestamp,
}

/// Protecting a dataset's outputs anew in the background: how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reencryption {
    /// Its id.
    pub job: Id<noun::Job>,
    /// Whether it runs.
    pub state: JobState,
    /// How many outputs it is about: those under an old version, at a place that this node may write to.
    pub outputs: u64,
    /// How many of them are done.
    pub done: u64,
    /// How many of them could not be done; they stand as they were.
    pub failed: u64,
    /// How many outputs under an old version stand elsewhere.
    pub elsewhere: u64,
    /// Rows done.
    pub rows: u64,
    /// Bytes read, of the output at hand too.
    pub bytes: u64,
    /// Bytes to read in all.
    pub total_bytes: u64,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it was last heard of.
    pub moved_at: Timestamp,
}

/// Whether a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It runs, or waits for its turn.
    Running,
    /// It has come to its end.
    Done,
    /// It was stopped: the process ended, or who asked for it may no longer. Ask for it again; it goes on where it
    /// stopped.
    Interrupted,
}

impl JobState {
    const ALL: [Self; 3] = [Self::Running, Self::Done, Self::Interrupted];

    /// The state's code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) fn of_code(code: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == code);
        known.ok_or(Error::Damaged { what: "state of a job" })
    }
}

/// A dataset's name: 1 to [`MAX_NAME`] characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the organization's dataset of this name, whether it is there or not: what `policy` is asked
    /// about before anything is read.
    #[must_use]
    pub fn dataset(&self, organization: Id<noun::Organization>) -> Id<noun::Dataset> {
        Id::derived("nexora/dataset/1", &[organization.as_bytes(), self.0.as_bytes()])
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let length = text.chars().count();
        if length == 0 || length > MAX_NAME || text.chars().any(char::is_control) {
            return Err(Error::BadName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Where an output stands, in the words of a [`Destination`](crate::Destination): 1 to [`MAX_LOCATION`] bytes
/// without control characters. For local files an absolute path; the manifest stands beside it, as
/// `LOCATION.manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location(String);

impl Location {
    /// The location.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() || text.len() > MAX_LOCATION || text.chars().any(char::is_control) {
            return Err(Error::BadLocation);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Location, Name};
    use base::Id;

    #[test]
    fn names_are_checked_and_name_one_dataset_per_organization() {
        for wrong in ["", "a\nb", "\u{7f}", &"x".repeat(101)] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
        let name: Name = "customers 2026/ü".parse().expect("a name");
        let (one, two) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        assert_eq!(name.dataset(one), name.dataset(one));
        assert_ne!(name.dataset(one), name.dataset(two));
    }

    #[test]
    fn locations_are_checked() {
        for wrong in ["", "/a\nb", &"x".repeat(4_097)] {
            assert!(wrong.parse::<Location>().is_err(), "{wrong:?}");
        }
        assert_eq!("/data/ü.csv".parse::<Location>().expect("a location").as_str(), "/data/ü.csv");
    }
}
