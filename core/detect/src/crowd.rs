//! Findings against those whom nobody knows: how many of them stand for themselves.
//!
//! A finding is of a rule, an identity and an hour. Who may write into a log can invent as many identities and as many
//! hours as there are bytes; each would be a finding of its own, and a write into the store. So in one hour of arrival a
//! rule has at most [`MAX_EACH`] findings in a shard that are not of an established identity at a credible time, and all
//! rules together [`MAX_ALL`]; what matches beyond that is told together: as one finding of the rule, against nobody.
//! Sequences are bounded already, and are told of whomever they are.
//!
//! An established identity is told of whatever others do: nobody can hide it in a crowd.

use crate::finding::Finding;
use crate::siphash;
use base::{Id, Timestamp, noun};
use std::collections::BTreeSet;

/// How many different findings a rule has against the unknown in an hour of arrival and a shard.
pub(crate) const MAX_EACH: usize = 256;
/// How many all rules have.
pub(crate) const MAX_ALL: usize = 4_096;

/// The findings of one hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Crowd {
    /// The hour of arrival, since 1970.
    pub(crate) hour: u32,
    /// The rule and the finding, both as hashes.
    pub(crate) told: BTreeSet<(u64, u64)>,
    /// How many hits were told together, ever.
    pub(crate) together: u64,
}

impl Crowd {
    /// Whether a finding stands for itself. Arrival never goes back.
    pub(crate) fn admit(
        &mut self,
        finding: &Finding,
        organization: Id<noun::Organization>,
        arrival: Timestamp,
    ) -> bool {
        let hour = hour(arrival);
        if hour > self.hour {
            self.hour = hour;
            self.told.clear();
        }
        let key = organization.as_bytes();
        let rule = siphash::hash(key, finding.rule.as_bytes());
        let this = (rule, siphash::hash(key, finding.id.as_bytes()));
        if self.told.contains(&this) {
            return true;
        }
        let room = self.told.len() < MAX_ALL
            && self.told.range((rule, 0)..=(rule, u64::MAX)).take(MAX_EACH).count() < MAX_EACH;
        if room {
            self.told.insert(this);
        } else {
            self.together = self.together.saturating_add(1);
        }
        room
    }

    /// Makes it one with all others of its rule and hour that do not stand for themselves.
    pub(crate) fn join(finding: &mut Finding, organization: Id<noun::Organization>, arrival: Timestamp) {
        finding.identity = None;
        finding.id = Finding::id_of(organization, finding.detector, &finding.rule, None, arrival);
        finding.reasons.push(format!(
            "more than {MAX_EACH} different ones whom nobody knew did this within an hour; expected a few: the rest are told together"
        ));
    }
}

fn hour(arrival: Timestamp) -> u32 {
    u32::try_from(arrival.seconds().max(0) / 3_600).unwrap_or(u32::MAX)
}
