//! What a log hands to an anchor, as a state machine: (what is under way, what became of it, what is published) → what
//! to do next. No I/O happens here.
//!
//! An anchor may take a checkpoint twice, late, or not at all, and one writer stands at each origin. So one checkpoint
//! is under way at a time; its signed bytes are kept until its fate is known; the same bytes are given again when
//! nothing is known of them; and a larger one is begun only when the one before is settled.

use crate::Fate;
use verify::Checkpoint;

/// How an anchor stands with a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anchored {
    /// The note that was handed over, or is about to be, and whose fate is not known.
    pub under_way: Option<Vec<u8>>,
    /// The last one that was accepted, and its receipt.
    pub accepted: Option<(Vec<u8>, Vec<u8>)>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until more is published.
    Rest,
    /// Write the state down, and then hand over what is under way in it.
    Begin(Anchored),
    /// Ask what became of what is under way.
    Ask,
}

impl Anchored {
    /// What to do, given the published note, and whether it covers more than the accepted one did.
    #[must_use]
    pub fn next(&self, published: Option<&[u8]>, has_grown: bool) -> Next {
        match (&self.under_way, published) {
            (Some(_), _) => Next::Ask,
            (None, Some(note)) if has_grown => {
                Next::Begin(Self { under_way: Some(note.to_vec()), accepted: self.accepted.clone() })
            }
            (None, _) => Next::Rest,
        }
    }

    /// The state once a fate is known, and whether the same bytes are to be handed over again.
    #[must_use]
    pub fn settle(&self, fate: Fate) -> (Self, bool) {
        match (fate, &self.under_way) {
            (Fate::Accepted(receipt), Some(note)) => {
                (Self { under_way: None, accepted: Some((note.clone(), receipt)) }, false)
            }
            // It would not be taken from before any more: a new one may begin.
            (Fate::Lost, Some(_)) => (Self { under_way: None, accepted: self.accepted.clone() }, false),
            // Nobody knows: it is given again, the same, for twice does no harm.
            (Fate::Pending, Some(_)) => (self.clone(), true),
            (_, None) => (self.clone(), false),
        }
    }
}

/// What is wrong with an anchor that has `latest` of a log, and gave a receipt for `accepted`: it has lost what it
/// took, so it cannot tell any more whether the log is an older one.
#[must_use]
pub fn loss(accepted: &Checkpoint, latest: Option<&Checkpoint>) -> Option<String> {
    let has = latest.filter(|latest| latest.origin == accepted.origin).map_or(0, |latest| latest.size);
    (has < accepted.size).then(|| {
        format!(
            "it took {} entries of {}, as its receipt says, and has {has} now: it was emptied, cut or exchanged; bring \
             back what it held, or set up another anchor",
            accepted.size, accepted.origin
        )
    })
}
