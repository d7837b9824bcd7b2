//! Recovery: custodians bring an organization's keys back when the root is lost.
//!
//! ```text
//! recovery key R (32 random bytes) ──Shamir──► one share for each custodian, sealed to the custodian's own key
//!        └─wraps─► recovery key pair: the private half stands in the package under R,
//!                  the public half seals the organization's private keys into the package
//! ```
//!
//! Because the package is sealed to a public key, it is written anew whenever a key changes, without R and without
//! anyone: R exists while it is dealt and while a ceremony has its quorum, and at no other time.
//!
//! # Invariants
//! - Independent of the root: the package and a quorum of shares are enough. The root is not.
//! - Fewer shares than the quorum say nothing about R (Shamir), and the ledger's salted hashes and check value are
//!   of 32 and 33 random bytes: nothing can be tried against them.
//! - A share is never in the clear here but inside the approval that checks it: a custodian opens it on its own
//!   machine and seals it again to the one-time key of one ceremony, after comparing that key's fingerprint.
//! - Custodians are named by one person and approved by another.
//! - A recovery counts as set up once a rehearsal has succeeded; until then it is shown as unrehearsed.
//! - Nobody without R changes what a setup says (its check value covers it), and no package is sealed to a key pair
//!   that this root did not see dealt.
//! - A package restores only where its setup is the one that was dealt here under its id, or is unknown here, and
//!   where it has a private half of the organization's key pair: nobody makes one up.
//! - What was shredded is not in the package, and no ceremony brings it back here, whatever package it is given.
//! - A restore ends with a new recovery key and new shares. What was committed is told as done, also where its package
//!   cannot be written: that is a state, and writing it is asked for again.
//! - The package before a setup stays until a rehearsal of that setup has succeeded, and one with keys that the root
//!   does not open until they open again. No shredding erases either while others' keys are in it alone.

mod asking;
mod belongs;
mod ceremony;
mod changed;
mod custodian;
mod earlier;
mod locked;
mod merge;
mod open;
mod package;
mod restore;
mod rows;
mod setup;
mod writing;

pub use asking::{SETUP_EXPIRY, SetupRequest};
pub use ceremony::{Aim, Ceremony, CeremonyState, EXPIRY, Source};
pub use custodian::{Contribution, CustodianKey, CustodianPublic, Invitation, SealedShare, open_share};
pub use earlier::Earlier;
pub use package::{Head, Package, PackedKey, Seat};
pub use restore::Restoration;
pub use setup::{MAX_CUSTODIANS, NewCustodian, PackageState, Recovery, Unwritten};
pub(crate) use writing::Closed;

use base::{Id, noun};

