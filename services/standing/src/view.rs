//! The standings in memory: what every enforcement point reads on each use, behind no cache.
//!
//! Only identities that were ever quarantined take room, so a million good ones cost nothing. A check
//! takes no lock: it loads two pointers and looks into a hash map. A change copies one of 64 maps.
//!
//! Changes reach a view twice, in any order: from the caller that committed them, before it is answered,
//! and from the heartbeat that reads rows by position. Each fact carries its position, and only a later
//! one replaces it, so a slow publisher cannot undo what the heartbeat already knows.

use crate::{GRACE, Quarantine, Refusal, Standing};
use arc_swap::ArcSwap;
use base::{Id, Timestamp, noun};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

const SHARDS: usize = 64;
const NEVER: i64 = i64::MIN;

/// The standings of the organizations that this node has loaded. Cheap to clone; all clones see the same.
#[derive(Debug, Clone, Default)]
pub struct View(Arc<ArcSwap<HashMap<Id<noun::Organization>, Arc<Standings>>>>);

/// A standing and the position of the change that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) identity: Id<noun::Identity>,
    pub(crate) standing: Standing,
    pub(crate) position: i64,
}

type Shard = HashMap<Id<noun::Identity>, Fact>;

#[derive(Debug)]
struct Standings {
    /// When the store was last read to its end, in microseconds; [`NEVER`] until it was.
    heard: AtomicI64,
    /// The last position that the heartbeat has read.
    position: AtomicI64,
    shards: [ArcSwap<Shard>; SHARDS],
}

impl Default for Standings {
    fn default() -> Self {
        Self {
            heard: AtomicI64::new(NEVER),
            position: AtomicI64::new(0),
            shards: std::array::from_fn(|_| ArcSwap::default()),
        }
    }
}

impl Standings {
    fn shard(identity: Id<noun::Identity>) -> usize {
        // Ids are hashes, or end in random bytes: their last byte is spread evenly.
        usize::from(identity.as_bytes()[15]) % SHARDS
    }

    fn heard(&self, now: Timestamp) -> Result<(), Refusal> {
        let heard = self.heard.load(Ordering::Acquire);
        if heard == NEVER {
            return Err(Refusal::Unknown);
        }
        let heard = Timestamp::from_micros(heard);
        // A clock that was set back must not make an old reading look fresh.
        let silence = now.since(heard).max(heard.since(now));
        if silence > GRACE { Err(Refusal::Unheard { seconds: silence.as_secs() }) } else { Ok(()) }
    }
}

impl View {
    /// May this identity of this organization act now?
    ///
    /// Costs some ten nanoseconds and never waits; ask again on each use.
    ///
    /// # Errors
    /// [`Refusal`] where the identity is quarantined, and for every identity of an organization that was
    /// never loaded or not heard of for longer than [`GRACE`].
    pub fn check(
        &self,
        organization: Id<noun::Organization>,
        identity: Id<noun::Identity>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let organizations = self.0.load();
        let standings = organizations.get(&organization).ok_or(Refusal::Unknown)?;
        match standings.shards[Standings::shard(identity)].load().get(&identity) {
            Some(Fact { standing: Standing::Quarantined(quarantine), .. }) => {
                Err(Refusal::Quarantined(*quarantine))
            }
            _ => standings.heard(now),
        }
    }

    /// Does this node know the organization's standings at all? For acts of people, who have none
    /// themselves, but must not open data while a quarantine might go unheard.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] or [`Refusal::Unheard`].
    pub fn heard(&self, organization: Id<noun::Organization>, now: Timestamp) -> Result<(), Refusal> {
        self.0.load().get(&organization).ok_or(Refusal::Unknown)?.heard(now)
    }

    /// The standing as this node knows it, for showing; decisions ask [`check`](Self::check).
    #[must_use]
    pub fn standing(&self, organization: Id<noun::Organization>, identity: Id<noun::Identity>) -> Standing {
        self.0.load().get(&organization).map_or(Standing::Good, |standings| {
            let shard = standings.shards[Standings::shard(identity)].load();
            shard.get(&identity).map_or(Standing::Good, |fact| fact.standing)
        })
    }

    /// Every quarantined identity of the organization, ordered by id.
    #[must_use]
    pub fn quarantined(&self, organization: Id<noun::Organization>) -> Vec<(Id<noun::Identity>, Quarantine)> {
        let organizations = self.0.load();
        let Some(standings) = organizations.get(&organization) else { return Vec::new() };
        let mut quarantined: Vec<_> = standings
            .shards
            .iter()
            .flat_map(|shard| {
                let facts = shard.load();
                facts.values().filter_map(quarantine_of).collect::<Vec<_>>()
            })
            .collect();
        quarantined.sort_unstable_by_key(|(identity, _)| *identity);
        quarantined
    }

    /// Makes room for an organization; it stays unknown to [`check`](Self::check) until
    /// [`hear`](Self::hear).
    pub(crate) fn open(&self, organization: Id<noun::Organization>) {
        self.0.rcu(|organizations| {
            let mut organizations = HashMap::clone(organizations);
            organizations.entry(organization).or_default();
            organizations
        });
    }

    /// The last position that was read, 0 at first.
    pub(crate) fn position(&self, organization: Id<noun::Organization>) -> i64 {
        let organizations = self.0.load();
        organizations.get(&organization).map_or(0, |known| known.position.load(Ordering::Acquire))
    }

