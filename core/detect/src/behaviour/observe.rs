//! The way of one activity through the models.

use super::filter::{self, Known};
use super::group::{self, Epoch, Group, Peers};
use super::hours::Hours;
use super::measure::{self, Grades};
use super::probation::{QUIET, Waiting};
use super::reasons::{self, Measured, Told};
use super::record::{HABITS, Record, moment};
use super::sight::Sight;
use super::signal::{SIGNALS, Signal};
use super::slab::Page;
use super::trees::{self, Place};
use super::verdict::Verdict;
use super::watermark::{self, RulesOnly};
use super::weigh::{SUSPECT, add_risk, remember_told, weigh};
use crate::state::ShardState;
use base::{Id, Severity, Timestamp, noun};
use events::Activity;
use std::sync::Arc;

/// An activity less probable than this is told.
const TELLING: f64 = 2e-3;
/// The risk from which on an activity that is told is a medium finding.
pub(crate) const GREAT: f32 = 5.5;
/// The risk that scores 50.
pub(crate) const HALF_SCORE: f32 = GREAT;
/// How many samples of a fortnight an identity's own history takes.
const SAMPLES: f32 = 512.0;

/// Everything about one activity that does not change on its way.
struct Case<'a, 'e> {
    activity: &'a Activity<'e>,
    sight: Sight,
    now: u32,
    /// Whether a rule of high or critical level matched it.
    severe: bool,
    /// A number of its own, for what is drawn by chance.
    chance: u64,
    /// Whether the verdict has a probability for what is ordinary too.
    in_full: bool,
}

/// Judges an activity by what is known of its identity, and learns from it. `worst` is the level of the worst rule
/// that matched it. The verdict has the probabilities of all signals only `in_full`.
pub(crate) fn observe(
    state: &mut ShardState,
    activity: &Activity<'_>,
    organization: Id<noun::Organization>,
    identity: Option<Id<noun::Identity>>,
    arrival: Timestamp,
    worst: Option<Severity>,
    in_full: bool,
) -> Result<Verdict, RulesOnly> {
    let facts = activity.actor.facts;
    let ours = facts.authenticated && !facts.failed && !facts.cross_account;
    let machine = !facts.interactive && !facts.provider_owned;
    let key = organization.as_bytes();
    let admitted = state.watermarks.admit(watermark::source(activity, key), activity.time, arrival);
    if let Err(why) = admitted {
        state.passed_over.count(why);
        return Err(why);
    }
    let (Some(identity), Some(named), true) = (identity, &activity.actor.identity, ours && machine) else {
        return Err(RulesOnly::NotOurs);
    };
    let now = moment(activity.time);
    let place = match state.slab.find(identity) {
        Some(place) => place,
        None if activity.actor.creates => state.add(Record::new(identity, group::key(named, key), now)),
        None => return Err(RulesOnly::Unknown),
    };
    state.latest = state.latest.max(now);
    state.bursts.advance(now, state.slab.len());
    let severe = worst >= Some(Severity::High);
    let sight = Sight::of(activity, key);
    let chance = sight.action ^ u64::from_le_bytes(identity.as_bytes()[8..].try_into().unwrap_or_default());
    let chance = crate::siphash::hash(key, &(chance ^ u64::from(now)).to_le_bytes());
    let case = Case { activity, sight, now, severe, chance, in_full };
    Ok(state.judge(&case, place, worst))
}

