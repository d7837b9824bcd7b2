//! What is known of one identity, and the first behaviour signal: an action it has never taken before.
//!
//! Only what the provider vouches for is learned: successful calls of an authenticated machine identity
//! of the reporting account, at a credible time. A profile takes at most 2.6 KB.
//!
//! A new action of an identity that is established is told once, then waits in a bounded probation, where
//! its repetition is no news; it is learned when it is used again a day later, and never while a severe
//! finding is fresh.

use crate::siphash;
use base::{Id, Severity, Timestamp, noun};
use events::Activity;

/// The name of the signal, as a finding's rule.
pub const FIRST_SEEN_ACTION: &str = "first-seen-action";

/// How many activities make an identity established…
pub const ESTABLISHED_ACTIVITIES: u32 = 100;
/// …over at least how long, in microseconds of event time: three days.
pub const ESTABLISHED_MICROS: i64 = 3 * DAY;

/// How many kinds of actions and services a profile holds. An identity that uses more has no first-seen
/// signal any more.
pub(crate) const MAX_KNOWN: usize = 256;
/// How many actions wait to be learned; the longest waiting gives way.
pub(crate) const MAX_WAITING: usize = 32;

const MINUTE: i64 = 60 * 1_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// How long a new action waits, and how long a severe finding keeps everything waiting.
const PROBATION: i64 = DAY;
/// How far an activity may lie behind the identity's latest and still be learned.
const LATE: i64 = 30 * MINUTE;
/// How far ahead of its arrival an activity may be and still be learned.
const AHEAD: i64 = 5 * MINUTE;
/// 2010-01-01T00:00:00Z. No log of the clouds is older.
const EARLIEST: i64 = 1_262_304_000 * 1_000_000;

/// Whether an activity's time is credible enough to learn from: not before 2010, and no more than five
/// minutes ahead of its arrival.
pub(crate) fn credible(time: Timestamp, arrival: Timestamp) -> bool {
    time.micros() >= EARLIEST && time.micros() <= arrival.micros().saturating_add(AHEAD)
}

/// What is known of one identity. Times are microseconds of event time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    /// The first activity.
    pub(crate) first: i64,
    /// The latest activity.
    pub(crate) last: i64,
    /// The latest activity with a severe finding; `i64::MIN` if none.
    pub(crate) alarm: i64,
    /// How many activities.
    pub(crate) seen: u32,
    /// Hashes of the actions and services it uses, sorted.
    pub(crate) known: Vec<u64>,
    /// New actions on probation, in the order they came.
    pub(crate) waiting: Vec<Waiting>,
}

/// A new action on probation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) hash: u64,
    pub(crate) since: i64,
}

/// What an activity has of new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) severity: Severity,
    pub(crate) title: String,
    pub(crate) reasons: Vec<String>,
}

impl Profile {
    pub(crate) const fn new(now: i64) -> Self {
        Self { first: now, last: now, alarm: i64::MIN, seen: 0, known: Vec::new(), waiting: Vec::new() }
    }

    /// Takes in an activity and says what is new about it. `severe` is whether a rule of high or critical
    /// level matched it: such an activity is counted, and nothing of it is learned.
    pub(crate) fn observe(
        &mut self,
        activity: &Activity<'_>,
        organization: Id<noun::Organization>,
        severe: bool,
    ) -> Option<Signal> {
        let now = activity.time.micros();
        if now < self.last.saturating_sub(LATE) {
            return None;
        }
        let established = self.established(now);
        let age = now.saturating_sub(self.first);
        self.first = self.first.min(now);
        self.last = self.last.max(now);
        self.seen = self.seen.saturating_add(1);
        if severe {
            self.alarm = self.alarm.max(now);
            return None;
        }
        let key = organization.as_bytes();
        let service = siphash::hash(key, activity.service.as_bytes());
        let action = siphash::hash(key, format!("{}\0{}", activity.service, &activity.action).as_bytes());
        if self.knows(action) {
            return None;
        }
        if !established {
            self.learn(action);
            self.learn(service);
            return None;
        }
        if let Some(place) = self.waiting.iter().position(|waiting| waiting.hash == action) {
            let waited = now.saturating_sub(self.waiting[place].since) >= PROBATION;
            if waited && now.saturating_sub(self.alarm) >= PROBATION {
                self.waiting.remove(place);
                self.learn(action);
                self.learn(service);
            }
            return None;
        }
        if self.known.len() + 2 > MAX_KNOWN {
            return None;
        }
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.remove(0);
        }
        self.waiting.push(Waiting { hash: action, since: now });
        Some(self.signal(activity, !self.knows(service), age))
    }

    /// Whether it was seen often enough, over long enough, that something new is worth a word.
    fn established(&self, now: i64) -> bool {
        self.seen >= ESTABLISHED_ACTIVITIES && now.saturating_sub(self.first) >= ESTABLISHED_MICROS
    }

    fn knows(&self, hash: u64) -> bool {
        self.known.binary_search(&hash).is_ok()
    }

    fn learn(&mut self, hash: u64) {
        if let Err(place) = self.known.binary_search(&hash)
            && self.known.len() < MAX_KNOWN
        {
            self.known.insert(place, hash);
        }
    }

    fn signal(&self, activity: &Activity<'_>, new_service: bool, age: i64) -> Signal {
        let service = activity.service.split('.').next().unwrap_or_default();
        let name = format!("{}:{}", clip(service), clip(&activity.action));
        let writes = activity.read_only == Some(false);
        let mut reasons = vec![format!(
            "first `{name}` in {} days; expected one of the actions and services it is known by ({}), \
             from {} activities",
            age / DAY,
            self.known.len(),
            self.seen.saturating_sub(1),
        )];
        if new_service {
            reasons.push(format!("it never called `{}` before", clip(&activity.service)));
        }
        if writes {
            reasons.push("the call changes something".to_owned());
        }
        let severity = if new_service && writes { Severity::Medium } else { Severity::Low };
        Signal { severity, title: "First use of an action by an established identity".to_owned(), reasons }
    }
}

/// A text of the event, cut for a sentence.
pub(crate) fn clip(text: &str) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
