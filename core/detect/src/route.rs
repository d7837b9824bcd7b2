//! From a log source to the few rules that an event of it may match.
//!
//! Rules are routed by log source first: what a rule names must be so. Among the rules of one source each is found by an
//! *anchor*: something of which every match must have one, such as the names of the calls that it is about. The most
//! selective anchor is chosen: an exact text or number of a field (one hash for each value), else a part of a field's text
//! (one Aho-Corasick automaton for each field), else a keyword (one automaton over the event's text). Rules without
//! an anchor are asked about every event of their source. What is found so is then asked in full.

use crate::sigma::Rule;
use crate::sigma::expr::Anchor;
use crate::sigma::matcher;
use crate::sigma::text::with_folded;
use aho_corasick::AhoCorasick;
use events::{Format, Logsource, Slots, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The plans of all log sources that events may come from.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    known: Vec<(Logsource, Plan)>,
}

/// Which rules of one log source to ask about an event.
#[derive(Debug, Default)]
struct Plan {
    /// By slot, as far as there is one; what is asked of its values.
    slots: Vec<Asked>,
    /// Exact texts and numbers, each at or behind the place that its hash says; a power of two long.
    table: Box<[Option<Exact>]>,
    keywords: Option<Parts>,
    /// The rules that nothing leads to.
    always: Vec<usize>,
}

#[derive(Debug, Default)]
struct Asked {
    /// How long the longest text is, where there is one.
    longest: Option<usize>,
    numbers: bool,
    parts: Option<Parts>,
}

#[derive(Debug, Clone)]
struct Exact {
    hash: u64,
    slot: usize,
    /// A folded text, or the bits of a number.
    is: Is,
    rules: Box<[usize]>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Is {
    Text(Box<str>),
    Number(u64),
}

/// Texts of which one must be somewhere, and where each leads.
#[derive(Debug)]
struct Parts {
    automaton: AhoCorasick,
    /// By pattern.
    rules: Vec<Box<[usize]>>,
}

/// Rules to be asked, each once. The first few take no memory.
struct Candidates {
    few: [usize; 32],
    count: usize,
    /// A bit for each rule, once there are more than a few.
    many: Vec<u64>,
}

impl Candidates {
    const fn new() -> Self {
        Self { few: [0; 32], count: 0, many: Vec::new() }
    }

    fn extend(&mut self, rules: &[usize]) {
        for &rule in rules {
            if !self.many.is_empty() || self.count == self.few.len() {
                self.set(rule);
            } else if !self.few[..self.count].contains(&rule) {
                self.few[self.count] = rule;
                self.count += 1;
            }
        }
    }

    fn set(&mut self, rule: usize) {
        if self.many.len() <= rule / 64 {
            self.many.resize(rule / 64 + 1, 0);
        }
        self.many[rule / 64] |= 1 << (rule % 64);
    }

    /// Asks each, in no order.
    fn ask(mut self, mut ask: impl FnMut(usize)) {
        if self.many.is_empty() {
            self.few[..self.count].iter().for_each(|rule| ask(*rule));
            return;
        }
        for at in 0..self.count {
            self.set(self.few[at]);
        }
        for (word, bits) in self.many.iter().enumerate() {
            (0..64).filter(|bit| bits >> bit & 1 == 1).for_each(|bit| ask(word * 64 + bit));
        }
    }
}

impl Routes {
    /// The routes to these rules from every log source of a known format.
    pub(crate) fn new(rules: &[Rule]) -> Self {
        let mut known: Vec<(Logsource, Plan)> = Vec::new();
        for source in Format::all().flat_map(Format::logsources) {
            if !known.iter().any(|(other, _)| *other == source) {
                known.push((source, Plan::of(rules, source)));
            }
        }
        Self { known }
    }