impl ShardState {
    fn judge(&mut self, case: &Case<'_, '_>, place: usize, worst: Option<Severity>) -> Verdict {
        let epoch = Arc::clone(&self.epoch);
        let Some(record) = self.slab.get_mut(place) else { return Verdict::NOTHING };
        let key = record.group;
        let established = record.established(case.now);
        let counted = record.counts(record.last);
        record.pass(case.now);
        record.seen = record.seen.saturating_add(1);
        if case.severe {
            record.open = record.open.max(case.now);
        }
        if record.counts(record.last) && !counted {
            // From now on its habits count among its peers': at their next use.
            let generation = record.current_generation();
            filter::recall(&mut record.habits, generation);
        }
        self.settle(place, case.now);
        let peers = epoch.peers(key);
        let mut grades: Grades = [None; SIGNALS];
        let news = self.news(case, place, (peers, established), &mut grades);
        let Some(record) = self.slab.get_mut(place) else { return Verdict::NOTHING };
        let mut measured =
            measure::magnitudes(record, case.now, case.activity.time, &case.sight, &mut grades);
        measured.new_service = news.new_service;
        let position = measure::shared(
            &mut self.bursts,
            &epoch.means,
            peers,
            (record, &case.sight),
            &mut measured,
            &mut grades,
        );
        let group = group_of(&mut self.groups, &epoch, key);
        let mut verdict = weigh(record, group, &grades, established, case.chance, case.in_full);
        let adds = add_risk(record, verdict.parts, worst);
        verdict.risk = record.risk;
        let told = verdict.fresh < TELLING && !case.severe;
        if told {
            // More of the same is a matter for another day; something new is not.
            let great = if adds { GREAT } else { 3.0 * GREAT };
            verdict.severity = Some(if verdict.risk >= great { Severity::Medium } else { Severity::Low });
            remember_told(record, &grades, &verdict.middles, case.now);
        }
        #[expect(clippy::cast_precision_loss, reason = "about a hundred")]
        let half = HABITS as f32 / 2.0;
        let before = record.news;
        record.news += news.habits;
        verdict.flooding = established && before < half && record.news >= half;
        if told || case.severe || verdict.flooding {
            let told = Told {
                activity: case.activity,
                record,
                sight: &case.sight,
                peers,
                measured: &measured,
                now: case.now,
            };
            verdict.reasons = reasons::reasons(&told, &verdict.middles);
        }
        learn(record, group, &grades, &verdict.middles, (established, &measured, &position), case);
        verdict.new_network = established && news.hashes[1].is_some();
        self.take_news(case, place, &news, &verdict.middles, established);
        verdict.public()
    }

    /// What of the activity is new, with its grades. Nothing is learned yet.
    fn news(
        &mut self,
        case: &Case<'_, '_>,
        place: usize,
        (peers, established): (Option<&Peers>, bool),
        grades: &mut Grades,
    ) -> News {
        let mut news = News::default();
        let sight = &case.sight;
        let Some((record, mut page)) = self.slab.both(place) else { return news };
        let generation = record.current_generation();
        let service = knows(record, page.as_deref_mut(), 0, sight.service, generation);
        let pair = (record.previous != 0).then(|| sight.pair(record.previous));
        let asked = [
            (Signal::Action, Some(sight.action)),
            (Signal::Network, sight.network),
            (Signal::Region, sight.region),
            (Signal::Agent, sight.agent),
            (Signal::Target, sight.target),
            (Signal::Pair, pair),
        ];
        for (at, (signal, hash)) in asked.into_iter().enumerate() {
            let Some(hash) = hash else { continue };
            let known = knows(record, page.as_deref_mut(), kind_of(signal), hash, generation);
            if known != Known::No {
                grades[signal.place()] = Some(0);
                news.again[at] = known == Known::Again && kind_of(signal) == 0;
                continue;
            }
            news.hashes[at] = Some(hash);
            if record.waiting > 0 && self.probation.get(record.id, hash).is_some() {
                // It was told; its repetition is neither news nor ordinary.
                news.waits[at] = true;
                continue;
            }
            let mut grade = if kind_of(signal) == 0 { group::novelty(peers, hash) } else { 1 };
            if signal == Signal::Action {
                news.new_service = service == Known::No;
                // Among peers who do it too, a whole new service is what a deployment brings.
                if grade >= 4 || peers.is_none_or(|peers| peers.identities < group::ENOUGH_PEERS) {
                    grade += usize::from(news.new_service) + usize::from(sight.writes);
                }
            }
            if kind_of(signal) == 0 {
                news.habits += 1.0;
            }
            // What is new to one who is new says something only beside many peers.
            let alone = peers.is_none_or(|peers| peers.identities < group::ENOUGH_PEERS);
            if established || !alone {
                grades[signal.place()] = Some(grade);
            }
        }
        news
    }

