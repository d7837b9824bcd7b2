//! Correlations: several matches within a time span make one of their own.
//!
//! Activities must come in the order of event time. A window slides: it holds what happened within its span up
//! to the activity at hand, that moment and the first included. An activity that lacks a field that is grouped
//! by is in a group of those that lack it. A window that asks for what is true speaks at every activity that
//! keeps it true; findings fold by the hour.
//!
//! What an activity adds may be counted at once, by a [`Correlator`] that sees all activities
//! ([`Correlator::observe`]); or in a second stage, where a group has a shard that owns it: the shard of the activity's
//! identity works out what it adds ([`forwards`]), and the owners of the groups count it ([`Correlator::take`]). Both come
//! to the same.
//!
//! Bounded: at most [`MAX_WINDOWS`] windows are open and at most [`MAX_ENTRIES`] entries are in one; beyond
//! that the oldest go, which is counted. Deterministic.

use crate::pack::{Member, Pack};
use crate::sigma::correlation::{Correlation, Kind};
use crate::sigma::{Rule, matcher};
use base::{Timestamp, digest};
use events::Slots;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How many windows are open at once.
pub const MAX_WINDOWS: usize = 65_536;
/// How many entries a window holds.
pub const MAX_ENTRIES: usize = 4_096;

/// The open windows of all correlations.
#[derive(Debug, Default)]
pub struct Correlator {
    windows: BTreeMap<(usize, [u8; 16]), Window>,
    evicted: u64,
}

#[derive(Debug, Default)]
struct Window {
    entries: VecDeque<Entry>,
    /// The last match of a correlation that was counted: as which rule, and of which activity.
    inner: Option<(usize, u64)>,
}

#[derive(Debug)]
struct Entry {
    time: i64,
    /// Which of the correlation's rules.
    rule: usize,
    value: Counted,
    event: Option<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Counted {
    Nothing,
    /// A hash of the values.
    Different([u8; 16]),
    Number(f64),
}

/// A correlation that matched.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit<'p> {
    /// Which.
    pub correlation: &'p Correlation,
    /// What was counted or computed.
    pub value: f64,
    /// The native ids of the events in its window, first to last.
    pub event_ids: Vec<String>,
}

