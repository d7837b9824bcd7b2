//! A million identities at work, from a seed: each plays the script of one of the simulator's, under a name of its own.
//!
//! The simulator's machines of one day are the scripts: what each does, in its order. Identity k plays script k modulo
//! their number, from the beginning again when it is through. Who acts next is drawn from a seed: everyone as often as
//! any other, or by Zipf's law. The clock goes on by the same step with each activity.

use crate::Failure;
use crate::chance::Chance;
use base::{Id, Timestamp, noun};
use detect::{Judge, Pack, RuleText, ShardState, behaviour, shard_of};
use events::{Activity, FieldSet, IdentityKey, Record, Redactor};
use simulate::{Attacks, Scenario, Spread};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Enough in debug to see it work. A million is what an organization's state holds.
pub(crate) const IDENTITIES: usize = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
/// Activities by Zipf's law that bring the world to life, after one of each identity.
const WARM_UP: usize = 6 * IDENTITIES;
/// How long that takes in the world: long enough that the busy have habits of their own.
const WARM_DAYS: u64 = 4;
/// Monday, 2 March 2026, 00:00 UTC.
const START: Timestamp = Timestamp::from_millis(1_772_409_600_000);
/// Activities of one script, at most.
const LENGTH: usize = 16;
pub(crate) const ORGANIZATION: Id<noun::Organization> = Id::from_bytes([1; 16]);

/// How it is drawn who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draw {
    Uniform,
    Zipf,
}

/// One activity to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act {
    who: usize,
    template: usize,
    pub(crate) time: Timestamp,
}

/// One event of a script.
#[derive(Debug)]
struct Template {
    json: String,
    record: Record,
    script: usize,
}

/// Events of the simulator, by identity.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    all: Vec<Template>,
    scripts: Vec<Script>,
}

#[derive(Debug)]
struct Script {
    of: Range<usize>,
    /// The identity's name in the events, and what stands before it in its native name.
    name: String,
    before: String,
}

/// The native name of an identity, and where in it its name begins.
#[derive(Debug)]
pub(crate) struct Name {
    native: String,
    at: usize,
}

impl Templates {
    /// One day of two thousand identities, of whom the machines remain.
    pub(crate) fn new() -> Result<Self, Failure> {
        let scenario = Scenario {
            seed: 5,
            start: START,
            duration: Duration::from_secs(86_400),
            identities: 2_000,
            rate: 24.0,
            spread: Spread::Uniform,
            attacks: Attacks::None,
        };
        let fields = FieldSet::default();
        let mut by_identity: BTreeMap<(String, String), Vec<(String, Record)>> = BTreeMap::new();
        for event in scenario.simulate()? {
            let record = read(event.json.as_bytes())?;
            // What does not name the identity cannot be told of another.
            let who = machine(&activity(&record, &fields)?).filter(|(name, _)| event.json.contains(name));
            let Some(who) = who else { continue };
            let script = by_identity.entry(who).or_default();
            if script.len() < LENGTH {
                script.push((event.json, record));
            }
        }
        let mut templates = Self::default();
        for (number, ((name, before), events)) in by_identity.into_iter().enumerate() {
            let start = templates.all.len();
            let events = events.into_iter();
            templates.all.extend(events.map(|(json, record)| Template { json, record, script: number }));
            templates.scripts.push(Script { of: start..templates.all.len(), name, before });
        }
        Ok(templates)
    }

    /// How many scripts, and how many events in them.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.scripts.len(), self.all.len())
    }

    /// The names of all identities.
    pub(crate) fn names(&self) -> Vec<Name> {
        let name = |who: usize| {
            let Script { name, before, .. } = &self.scripts[who % self.scripts.len()];
            Name { native: format!("{before}{}", renamed(name, who)), at: before.len() }
        };
        (0..IDENTITIES).map(name).collect()
    }

    /// The event as its provider would send it.
    pub(crate) fn json(&self, act: &Act) -> Result<String, Failure> {
        const MARK: &str = r#""eventTime":""#;
        let template = &self.all[act.template];
        let name = &self.scripts[template.script].name;
        let mut json = template.json.replace(name.as_str(), &renamed(name, act.who));
        let at = json.find(MARK).ok_or("an event without its time")? + MARK.len();
        json.replace_range(at..at + 19, act.time.to_string().get(..19).ok_or("a time without seconds")?);
        Ok(json)
    }
}

/// The name of the machine that acts, and what stands before it in its native name.
fn machine(activity: &Activity<'_>) -> Option<(String, String)> {
    let facts = activity.actor.facts;
    let machine =
        !facts.interactive && !facts.provider_owned && facts.authenticated && activity.actor.creates;
    let key = activity.actor.identity.as_ref().filter(|_| machine)?;
    Some((key.name.to_string(), key.native.strip_suffix(&*key.name)?.to_owned()))
}

/// An access key's id becomes another of its kind; a role has a number more.
fn renamed(name: &str, who: usize) -> String {
    if name.starts_with("AKIA") { format!("AKIA{who:016X}") } else { format!("{name}-{who:07}") }
}

/// All activities to come, in their order.
pub(crate) struct Clock {
    chance: Chance,
    now: Timestamp,
    /// Where each identity is in its script.
    next: Vec<u8>,
}