    /// Learns what of the news may be learned, and puts on probation what may not.
    fn take_news(
        &mut self,
        case: &Case<'_, '_>,
        place: usize,
        news: &News,
        signals: &[Option<f64>; SIGNALS],
        established: bool,
    ) {
        let epoch = Arc::clone(&self.epoch);
        let Some(record) = self.slab.get(place) else { return };
        let (id, key, open) = (record.id, record.group, record.open != 0);
        let counts = record.counts(record.last);
        let network = case.sight.network;
        let habitual = news.hashes[1].is_none() && network.is_some();
        for (at, signal) in NEWS.into_iter().enumerate() {
            let hash = match (news.hashes[at], news.again[at]) {
                (Some(hash), _) => hash,
                (None, true) => {
                    if counts && let Some(hash) = hash_of(signal, &case.sight) {
                        group_of(&mut self.groups, &epoch, key).adopt(hash);
                    }
                    continue;
                }
                (None, false) => continue,
            };
            let also = if signal == Signal::Action { case.sight.service } else { 0 };
            if news.waits[at] {
                let waited = self.probation.get(id, hash).map_or(0, |one| case.now.saturating_sub(one.since));
                let welcome = epoch.peers(key).is_some_and(|peers| peers.welcomes(hash));
                if !open && (waited >= QUIET || welcome) {
                    self.release(place, hash);
                }
                continue;
            }
            let suspect = signals[signal.place()].is_some_and(|p| p < SUSPECT);
            if open || (established && suspect) {
                #[expect(clippy::cast_possible_truncation, reason = "in short")]
                let network = network.unwrap_or_default() as u32;
                let waiting = Waiting { since: case.now, group: key, network, habitual, signal, also };
                self.wait(place, hash, waiting);
            } else {
                self.take(place, signal, hash, also);
                if counts && kind_of(signal) == 0 {
                    group_of(&mut self.groups, &epoch, key).adopt(hash);
                }
            }
        }
        if let Some(record) = self.slab.get_mut(place).filter(|_| !open) {
            record.previous = case.sight.short();
        }
    }

    /// Puts something on probation.
    fn wait(&mut self, place: usize, hash: u64, waiting: Waiting) {
        let Some(id) = self.slab.get(place).map(|record| record.id) else { return };
        let gone = self.probation.add(id, hash, waiting);
        if let Some(record) = self.slab.get_mut(place) {
            record.waiting = record.waiting.saturating_add(1);
        }
        self.forget_waiting(&gone);
    }

    /// Learns something that waits.
    pub(crate) fn release(&mut self, place: usize, hash: u64) {
        let Some(id) = self.slab.get(place).map(|record| record.id) else { return };
        let Some(waiting) = self.probation.remove(id, hash) else { return };
        self.forget_waiting(&[id]);
        self.take(place, waiting.signal, hash, waiting.also);
        if kind_of(waiting.signal) == 0 {
            let epoch = Arc::clone(&self.epoch);
            group_of(&mut self.groups, &epoch, waiting.group).adopt(hash);
        }
    }

    /// One thing less waits for each of these.
    pub(crate) fn forget_waiting(&mut self, gone: &[Id<noun::Identity>]) {
        for id in gone {
            if let Some(record) = self.slab.find(*id).and_then(|place| self.slab.get_mut(place)) {
                record.waiting = record.waiting.saturating_sub(1);
            }
        }
    }

    /// Remembers something in the record's filter, or in its page, which it gets where its filter is nearly full.
    fn take(&mut self, place: usize, signal: Signal, hash: u64, also: u64) {
        let kind = kind_of(signal);
        let full = self.slab.get(place).is_some_and(|record| {
            let cells = cells(record, kind);
            record.page == 0 && filter::taken(cells) * 8 >= cells.len() * 7
        });
        if full {
            self.slab.give_page(place);
        }
        let Some((record, page)) = self.slab.both(place) else { return };
        let generation = record.current_generation();
        let cells = match page {
            Some(page) => page.filter(kind, generation),
            None => match kind {
                0 => &mut record.habits[..],
                1 => &mut record.pairs,
                _ => &mut record.targets,
            },
        };
        filter::learn(cells, hash, generation);
        if also != 0 && filter::knows(cells, also, generation) == Known::No {
            filter::learn(cells, also, generation);
        }
    }

    /// After a quiet fortnight, what was told of its measures is its habit.
    fn settle(&mut self, place: usize, now: u32) {
        let Some(record) = self.slab.get_mut(place) else { return };
        if record.told_at != 0 && record.open == 0 && now.saturating_sub(record.told_at) >= QUIET {
            accept_told(record);
        }
    }
}

/// Learns the grades that were told.
pub(crate) fn accept_told(record: &mut Record) {
    for signal in Signal::ALL.into_iter().filter(|signal| !signal.asks_for_news()) {
        if let Some(grade) = record.told[signal.place()].checked_sub(1) {
            record.own.learn(signal, usize::from(grade), 32);
        }
    }
    record.told = [0; SIGNALS];
    record.told_at = 0;
    record.frozen = 0;
}