impl PartialEq for Correlation {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Correlator {
    /// How many windows and entries were given up for want of room, ever.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many windows are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Takes in an activity and the rules of the pack that match it, and says which correlations match now, those
    /// that others are made of first. Its fields must have been extracted with [`Pack::fields`]. Cost: one hash
    /// and one pass over the window for each correlation that refers to a rule.
    pub fn observe<'p>(
        &mut self,
        pack: &'p Pack,
        matched: &[&Rule],
        slots: &Slots<'_>,
        time: Timestamp,
        event: Option<&str>,
    ) -> Vec<Hit<'p>> {
        let mut hits: Vec<Hit<'p>> = Vec::new();
        let mut members: VecDeque<Member> = matched.iter().filter_map(|rule| pack.member(&rule.id)).collect();
        // A correlation refers only to what is no part of itself, so that this ends.
        while let Some(member) = members.pop_front() {
            for &(index, rule) in pack.correlations_of(member) {
                let Some(correlation) = pack.correlations().get(index) else { continue };
                if let Some(hit) = self.add(pack, (index, correlation), (rule, member), slots, time, event) {
                    if !hits.iter().any(|known| known.correlation == hit.correlation) {
                        members.push_back(Member::Correlation(index));
                    }
                    hits.retain(|known| known.correlation != hit.correlation);
                    hits.push(hit);
                }
            }
        }
        hits
    }

    fn add<'p>(
        &mut self,
        pack: &Pack,
        (index, correlation): (usize, &'p Correlation),
        (rule, member): (usize, Member),
        slots: &Slots<'_>,
        time: Timestamp,
        event: Option<&str>,
    ) -> Option<Hit<'p>> {
        let value = counted(correlation, slots)?;
        let key = group(pack, correlation, member, slots);
        self.count(
            pack,
            (index, correlation),
            key,
            Entry { time: time.micros(), rule, value, event: event.map(Box::from) },
        )
    }

    fn count<'p>(
        &mut self,
        pack: &Pack,
        (index, correlation): (usize, &'p Correlation),
        key: [u8; 16],
        entry: Entry,
    ) -> Option<Hit<'p>> {
        let key = (index, key);
        if !self.windows.contains_key(&key) && self.windows.len() >= MAX_WINDOWS {
            self.make_room(pack, entry.time);
        }
        let window = self.windows.entry(key).or_default();
        let since = entry.time.saturating_sub(correlation.span);
        while window.entries.front().is_some_and(|entry| entry.time < since) {
            window.entries.pop_front();
        }
        if window.entries.len() >= MAX_ENTRIES {
            window.entries.pop_front();
            self.evicted += 1;
        }
        window.entries.push_back(entry);
        let value = window.value(correlation)?;
        (window.fits(correlation) && correlation.holds(value)).then(|| Hit {
            correlation,
            value,
            event_ids: window.events(),
        })
    }

    /// Takes in what was forwarded to this shard, in its order, and answers with the correlations that match, each with
    /// what that in turn has to be forwarded. All of it must be of correlations of one height; lower ones come first.
    pub fn take<'p>(&mut self, pack: &'p Pack, mut forwarded: Vec<Forward>) -> Vec<(Hit<'p>, Vec<Forward>)> {
        forwarded.sort_by_key(|forward| (forward.order, forward.index, forward.rule));
        let mut hits = Vec::new();
        for forward in forwarded {
            let Some(correlation) = pack.correlations().get(forward.index) else { continue };
            let window = self.windows.get(&(forward.index, forward.key));
            if forward.of_correlation
                && window.is_some_and(|one| one.inner == Some((forward.rule, forward.order)))
            {
                continue;
            }
            let Forward { index, key, rule, value, time, order, .. } = forward;
            let entry = Entry { time, rule, value, event: forward.event.clone() };
            let hit = self.count(pack, (index, correlation), key, entry);
            if forward.of_correlation
                && let Some(window) = self.windows.get_mut(&(index, key))
            {
                window.inner = Some((rule, order));
            }
            hits.extend(hit.map(|hit| {
                let above = forward.above.iter().filter(|above| above.below == index);
                let next = above.map(|above| Forward {
                    index: above.index,
                    key: above.key,
                    rule: above.rule,
                    value: above.value,
                    of_correlation: true,
                    time,
                    order,
                    event: forward.event.clone(),
                    above: Arc::clone(&forward.above),
                });
                (hit, next.collect())
            }));
        }
        hits
    }

    /// Goes on with another pack: the windows of what means the same in both stay, the others are dropped.
    pub fn go_on_with(&mut self, new: &Pack, old: &Pack) {
        let place = |index: &usize| {
            let before = old.correlations().get(*index)?;
            new.correlations().iter().position(|one| one.id == before.id && one.mark == before.mark)
        };
        let moved = std::mem::take(&mut self.windows).into_iter();
        self.windows =
            moved.filter_map(|((index, key), window)| Some(((place(&index)?, key), window))).collect();
    }

    /// Gives up the windows whose time is over, and where that is not enough, the sixteenth that is longest quiet.
    fn make_room(&mut self, pack: &Pack, now: i64) {
        let span = |index: usize| pack.correlations().get(index).map_or(0, |correlation| correlation.span);
        let last = |window: &Window| window.entries.back().map_or(i64::MIN, |entry| entry.time);
        self.windows.retain(|(index, _), window| last(window) >= now.saturating_sub(span(*index)));
        if self.windows.len() >= MAX_WINDOWS {
            let mut ranked: Vec<_> = self.windows.iter().map(|(key, window)| (last(window), *key)).collect();
            let count = ranked.len() / 16;
            ranked.select_nth_unstable(count);
            for (_, key) in &ranked[..count] {
                self.windows.remove(key);
            }
            self.evicted += count as u64;
        }
    }
}