/// Why something about recovery is refused.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// None is set up.
    #[error("no recovery is set up: `nexora keys recovery setup`")]
    NotSetUp,
    /// Custodians and quorum do not fit.
    #[error("a recovery has 2 to {MAX_CUSTODIANS} custodians, and a quorum of at least 2 of them")]
    Quorum,
    /// Two custodians are the same.
    #[error("two of the custodians have the same {what}")]
    Twice {
        /// `name` or `key`.
        what: &'static str,
    },
    /// A name that cannot be used.
    #[error("a custodian's name has 1 to 100 characters, none of them a control character")]
    BadName,
    /// The platform's keys are in the root's own backup.
    #[error("the platform has no recovery: its keys come back with `nexora keys root restore`")]
    Platform,
    /// A document does not read.
    #[error("this is no {what}: {why}")]
    Malformed {
        /// Which document.
        what: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// Documents that do not belong together.
    #[error("the {what} is of another {of}")]
    Mismatch {
        /// Which document.
        what: &'static str,
        /// Of what it is another's.
        of: &'static str,
    },
    /// There is no such ceremony.
    #[error("there is no such ceremony here")]
    UnknownCeremony,
    /// It is over.
    #[error("the ceremony is {}: begin another one", .state.as_str())]
    Over {
        /// What it is.
        state: CeremonyState,
    },
    /// The ceremony is of the other kind.
    #[error("the ceremony is a rehearsal, and restores nothing")]
    Rehearsal,
    /// The custodian has given its share already.
    #[error("{name} has given a share already")]
    Given {
        /// Who.
        name: String,
    },
    /// A share is not the one that was dealt.
    #[error("the share of {name} is not the one that was dealt: its hash is not the one in the ledger")]
    WrongShare {
        /// Whose.
        name: String,
    },
    /// There are too few shares.
    #[error("{have} of {need} shares are given")]
    TooFew {
        /// How many there are.
        have: usize,
        /// How many are needed.
        need: u8,
    },
    /// The shares give another secret than the one that was dealt.
    #[error(
        "the shares do not give the recovery key of this package, or somebody changed it: its check value is another"
    )]
    WrongSecret,
    /// The package does not hold what it says.
    #[error("the package is not sound: {why}; nothing was changed")]
    Unsound {
        /// What is wrong.
        why: &'static str,
    },
    /// The package is not this organization's, whatever it says of itself.
    #[error("the package does not belong to what this database knows: {why}; nothing was changed")]
    Foreign {
        /// What does not agree.
        why: &'static str,
    },
    /// The package lacks keys that another that is here has, and that open nowhere else.
    #[error(
        "this node has {count} keys in packages of its own that this one lacks and that would be closed, {first} among them: restore {} first, or, where nobody opens that any more or each lacks keys of the other, say `--older`; nothing was changed", with(.held)
    )]
    Older {
        /// How many.
        count: usize,
        /// One of them.
        first: Id<noun::Key>,
        /// The earlier package that has it; none where it is the one in place.
        held: Option<Earlier>,
    },
    /// There is no such earlier package.
    #[error("there is no earlier package {name} here: `nexora keys recovery show` lists them")]
    NoEarlier {
        /// Which.
        name: Earlier,
    },
    /// An earlier package does not read.
    #[error(
        "{file} does not read, and may hold the version: put a sound copy in its place, or remove it; nothing was changed"
    )]
    Unread {
        /// The file, below the data directory.
        file: String,
    },
    /// Memory cannot be locked.
    #[error(
        "memory for the keys cannot be locked: raise the limit of locked memory (`ulimit -l`, `LimitMEMLOCK=`)"
    )]
    NotLocked(#[source] region::Error),
    /// The package's file cannot be read or written.
    #[error("the recovery package cannot be read or written")]
    Io(#[from] std::io::Error),
}

impl base::Fault for RecoveryError {
    fn kind(&self) -> base::Kind {
        use base::Kind;
        match self {
            Self::NotSetUp | Self::UnknownCeremony | Self::NoEarlier { .. } => Kind::NotFound,
            Self::Older { .. }
            | Self::Unread { .. }
            | Self::Over { .. }
            | Self::Rehearsal
            | Self::Given { .. }
            | Self::TooFew { .. } => Kind::Conflict,
            Self::WrongShare { .. } | Self::WrongSecret | Self::Unsound { .. } | Self::Foreign { .. } => {
                Kind::CheckFailed
            }
            Self::Quorum
            | Self::Twice { .. }
            | Self::BadName
            | Self::Platform
            | Self::Malformed { .. }
            | Self::Mismatch { .. } => Kind::BadInput,
            Self::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => Kind::Full,
            Self::NotLocked(_) | Self::Io(_) => Kind::Unavailable,
        }
    }

    /// The ceremony's rules, and a package that somebody made up or changed. A share that is not the one that was dealt has an entry of its own.
    fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Over { .. }
                | Self::Rehearsal
                | Self::Given { .. }
                | Self::TooFew { .. }
                | Self::Older { .. }
                | Self::Unread { .. }
                | Self::WrongSecret
                | Self::Unsound { .. }
                | Self::Foreign { .. }
        )
    }
}

/// How to restore the package that has a key.
fn with(held: &Option<Earlier>) -> String {
    held.map_or_else(|| "without `--package`".to_owned(), |name| format!("with `--earlier {name}`"))
}

/// Sixteen groups of four characters at most, to be compared by two people: base 32 of the first 20 bytes of a hash.
fn fingerprint(domain: &str, parts: &[&[u8]]) -> String {
    let hash = base::digest::of_parts(domain, parts);
    let text = base::base32::encode(&hash[..20]);
    let groups: Vec<&str> = (0..text.len()).step_by(4).map(|at| &text[at..text.len().min(at + 4)]).collect();
    groups.join("-")
}
