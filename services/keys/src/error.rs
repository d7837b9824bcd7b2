//! What can go wrong with keys.

use crate::{Purpose, RootError, Scope, ShredRefused, State, Unit, recovery::RecoveryError};
use base::{Fault, Id, Kind, Timestamp, noun};
use crypto::FieldAlgorithm;

/// A failure of the keys service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The actor may not, or not any more.
    #[error(transparent)]
    Refused(#[from] policy::Refused),
    /// The permit is for something else.
    #[error("the permit was given for another act; this is a fault of ours")]
    WrongPermit,
    /// The organization has no keys yet.
    #[error("the organization has no keys yet: its creation was cut off; restart the server to complete it")]
    NotBegun,
    /// The dataset has no key here.
    #[error(
        "there is no key of {dataset}: check the dataset, and that this is the organization it belongs to"
    )]
    NoKey {
        /// Which dataset.
        dataset: Id<noun::Dataset>,
    },
    /// There is no such version of a key.
    #[error("there is no {key} here: `nexora keys ls` lists what there is")]
    NotFound {
        /// Which.
        key: Id<noun::Key>,
    },
    /// The dataset has its keys already.
    #[error("the dataset has its key already: {key}")]
    Exists {
        /// Its newest version.
        key: Id<noun::Key>,
    },
    /// The field has no key, or not this one.
    #[error(
        "there is no such key of field `{field}` for {algorithm}: check the manifest and the field policy"
    )]
    NoFieldKey {
        /// Which field.
        field: String,
        /// For what.
        algorithm: FieldAlgorithm,
    },
    /// The version opens and protects nothing in the state it is in.
    #[error("{key} is {state}{}", what_then(*state))]
    Closed {
        /// Which.
        key: Id<noun::Key>,
        /// Where it stands.
        state: State,
    },
    /// The version does not open under the root of trust in place.
    #[error(
        "{key} does not open under the root of trust in place, so nothing is protected under it: put the newest backup of the root back (`nexora keys root restore`) and resume it (`nexora keys resume {key}`), or rotate it (`nexora keys rotate {key}`), which leaves what is under it shut"
    )]
    Lost {
        /// Which.
        key: Id<noun::Key>,
    },
    /// A key of the organization's own does not open under the root of trust in place, nor does what is sealed to it.
    #[error(
        "{key}, the organization's own key, does not open under the root of trust in place, so nothing is protected: put the newest backup of the root back (`nexora keys root restore`), or hold a recovery ceremony (`nexora keys recovery restore`)"
    )]
    Locked {
        /// Which.
        key: Id<noun::Key>,
    },
    /// An act that is not for a version in this state.
    #[error("{key} is {state}: it cannot be {act}{}", what_first(*state, act))]
    Illegal {
        /// Which.
        key: Id<noun::Key>,
        /// Where it stands.
        state: State,
        /// What was asked: `activated`, `suspended`, …
        act: &'static str,
    },
    /// Keys of this purpose have one version, which is neither rotated nor suspended nor destroyed.
    #[error(
        "the {purpose} key has one version for its whole life: the ledger must go on, and verify, under it"
    )]
    OneVersion {
        /// Which purpose.
        purpose: Purpose,
    },
    /// Keys of this purpose have no suite.
    #[error("a {purpose} key has no suite to change: its algorithm is that of its field's mode")]
    WrongSuite {
        /// Which purpose.
        purpose: Purpose,
    },
    /// A rotation that cannot be.
    #[error("a key rotates every minute at most, and after at least one use")]
    WrongRotation,
    /// Something refers to the version.
    #[error(
        "{key} cannot be destroyed: {count} outputs, recovery packages, shares or keys refer to it; re-encrypt or rewrap what is there first, rehearse a new recovery, and let ceremonies end. Only `nexora keys shred` makes data unreadable"
    )]
    Referred {
        /// Which.
        key: Id<noun::Key>,
        /// How many.
        count: u64,
    },
    /// The version's public half left the system.
    #[error(
        "{key} cannot be destroyed: its public half was handed out, so outputs may exist that nobody here knows. Only `nexora keys shred` makes data unreadable"
    )]
    HandedOut {
        /// Which.
        key: Id<noun::Key>,
    },
    /// The key has no uses left.
    #[error("{key} has been used as often as it may be: rotate it with `nexora keys rotate {key}`")]
    UsedUp {
        /// Which.
        key: Id<noun::Key>,
    },
    /// The unit's record wraps nothing more.
    #[error(
        "the root of trust's record of {unit} has wrapped as much as it may: move its data to a new dataset"
    )]
    WornOut {
        /// Which unit.
        unit: Unit,
    },
    /// This node has not read the key epoch for too long.
    #[error("this node has not read the key epoch{}: it may have missed a suspension, so it opens nothing; check its disk and database", unread(*seconds))]
    EpochUnread {
        /// For how long, if it ever has.
        seconds: Option<u64>,
    },
    /// The producer was revoked.
    #[error(
        "the manifest is signed by producer {name:?}, revoked at {at}: nothing under that signature is revealed; if you still vouch for its key, add it again with `nexora keys producer add`"
    )]
    RevokedSigner {
        /// Whose.
        name: String,
        /// Since when.
        at: Timestamp,
    },
    /// There is no such producer.
    #[error("there is no such producer: `nexora keys producer ls` lists them")]
    NoProducer,
    /// The act takes a person, and this is none.
    #[error("only a person can do this: sign in with a person's credential")]
    NotAPerson,
    /// Whoever asked cannot approve.
    #[error("nobody approves their own request: another person has to")]
    SamePerson,
    /// There is no such request.
    #[error("there is no such request: check its id")]
    NoRequest,
    /// The request was approved already.
    #[error("the request was approved already")]
    Approved,
    /// Nobody has approved the request yet.
    #[error("the request is not approved yet: another person has to approve it")]
    NotApproved,
    /// The request is too old.
    #[error("the request has expired: ask again")]
    Expired,
    /// The key cannot be exported.
    #[error("the key cannot be exported: {why}")]
    NotExportable {
        /// Why not.
        why: &'static str,
    },
    /// Nobody registered signs under this key.
    #[error(
        "the manifest is signed by nobody known here: register the producer with `nexora keys producer add`"
    )]
    UnknownSigner,
    /// A producer of that name or key is registered already.
    #[error("a producer with that {what} is registered already")]
    Duplicate {
        /// `name` or `key`.
        what: &'static str,
    },
    /// A name that cannot be used.
    #[error("a producer's name has 1 to 100 characters, none of them a control character")]
    BadName,
    /// Producers sign with ML-DSA-65 or ML-DSA-87.
    #[error("a producer's key is an ML-DSA-65 or ML-DSA-87 key; this one is {found}")]
    WrongAlgorithm {
        /// What it is.
        found: crypto::sign::Algorithm,
    },
    /// A breach is declared of it.
    #[error(
        "a breach is declared of {scope}: its keys open and protect nothing until `nexora keys breach undo`"
    )]
    Breached {
        /// Of what.
        scope: Scope,
    },
    /// No breach is declared of it.
    #[error("no breach is declared of {scope}")]
    NoBreach {
        /// Of what.
        scope: Scope,
    },
    /// It is shredded.
    #[error("the keys of {scope} are shredded: nothing opens them again")]
    Shredded {
        /// Of what.
        scope: Scope,
    },
    /// A reason that cannot be used.
    #[error("a reason has up to 1000 characters, none of them a control character")]
    BadReason,
    /// A request to shred is not taken.
    #[error(transparent)]
    Shred(#[from] ShredRefused),
    /// Something about recovery is refused.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// A thread that worked for a request ended without an answer.
    #[error("a worker ended without an answer: this is a fault of ours; try again")]
    Worker,
    /// A stored key does not read.
    #[error("a stored {what} does not read: the file is damaged or was changed by hand")]
    Damaged {
        /// Which part.
        what: &'static str,
    },
    /// A key does not open, or is none.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// The root of trust failed.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The store failed.
    #[error("keys could not be read or written")]
    Store(#[from] store::Error),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused(refused) => refused.kind(),
            Self::NoKey { .. }
            | Self::NotFound { .. }
            | Self::NoFieldKey { .. }
            | Self::NoProducer
            | Self::NoRequest => Kind::NotFound,
            Self::UnknownSigner | Self::BadName | Self::WrongAlgorithm { .. } | Self::Crypto(_) => {
                Kind::BadInput
            }
            Self::Duplicate { .. }
            | Self::Exists { .. }
            | Self::Closed { .. }
            | Self::Lost { .. }
            | Self::Locked { .. }
            | Self::Illegal { .. }
            | Self::Referred { .. }
            | Self::HandedOut { .. }
            | Self::UsedUp { .. }
            | Self::WornOut { .. }
            | Self::Approved
            | Self::NotApproved
            | Self::Expired
            | Self::RevokedSigner { .. } => Kind::Conflict,
            Self::Breached { .. } | Self::Shredded { .. } => Kind::Conflict,
            Self::NoBreach { .. } => Kind::NotFound,
            Self::BadReason => Kind::BadInput,
            Self::Shred(refused) => refused.kind(),
            Self::Recovery(refused) => refused.kind(),
            Self::NotAPerson | Self::SamePerson => Kind::Refused,
            Self::NotExportable { .. }
            | Self::OneVersion { .. }
            | Self::WrongSuite { .. }
            | Self::WrongRotation => Kind::BadInput,
            Self::NotBegun | Self::EpochUnread { .. } => Kind::Unavailable,
            Self::WrongPermit | Self::Worker | Self::Damaged { .. } => Kind::Internal,
            Self::Root(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    /// What takes two persons or a ceremony, what a person has closed, and what protects data and the ledger from an
    /// act on their keys.
    fn is_refusal(&self) -> bool {
        match self {
            Self::Approved
            | Self::NotApproved
            | Self::Expired
            | Self::Referred { .. }
            | Self::HandedOut { .. }
            | Self::RevokedSigner { .. }
            | Self::NotExportable { .. }
            | Self::OneVersion { .. }
            | Self::Lost { .. }
            | Self::Locked { .. }
            | Self::Breached { .. }
            | Self::Shredded { .. } => true,
            Self::Closed { state, .. } => matches!(state, State::Suspended | State::Destroyed),
            Self::Shred(refused) => refused.is_refusal(),
            Self::Recovery(refused) => refused.is_refusal(),
            Self::Root(error) => error.is_refusal(),
            error => matches!(error.kind(), Kind::Refused | Kind::NotSignedIn),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotAPerson => "not_a_person",
            Self::SamePerson | Self::Shred(ShredRefused::SamePerson) => "same_person",
            _ => "rule",
        }
    }
}

/// What to do about a version that is not open.
const fn what_then(state: State) -> &'static str {
    match state {
        State::Generated => ": put it in use with `nexora keys activate`",
        State::Suspended => ": nothing opens with it until `nexora keys resume`",
        State::Destroyed => ": nothing opens with it any more",
        State::Retired => ": it only opens; another version protects",
        State::Active => "",
    }
}

/// What to do before an act that is not for a version in this state.
fn what_first(state: State, act: &str) -> &'static str {
    match (state, act) {
        (State::Active | State::Suspended, "destroyed") => {
            ": rotate it first, so that another version is in use"
        }
        (State::Suspended, _) => ": resume it first",
        _ => "",
    }
}

fn unread(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| " yet".to_owned(), |seconds| format!(" for {seconds} s"))
}

/// An error with everything that it comes from.
pub(crate) fn whole(error: &dyn std::error::Error) -> String {
    let (mut said, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        said = format!("{said}: {error}");
        source = error.source();
    }
    said
}