/// What one activity adds to one window, on its way to the shard that owns the window's group.
#[derive(Debug, Clone)]
pub struct Forward {
    index: usize,
    key: [u8; 16],
    rule: usize,
    value: Counted,
    /// What matched is a correlation.
    of_correlation: bool,
    time: i64,
    /// The activity's place in the log.
    order: u64,
    event: Option<Box<str>>,
    above: Arc<[Above]>,
}

/// What a match of one correlation adds to another that is made of it, as far as the activity tells.
#[derive(Debug)]
struct Above {
    below: usize,
    index: usize,
    key: [u8; 16],
    rule: usize,
    value: Counted,
}

impl Forward {
    /// The shard that owns its group.
    #[must_use]
    pub fn shard(&self) -> usize {
        usize::from(self.key[0]) % crate::SHARDS
    }

    /// How many correlations stand on each other below the one that it is for.
    #[must_use]
    pub fn height(&self, pack: &Pack) -> usize {
        pack.correlations().get(self.index).map_or(0, |correlation| correlation.height)
    }
}

/// What an activity that these rules match adds to windows, wherever they are: the first stage, on the shard of its
/// identity. `order` is its place in the log of the organization.
#[must_use]
pub fn forwards(
    pack: &Pack,
    matched: &[&Rule],
    slots: &Slots<'_>,
    time: Timestamp,
    order: u64,
    event: Option<&str>,
) -> Vec<Forward> {
    let mut members: Vec<Member> = matched.iter().filter_map(|rule| pack.member(&rule.id)).collect();
    let mut seen: BTreeSet<Member> = members.iter().copied().collect();
    let mut direct = Vec::new();
    let mut above = Vec::new();
    while let Some(member) = members.pop() {
        for &(index, rule) in pack.correlations_of(member) {
            let Some(correlation) = pack.correlations().get(index) else { continue };
            let Some(value) = counted(correlation, slots) else { continue };
            let key = group(pack, correlation, member, slots);
            match member {
                Member::Rule(_) => direct.push((index, key, rule, value)),
                Member::Correlation(below) => above.push(Above { below, index, key, rule, value }),
            }
            if seen.insert(Member::Correlation(index)) {
                members.push(Member::Correlation(index));
            }
        }
    }
    let above: Arc<[Above]> = above.into();
    let forwards = direct.into_iter().map(|(index, key, rule, value)| Forward {
        index,
        key,
        rule,
        value,
        of_correlation: false,
        time: time.micros(),
        order,
        event: event.map(Box::from),
        above: Arc::clone(&above),
    });
    forwards.collect()
}