const NEWS: [Signal; 6] =
    [Signal::Action, Signal::Network, Signal::Region, Signal::Agent, Signal::Target, Signal::Pair];

/// What of an activity is new, by its place in [`NEWS`].
#[derive(Default)]
struct News {
    hashes: [Option<u64>; 6],
    /// Which of them wait already.
    waits: [bool; 6],
    /// Which known ones were not used in this generation before.
    again: [bool; 6],
    new_service: bool,
    /// How many habits are new.
    habits: f32,
}

fn hash_of(signal: Signal, sight: &Sight) -> Option<u64> {
    match signal {
        Signal::Action => Some(sight.action),
        Signal::Network => sight.network,
        Signal::Region => sight.region,
        Signal::Agent => sight.agent,
        _ => None,
    }
}

/// Which filter a signal asks.
const fn kind_of(signal: Signal) -> usize {
    match signal {
        Signal::Pair => 1,
        Signal::Target => 2,
        _ => 0,
    }
}

fn cells(record: &Record, kind: usize) -> &[u16] {
    match kind {
        0 => &record.habits,
        1 => &record.pairs,
        _ => &record.targets,
    }
}

fn knows(record: &mut Record, page: Option<&mut Page>, kind: usize, hash: u64, generation: u16) -> Known {
    let own = match kind {
        0 => &mut record.habits[..],
        1 => &mut record.pairs,
        _ => &mut record.targets,
    };
    match (filter::knows(own, hash, generation), page) {
        (Known::No, Some(page)) => filter::knows(page.filter(kind, generation), hash, generation),
        (known, _) => known,
    }
}

/// The group's state in this shard, begun from the epoch where it is new here.
fn group_of<'g>(
    groups: &'g mut std::collections::BTreeMap<u32, Group>,
    epoch: &Epoch,
    key: u32,
) -> &'g mut Group {
    let key = if groups.len() < group::MAX_GROUPS || groups.contains_key(&key) { key } else { 0 };
    groups.entry(key).or_insert_with(|| Group {
        counts: epoch.peers(key).map(|peers| peers.counts.clone()).unwrap_or_default(),
        ..Group::default()
    })
}

/// Takes the activity's grades into the identity's history and its peers', and its measures into its habit.
fn learn(
    record: &mut Record,
    group: &mut Group,
    grades: &Grades,
    signals: &[Option<f64>; SIGNALS],
    (established, measured, position): (bool, &Measured, &Place),
    case: &Case<'_, '_>,
) {
    let now = case.now;
    if record.open != 0 {
        record.hold(now);
        return;
    }
    // A sample of a fortnight, so that a busy identity remembers as long as a quiet one.
    #[expect(clippy::cast_precision_loss, reason = "24 bits")]
    let drawn = (case.chance >> 40) as f32 / (1_u64 << 24) as f32;
    let sampled = drawn * record.fortnight.max(1.0) < SAMPLES;
    let mut swollen = false;
    for signal in Signal::ALL {
        let place = signal.place();
        let Some(grade) = grades[place] else { continue };
        let suspect = signals[place].is_some_and(|p| p < SUSPECT);
        let told = usize::from(record.told[place]) > grade;
        if !suspect || !told {
            group.count(established, signal, grade);
        }
        let own = if signal.asks_for_news() { established } else { true };
        if own && !suspect && sampled {
            record.own.learn(signal, grade, 1);
        }
        swollen |= suspect && matches!(signal, Signal::Hourly | Signal::Daily);
    }
    let times = |(observed, expected): (f32, f32)| observed / expected.max(0.01);
    match (swollen, record.frozen) {
        (false, _) => {
            record.frozen = 0;
            record.habituate(now, 1.0);
        }
        (true, since) if since != 0 && now.saturating_sub(since) >= QUIET => record.habituate(now, 1.0),
        (true, since) => {
            record.frozen = if since == 0 { now } else { since };
            let times = times(measured.hourly).max(times(measured.daily)).max(1.0);
            record.habituate(now, 1.0 / times);
        }
    }
    if measured.first_of_hour {
        record.hours.learn(Hours::of(case.activity.time.seconds()));
    }
    // One in four: where everyone stands does not need everyone every time.
    if established && case.chance & 3 == 0 {
        trees::count(&mut group.visits, position);
    }
}

impl Verdict {
    const NOTHING: Self = Self {
        signals: [None; SIGNALS],
        top: None,
        risk: 0.0,
        severity: None,
        flooding: false,
        new_network: false,
        reasons: Vec::new(),
    };
}