    /// The rules that match, in their order.
    pub(crate) fn matching(
        &self,
        rules: &[Rule],
        source: Logsource,
        slots: &Slots<'_>,
        json: &str,
    ) -> Vec<usize> {
        let same = |other: &Logsource| {
            // The same constant, nearly always.
            let same = |one: &'static str, other: &'static str| std::ptr::eq(one, other) || one == other;
            same(other.product, source.product)
                && same(other.service, source.service)
                && same(other.category, source.category)
                && other.also == source.also
        };
        match self.known.iter().find(|(other, _)| same(other)) {
            Some((_, plan)) => plan.matching(rules, slots, json),
            // By further names of the service, which only the event tells.
            None => {
                let asked = (0..rules.len()).filter(|rule| rules[*rule].logsource.takes(source));
                asked.filter(|rule| rules[*rule].expr.holds(slots, json)).collect()
            }
        }
    }
}

impl Plan {
    fn of(rules: &[Rule], source: Logsource) -> Self {
        let asked: Vec<usize> =
            (0..rules.len()).filter(|rule| rules[*rule].logsource.takes(source)).collect();
        let mut shared: BTreeMap<Anchor, usize> = BTreeMap::new();
        for rule in &asked {
            let mut own = BTreeSet::new();
            rules[*rule].expr.visit_anchors(&mut |anchor| {
                own.insert(anchor);
            });
            own.into_iter().for_each(|anchor| *shared.entry(anchor).or_default() += 1);
        }
        let cost = |anchor: &Anchor| shared.get(anchor).copied().unwrap_or(1_000) + anchor.cost();
        let mut plan = Self::default();
        let mut exact: BTreeMap<(usize, Is), Vec<usize>> = BTreeMap::new();
        let mut parts: BTreeMap<usize, BTreeMap<Box<str>, Vec<usize>>> = BTreeMap::new();
        let mut keywords: BTreeMap<Box<str>, Vec<usize>> = BTreeMap::new();
        for &rule in &asked {
            let Some(anchors) = rules[rule].expr.anchors(&cost) else {
                plan.always.push(rule);
                continue;
            };
            for anchor in anchors {
                match anchor {
                    Anchor::Text(slot, text) => exact.entry((slot, Is::Text(text))).or_default().push(rule),
                    Anchor::Number(slot, bits) => {
                        exact.entry((slot, Is::Number(bits))).or_default().push(rule)
                    }
                    Anchor::Part(slot, text) => {
                        parts.entry(slot).or_default().entry(text).or_default().push(rule);
                    }
                    Anchor::Keyword(text) => keywords.entry(text).or_default().push(rule),
                }
            }
        }
        for (slot, is) in exact.keys() {
            let asked = plan.asked(*slot);
            match is {
                Is::Text(text) => asked.longest = asked.longest.max(Some(text.len())),
                Is::Number(_) => asked.numbers = true,
            }
        }
        plan.table = table(exact);
        for (slot, texts) in parts {
            match Parts::of(texts) {
                Ok(found) => plan.asked(slot).parts = Some(found),
                Err(rules) => plan.always.extend(rules),
            }
        }
        if !keywords.is_empty() {
            match Parts::of(keywords) {
                Ok(found) => plan.keywords = Some(found),
                Err(rules) => plan.always.extend(rules),
            }
        }
        plan
    }