    /// Takes in facts, each unless a later one about the same identity is there.
    pub(crate) fn apply(&self, organization: Id<noun::Organization>, facts: &[Fact]) {
        let organizations = self.0.load();
        let Some(standings) = organizations.get(&organization) else { return };
        let mut by_shard: HashMap<usize, Vec<Fact>> = HashMap::new();
        for fact in facts {
            by_shard.entry(Standings::shard(fact.identity)).or_default().push(*fact);
        }
        for (shard, facts) in by_shard {
            standings.shards[shard].rcu(|known| {
                let mut known = HashMap::clone(known);
                for fact in &facts {
                    let kept = known.entry(fact.identity).or_insert(*fact);
                    if kept.position < fact.position {
                        *kept = *fact;
                    }
                }
                known
            });
        }
    }

    /// Rows up to `position` are in the view.
    pub(crate) fn advance(&self, organization: Id<noun::Organization>, position: i64) {
        if let Some(standings) = self.0.load().get(&organization) {
            standings.position.fetch_max(position, Ordering::AcqRel);
        }
    }

    /// At `at`, everything that had been committed was in the view.
    pub(crate) fn hear(&self, organization: Id<noun::Organization>, at: Timestamp) {
        if let Some(standings) = self.0.load().get(&organization) {
            standings.heard.store(at.micros(), Ordering::Release);
        }
    }
}

fn quarantine_of(fact: &Fact) -> Option<(Id<noun::Identity>, Quarantine)> {
    match fact.standing {
        Standing::Quarantined(quarantine) => Some((fact.identity, quarantine)),
        Standing::Good => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Fact, View};
    use crate::{By, GRACE, Quarantine, Reason, Refusal, Standing};
    use base::{Id, Timestamp, noun};
    use std::time::Duration;

    const ORGANIZATION: Id<noun::Organization> = Id::from_bytes([1; 16]);
    const IDENTITY: Id<noun::Identity> = Id::from_bytes([2; 16]);
    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn quarantined(position: i64) -> Fact {
        let standing = Standing::Quarantined(Quarantine {
            since: NOW,
            reason: Reason::Automatic,
            finding: None,
            by: By::Nexora,
        });
        Fact { identity: IDENTITY, standing, position }
    }

    fn heard() -> View {
        let view = View::default();
        view.open(ORGANIZATION);
        view.hear(ORGANIZATION, NOW);
        view
    }

    #[test]
    fn an_organization_that_was_never_loaded_is_refused() {
        let view = View::default();
        assert_eq!(view.check(ORGANIZATION, IDENTITY, NOW), Err(Refusal::Unknown));
        assert_eq!(view.heard(ORGANIZATION, NOW), Err(Refusal::Unknown));
        view.open(ORGANIZATION);
        assert_eq!(view.check(ORGANIZATION, IDENTITY, NOW), Err(Refusal::Unknown), "rows are not read yet");
        view.hear(ORGANIZATION, NOW);
        assert_eq!(view.check(ORGANIZATION, IDENTITY, NOW), Ok(()));
        let other = Id::from_bytes([9; 16]);
        assert_eq!(
            view.check(other, IDENTITY, NOW),
            Err(Refusal::Unknown),
            "one organization's is not another's"
        );
    }

    #[test]
    fn silence_longer_than_the_grace_refuses_in_both_directions_of_the_clock() {
        let view = heard();
        let beyond = GRACE + Duration::from_micros(1);
        assert_eq!(view.check(ORGANIZATION, IDENTITY, NOW + GRACE), Ok(()));
        assert_eq!(view.check(ORGANIZATION, IDENTITY, NOW + beyond), Err(Refusal::Unheard { seconds: 5 }));
        assert_eq!(view.heard(ORGANIZATION, NOW + beyond), Err(Refusal::Unheard { seconds: 5 }));
        assert_eq!(
            view.check(ORGANIZATION, IDENTITY, NOW.minus(beyond)),
            Err(Refusal::Unheard { seconds: 5 })
        );
        view.hear(ORGANIZATION, NOW + beyond);
        assert_eq!(view.check(ORGANIZATION, IDENTITY, NOW + beyond), Ok(()));
    }

    #[test]
    fn only_a_later_change_replaces_a_fact() {
        let view = heard();
        view.apply(ORGANIZATION, &[quarantined(5)]);
        assert!(matches!(view.check(ORGANIZATION, IDENTITY, NOW), Err(Refusal::Quarantined(_))));
        assert_eq!(view.quarantined(ORGANIZATION).len(), 1);
        view.apply(ORGANIZATION, &[Fact { identity: IDENTITY, standing: Standing::Good, position: 6 }]);
        view.apply(ORGANIZATION, &[quarantined(5)]);
        assert_eq!(view.check(ORGANIZATION, IDENTITY, NOW), Ok(()), "a slow publisher undoes nothing");
        view.apply(ORGANIZATION, &[quarantined(7)]);
        assert!(view.check(ORGANIZATION, IDENTITY, NOW).is_err());
        assert!(view.quarantined(Id::from_bytes([9; 16])).is_empty());
    }

    #[test]
    fn a_quarantine_is_named_even_when_the_store_is_silent() {
        let view = heard();
        view.apply(ORGANIZATION, &[quarantined(1)]);
        let late = NOW + GRACE * 2;
        assert_eq!(
            view.check(ORGANIZATION, IDENTITY, late).map_err(|refusal| refusal.code()),
            Err("standing_quarantined")
        );
    }
}
