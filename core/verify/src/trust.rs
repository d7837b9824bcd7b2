//! What whoever checks knows from elsewhere, and why a log's keys are believed.

use crate::checkpoint::{Checkpoint, Cosigned, VerifiedCheckpoint};
use crate::failure::Problem;
use crate::merkle::Hash;
use crate::quorum::{Policy, Witness};
use crate::vkey::VerifierKey;
use std::collections::BTreeSet;

/// What the caller knows from elsewhere, of one log or of several.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    /// Keys of logs; the name of each is the origin of its log. One is enough for a log: whoever has it follows the
    /// log's rotations from there. Empty: none are known.
    pub keys: Vec<VerifierKey>,
    /// The largest checkpoint verified before: the log must hold it still.
    pub checkpoint: Option<Checkpoint>,
    /// Further checkpoints of the same log, of any sizes: each must be one of its history. Two that are both in it are
    /// consistent with each other.
    pub earlier: Vec<Checkpoint>,
    /// What the platform's log records of the log that is verified: sizes and roots in its order, as
    /// [`records`](crate::records()) takes them out. Each must be one of its history. Of a pruned log those below its
    /// minimum index can no longer be compared and are passed over, but for the last one. A proof does not look at them.
    pub recorded: Vec<(u64, Hash)>,
    /// Whose cosignatures count, and how many are needed: on the log's own checkpoint, whichever logs the policy names.
    /// Of a log that is witnessed through the platform's, leave it out, and ask both reports
    /// ([`Report::vouched_under`](crate::Report::vouched_under)).
    pub policy: Option<Policy>,
    /// Further witnesses that may cosign: their lines are checked, and count for nothing by themselves. Other lines under
    /// a log's checkpoint are refused.
    pub witnesses: Vec<Witness>,
}

impl Pins {
    /// Just these keys.
    #[must_use]
    pub fn of(keys: &[VerifierKey]) -> Self {
        Self { keys: keys.to_vec(), ..Self::default() }
    }

    /// The keys that are known of this log: those pinned, and those on the `log` lines of the policy.
    pub fn keys_of<'p>(&'p self, origin: &'p str) -> impl Iterator<Item = &'p VerifierKey> {
        let named = self.policy.iter().flat_map(|policy| policy.logs()).map(|log| &log.key);
        self.keys.iter().chain(named).filter(move |key| key.name() == origin)
    }

    /// The checkpoints that were verified before, in no order.
    pub(crate) fn checkpoints(&self) -> impl Iterator<Item = &Checkpoint> {
        self.checkpoint.iter().chain(&self.earlier)
    }

    /// Whose cosignatures can be checked, each key once.
    pub(crate) fn known_witnesses(&self) -> Vec<Witness> {
        let mut known: Vec<Witness> = Vec::new();
        let named = self.policy.iter().flat_map(Policy::witnesses).chain(&self.witnesses);
        for witness in named {
            if !known.iter().any(|other| other.key == witness.key) {
                known.push(witness.clone());
            }
        }
        known
    }
}

/// Why the log's keys are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTrust {
    /// The caller knew them, or knew keys that signed them.
    Pinned,
    /// They stand in the log itself, and nowhere else.
    Unpinned,
}

impl KeyTrust {
    /// As in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Unpinned => "UNPINNED",
        }
    }
}

/// Who vouches for a checkpoint besides the log itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vouched {
    /// The cosignatures that hold and count. None: only outsiders are excluded as forgers, not the operator.
    pub by: Vec<Cosigned>,
    /// How many witnesses were asked for: keys of one name are one witness.
    pub witnesses: usize,
    /// Whether the caller brought the policy (`Pins::policy`); else it is the log's own, which its operator chose.
    pub pinned: bool,
}

impl Vouched {
    /// The witnesses of a policy that cosigned, each key once.
    ///
    /// # Errors
    /// [`Problem::Quorum`] unless they are a quorum.
    pub(crate) fn under(
        policy: &Policy,
        checkpoint: &VerifiedCheckpoint,
        pinned: bool,
    ) -> Result<Self, Problem> {
        let counts = |line: &&Cosigned| policy.witnesses().iter().any(|witness| witness.key == line.key);
        let by: Vec<_> = checkpoint.cosigned_by().iter().filter(counts).cloned().collect();
        let witnesses = named(policy.witnesses().iter().map(|witness| &witness.key));
        let vouched = Self { by, witnesses, pinned };
        if checkpoint.meets(policy) {
            Ok(vouched)
        } else {
            Err(Problem::Quorum { cosigned: vouched.cosigned(), witnesses })
        }
    }

    /// As [`under`](Self::under), of the platform's checkpoint that records another log's. Only where the policy speaks of
    /// that platform's log: its witnesses may cosign another one as well, and what is recorded there excludes nothing.
    pub(crate) fn above(policy: &Policy, checkpoint: &VerifiedCheckpoint) -> Result<Self, Problem> {
        if policy.speaks_of(&checkpoint.checkpoint().origin) {
            return Self::under(policy, checkpoint, true);
        }
        let witnesses = named(policy.witnesses().iter().map(|witness| &witness.key));
        Err(Problem::Quorum { cosigned: 0, witnesses })
    }

    /// How many witnesses cosigned: one that did so with two keys is one.
    #[must_use]
    pub fn cosigned(&self) -> usize {
        named(self.by.iter().map(|line| &line.key))
    }
}

/// How many names these keys have. A policy has a line for each key (C2SP tlog-policy), and a witness may have two keys,
/// of one name.
fn named<'k>(keys: impl Iterator<Item = &'k VerifierKey>) -> usize {
    keys.map(VerifierKey::name).collect::<BTreeSet<_>>().len()
}