    fn asked(&mut self, slot: usize) -> &mut Asked {
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, Asked::default);
        }
        &mut self.slots[slot]
    }

    fn matching(&self, rules: &[Rule], slots: &Slots<'_>, json: &str) -> Vec<usize> {
        let mut candidates = Candidates::new();
        candidates.extend(&self.always);
        for (slot, value) in slots.iter() {
            if let Some(asked) = self.slots.get(slot) {
                self.lead(asked, slot, value, &mut candidates);
            }
        }
        if let Some(keywords) = &self.keywords {
            if plain(json) && !escaped(json) {
                keywords.lead(json, &mut candidates);
            } else {
                keywords.rules.iter().for_each(|rules| candidates.extend(rules));
            }
        }
        let mut found = Vec::new();
        candidates.ask(|rule| {
            if rules[rule].expr.holds(slots, json) {
                found.push(rule);
            }
        });
        found.sort_unstable();
        found
    }

    fn lead(&self, asked: &Asked, slot: usize, value: Value<'_>, candidates: &mut Candidates) {
        if asked.numbers
            && let Some(number) = matcher::number(value)
        {
            let is = Is::Number(number.bits());
            self.find(hash(slot, &number.bits().to_le_bytes()), slot, |other| *other == is, candidates);
        }
        if asked.longest.is_none() && asked.parts.is_none() {
            return;
        }
        let Some(text) = matcher::text(value) else { return };
        let ascii = text.is_ascii();
        if ascii && asked.longest.is_some_and(|longest| text.len() <= longest) {
            let is = |other: &Is| matches!(other, Is::Text(other) if other.eq_ignore_ascii_case(&text));
            self.find(hash_folded(slot, text.as_bytes()), slot, is, candidates);
        } else if !ascii && asked.longest.is_some() {
            // Folded, a text may be shorter: some letters beyond ASCII have a lower case within it.
            with_folded(&text, |text| {
                let is = |other: &Is| matches!(other, Is::Text(other) if **other == *text);
                self.find(hash(slot, text.as_bytes()), slot, is, candidates);
            });
        }
        if let Some(parts) = &asked.parts {
            if plain(&text) {
                parts.lead(&text, candidates);
            } else {
                parts.rules.iter().for_each(|rules| candidates.extend(rules));
            }
        }
    }

    fn find(&self, hash: u64, slot: usize, is: impl Fn(&Is) -> bool, candidates: &mut Candidates) {
        let Some(mask) = self.table.len().checked_sub(1) else { return };
        let mut at = place(hash) & mask;
        while let Some(exact) = &self.table[at] {
            if exact.hash == hash && exact.slot == slot && is(&exact.is) {
                candidates.extend(&exact.rules);
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

impl Parts {
    /// The automaton of these texts, without regard to case; their rules where it cannot be built.
    fn of(texts: BTreeMap<Box<str>, Vec<usize>>) -> Result<Self, Vec<usize>> {
        let (texts, rules): (Vec<_>, Vec<_>) = texts.into_iter().unzip();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(aho_corasick::AhoCorasickKind::ContiguousNFA))
            .build(texts.iter().map(|text| &**text));
        match automaton {
            Ok(automaton) => {
                Ok(Self { automaton, rules: rules.into_iter().map(Vec::into_boxed_slice).collect() })
            }
            Err(_) => Err(rules.concat()),
        }
    }

    fn lead(&self, text: &str, candidates: &mut Candidates) {
        for found in self.automaton.find_overlapping_iter(text) {
            candidates.extend(&self.rules[found.pattern().as_usize()]);
        }
    }
}

/// Whether no letter of the text has a lower case in ASCII without being of it: neither the sign of the kelvin nor the
/// dotted I.
fn plain(text: &str) -> bool {
    text.is_ascii() || !text.contains(['\u{212a}', '\u{130}'])
}

/// Whether a text of JSON may have something of a keyword in it that is written as an escape: not where all escapes
/// are of what no keyword here has, quotes, backslashes and control characters.
fn escaped(json: &str) -> bool {
    let json = json.as_bytes();
    memchr::memchr_iter(b'\\', json).any(|at| matches!(json.get(at + 1), Some(b'u' | b'/')))
}

fn table(exact: BTreeMap<(usize, Is), Vec<usize>>) -> Box<[Option<Exact>]> {
    if exact.is_empty() {
        return Box::default();
    }
    let size = (exact.len() * 2).next_power_of_two();
    let mut table: Vec<Option<Exact>> = vec![None; size];
    for ((slot, is), rules) in exact {
        let hash = match &is {
            Is::Text(text) => hash(slot, text.as_bytes()),
            Is::Number(bits) => hash(slot, &bits.to_le_bytes()),
        };
        let mut at = place(hash) & (size - 1);
        while table[at].is_some() {
            at = (at + 1) & (size - 1);
        }
        table[at] = Some(Exact { hash, slot, is, rules: rules.into() });
    }
    table.into()
}

const fn place(hash: u64) -> usize {
    (hash >> 20) as usize
}

/// Of a slot and what is in it. The keys are the rules' own words, so that nobody chooses what collides.
fn hash(slot: usize, bytes: &[u8]) -> u64 {
    hash_of(slot, bytes, |word| word)
}

/// The hash of a text of ASCII in lower case.
fn hash_folded(slot: usize, bytes: &[u8]) -> u64 {
    hash_of(slot, bytes, folded)
}

/// Eight letters of ASCII in lower case.
const fn folded(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // The high bit of each byte: it is from `A` on, and it is beyond `Z`.
    let from = word.wrapping_add(EACH * (0x80 - b'A' as u64));
    let beyond = word.wrapping_add(EACH * (0x7f - b'Z' as u64));
    word | (((from ^ beyond) & (EACH * 0x80)) >> 2)
}

fn hash_of(slot: usize, bytes: &[u8], fold: fn(u64) -> u64) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = (slot as u64 ^ ((bytes.len() as u64) << 32)).wrapping_mul(FACTOR);
    let mut add = |word: u64| hash = (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().for_each(|word| add(fold(u64::from_le_bytes(*word))));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    add(fold(u64::from_le_bytes(last)));
    hash
}

#[cfg(test)]
mod tests {
    use super::{folded, hash, hash_folded};

    #[test]
    fn letters_are_folded_eight_at_a_time_as_one_by_one() {
        for one in 0..128_u8 {
            for other in 0..128_u8 {
                let word = [one, other, b'z', other, one, b'A', b'@', b'['];
                assert_eq!(
                    folded(u64::from_le_bytes(word)).to_le_bytes(),
                    word.map(|byte| byte.to_ascii_lowercase())
                );
            }
        }
        for text in ["", "A", "ListRoles", "IAM.amazonAWS.com", "GetObject-0123456789"] {
            assert_eq!(
                hash_folded(3, text.as_bytes()),
                hash(3, text.to_ascii_lowercase().as_bytes()),
                "{text}"
            );
        }
    }
}