impl Window {
    fn events(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let ids = self.entries.iter().filter_map(|entry| entry.event.as_deref());
        ids.filter(|id| seen.insert(*id)).map(str::to_owned).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a window holds a few thousand entries")]
    fn value(&self, correlation: &Correlation) -> Option<f64> {
        let numbers = || {
            let numbers = self.entries.iter().filter_map(|entry| match entry.value {
                Counted::Number(number) => Some(number),
                _ => None,
            });
            numbers.collect::<Vec<f64>>()
        };
        Some(match correlation.kind {
            Kind::EventCount => self.entries.len() as f64,
            Kind::ValueCount => {
                let values = self.entries.iter().filter_map(|entry| match entry.value {
                    Counted::Different(value) => Some(value),
                    _ => None,
                });
                values.collect::<BTreeSet<_>>().len() as f64
            }
            Kind::TemporalOrdered if correlation.expression.is_none() => {
                self.in_order(0..correlation.refs.len()) as f64
            }
            Kind::Temporal | Kind::TemporalOrdered => {
                self.entries.iter().map(|entry| entry.rule).collect::<BTreeSet<_>>().len() as f64
            }
            Kind::Sum => numbers().iter().sum(),
            Kind::Average => {
                let numbers = numbers();
                numbers.iter().sum::<f64>() / numbers.len() as f64
            }
            Kind::Median => percentile(numbers(), 50.0)?,
            Kind::Percentile(rank) => percentile(numbers(), rank)?,
        })
    }

    /// Whether the expression holds of the rules that matched, where there is one; and whether these matched one after
    /// the other, where that is asked for.
    fn fits(&self, correlation: &Correlation) -> bool {
        let Some((expression, _)) = &correlation.expression else { return true };
        let matched: BTreeSet<usize> = self.entries.iter().map(|entry| entry.rule).collect();
        let ordered = correlation.kind != Kind::TemporalOrdered
            || self.in_order(matched.iter().copied()) == matched.len();
        ordered && expression.holds(&|rule| matched.contains(&rule))
    }

    /// How many of these rules matched one after the other, from the first on; several at the same moment are in any
    /// order.
    fn in_order(&self, rules: impl Iterator<Item = usize>) -> usize {
        let (mut after, mut count) = (i64::MIN, 0);
        for rule in rules {
            let next = self.entries.iter().filter(|entry| entry.rule == rule && entry.time >= after);
            match next.map(|entry| entry.time).min() {
                Some(time) => (after, count) = (time, count + 1),
                None => break,
            }
        }
        count
    }
}

/// The value at a rank, between its neighbours where it falls between two.
#[expect(clippy::cast_precision_loss, reason = "a window holds a few thousand entries")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is from 0 to 100")]
fn percentile(mut numbers: Vec<f64>, rank: f64) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let place = rank / 100.0 * (numbers.len().checked_sub(1)? as f64);
    let (below, above) = (*numbers.get(place.floor() as usize)?, *numbers.get(place.ceil() as usize)?);
    Some(below + (above - below) * (place - place.floor()))
}

/// What an activity adds to the window; `None` where it has not what is counted.
fn counted(correlation: &Correlation, slots: &Slots<'_>) -> Option<Counted> {
    let text = |slot: usize| {
        slots.get(slot).iter().find_map(|&value| matcher::text(value).map(|text| text.into_owned()))
    };
    if correlation.kind.is_numeric() {
        let number =
            text(*correlation.fields.first()?)?.parse().ok().filter(|number: &f64| number.is_finite())?;
        return Some(Counted::Number(number));
    }
    if correlation.kind == Kind::ValueCount {
        let values: Option<Vec<String>> = correlation.fields.iter().map(|&field| text(field)).collect();
        return Some(Counted::Different(hash(&values?.into_iter().map(Some).collect::<Vec<_>>())));
    }
    Some(Counted::Nothing)
}

fn group(pack: &Pack, correlation: &Correlation, member: Member, slots: &Slots<'_>) -> [u8; 16] {
    let names = pack.names_of(member);
    let value = |slot: usize| {
        slots.get(slot).iter().find_map(|&value| matcher::text(value).map(|text| text.into_owned()))
    };
    let values: Vec<Option<String>> = correlation
        .group_by
        .iter()
        .map(|by| {
            let alias = by.aliases.iter().find(|(rule, _)| names.contains(&Some(rule.as_str())));
            value(alias.map_or(by.slot, |(_, slot)| *slot))
        })
        .collect();
    hash(&values)
}

fn hash(values: &[Option<String>]) -> [u8; 16] {
    // What is missing differs from what is empty.
    let marked: Vec<Vec<u8>> = values
        .iter()
        .map(|value| value.as_ref().map_or_else(Vec::new, |text| [&[1], text.as_bytes()].concat()))
        .collect();
    let parts: Vec<&[u8]> = marked.iter().map(Vec::as_slice).collect();
    let full = digest::of_parts("nexora/correlation-group/1", &parts);
    let mut short = [0; 16];
    short.copy_from_slice(&full[..16]);
    short
}