impl Clock {
    /// The time of the last activity to come.
    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Who acts next, and does what.
    fn act(&mut self, templates: &Templates, who: usize, step: Duration) -> Act {
        self.now = self.now + step;
        let script = &templates.scripts[who % templates.scripts.len()].of;
        let at = usize::from(self.next[who]);
        self.next[who] = self.next[who].wrapping_add(1);
        Act { who, template: script.start + at % script.len(), time: self.now }
    }

    /// So many to come.
    pub(crate) fn plan(&mut self, templates: &Templates, draw: Draw, count: usize) -> Vec<Act> {
        let step = Duration::from_secs(WARM_DAYS * 86_400) / u32::try_from(WARM_UP).unwrap_or(u32::MAX);
        let mut act = |_| {
            let who = match draw {
                Draw::Uniform => self.chance.below(IDENTITIES),
                Draw::Zipf => self.chance.zipf(IDENTITIES),
            };
            self.act(templates, who, step)
        };
        (0..count).map(&mut act).collect()
    }
}

/// The judge, and all identities alive before it.
pub(crate) struct Live<'t> {
    pub(crate) judge: Judge,
    pub(crate) states: Vec<ShardState>,
    names: &'t [Name],
    activities: Vec<Activity<'t>>,
}

impl<'t> Live<'t> {
    /// Brings everyone to life: each acts once, and then they go on for days.
    pub(crate) fn begin(templates: &'t Templates, names: &'t [Name]) -> Result<(Self, Clock), Failure> {
        let texts: Vec<_> =
            rules::ALL.iter().map(|rule| RuleText { path: rule.name, text: rule.text }).collect();
        let (pack, skipped) = Pack::compile(&texts);
        if let Some(skipped) = skipped.first() {
            return Err(format!("{}: {}", skipped.path, skipped.reason).into());
        }
        let judge = Judge::new(Arc::new(pack));
        let fields = judge.pack().fields().clone();
        let activities = templates.all.iter().map(|template| activity(&template.record, &fields));
        let activities = activities.collect::<Result<_, _>>()?;
        let states = vec![ShardState::default(); detect::SHARDS];
        let mut live = Self { judge, states, names, activities };
        let mut clock = Clock { chance: Chance::new(17), now: START, next: vec![0; IDENTITIES] };
        let first = Duration::from_secs(86_400) / u32::try_from(IDENTITIES)?;
        for who in 0..IDENTITIES {
            live.lead(&clock.act(templates, who, first));
        }
        const PART: usize = WARM_UP / 100;
        for _ in 0..WARM_UP / PART {
            clock.plan(templates, Draw::Zipf, PART).iter().for_each(|act| live.lead(act));
        }
        let alive: usize = live.states.iter().map(ShardState::len).sum();
        let forgotten: u64 = live.states.iter().map(ShardState::evicted).sum();
        if alive != IDENTITIES || forgotten != 0 {
            return Err(format!("{alive} of {IDENTITIES} identities are remembered").into());
        }
        Ok((live, clock))
    }

    /// Judges an activity that is not measured. What peers share is merged by the hour.
    fn lead(&mut self, act: &Act) {
        behaviour::advance(&mut self.states, act.time);
        let judge = self.judge.clone();
        self.judge(&judge, act);
    }

    /// Judges the activity: how many findings.
    pub(crate) fn judge(&mut self, judge: &Judge, act: &Act) -> usize {
        let Name { native, at } = &self.names[act.who];
        let activity = &mut self.activities[act.template];
        activity.time = act.time;
        if let Some(key) = &mut activity.actor.identity {
            key.native = Cow::Borrowed(native);
            key.name = Cow::Borrowed(&native[*at..]);
        }
        let identity = activity.actor.identity.as_ref().map(|key| key.id(ORGANIZATION));
        judge.judge_of(&mut self.states[shard_of(identity)], activity, identity, ORGANIZATION, act.time).len()
    }

    /// Judges an event from its bytes: how many findings.
    pub(crate) fn judge_bytes(&mut self, event: &[u8], act: &Act) -> Result<usize, Failure> {
        let record = read(event)?;
        let activity = activity(&record, self.judge.pack().fields())?;
        let identity = activity.actor.identity.as_ref().map(|key| key.id(ORGANIZATION));
        let state = &mut self.states[shard_of(identity)];
        Ok(self.judge.judge_of(state, &activity, identity, ORGANIZATION, act.time).len())
    }

    /// Whether the event is one of the identity that it is meant to be of.
    pub(crate) fn is_of(&self, event: &[u8], act: &Act) -> Result<bool, Failure> {
        let record = read(event)?;
        let activity = activity(&record, self.judge.pack().fields())?;
        let native = |key: &IdentityKey<'_>| key.native == self.names[act.who].native;
        Ok(activity.time.seconds() == act.time.seconds()
            && activity.actor.identity.as_ref().is_some_and(native))
    }

    /// Bytes of state and index, for each identity.
    pub(crate) fn bytes(&self) -> usize {
        self.states.iter().map(ShardState::identity_bytes).sum::<usize>() / IDENTITIES
    }
}

/// An event as the pipeline reads it, with nothing in it that is secret.
pub(crate) fn read(event: &[u8]) -> Result<Record, Failure> {
    Record::read(event, &Redactor::unkeyed())
        .map_err(|reason| format!("an event is refused: {reason:?}").into())
}

pub(crate) fn activity<'r>(record: &'r Record, fields: &FieldSet) -> Result<Activity<'r>, Failure> {
    record.activity(fields).map_err(|reason| format!("an event is no activity: {reason:?}").into())
}
