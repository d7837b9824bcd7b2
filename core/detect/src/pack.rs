//! A pack: rules compiled together, so that one activity is judged by all of them at once.
//!
//! Rules are routed by log source: a rule is asked only about activities of the source it names. The
//! source is that of the normalizer (`aws`/`cloudtrail` for AWS CloudTrail), a part that the rule does
//! not name is not compared, and a part that it names and the source does not have never matches. Within
//! one log source a rule is found by an *anchor*: values of which every match must have one, such as the
//! names of the calls it is about. The rules without an anchor are asked about every activity of their
//! source.

use crate::sigma::expr::{Anchor, key};
use crate::sigma::rule::{self, Slots};
use crate::sigma::{Pattern, Reason, Rule};
use base::digest;
use events::{Activity, FieldSet, Logsource, Sight};
use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map::DefaultHasher};
use std::hash::BuildHasherDefault;

/// Version of what this engine makes of a rule's text. It is part of [`Pack::hash`].
pub const ENGINE_VERSION: u32 = 1;

/// The text of one rule file.
#[derive(Debug, Clone, Copy)]
pub struct RuleText<'a> {
    /// Where it comes from, for messages.
    pub path: &'a str,
    /// YAML, one or several documents.
    pub text: &'a str,
}

/// A file whose rules were not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: Reason,
}

/// Compiled rules. Immutable; share it behind an `Arc`.
#[derive(Debug, Default)]
pub struct Pack {
    rules: Vec<Rule>,
    fields: FieldSet,
    routes: Vec<Route>,
    hash: [u8; 32],
}

/// The rules of one log source.
#[derive(Debug)]
struct Route {
    pattern: Pattern,
    /// The slots by which rules are found.
    slots: Vec<(usize, Index)>,
    /// The rules that no value leads to.
    always: Vec<usize>,
}

// A fixed hash: nothing here depends on chance, and the keys are the rules' own words.
type Index = HashMap<Box<str>, Vec<usize>, BuildHasherDefault<DefaultHasher>>;

impl Pack {
    /// Compiles rules. Files that cannot be used are listed with the reason, the others load. The same
    /// texts give the same pack in whatever order they come. Cost: linear in the text, plus the regular
    /// expressions (each at most 1 MiB compiled).
    #[must_use]
    pub fn compile(texts: &[RuleText<'_>]) -> (Self, Vec<Skipped>) {
        let mut texts = texts.to_vec();
        texts.sort_by_key(|text| (text.path, text.text));
        let mut slots = Slots::default();
        let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
        let mut skipped = Vec::new();
        let mut parts = vec![ENGINE_VERSION.to_be_bytes().to_vec()];
        for RuleText { path, text } in texts {
            let read = rule::read(path, text, &mut slots).and_then(|found| match same_id(&found, &rules) {
                Some(reason) => Err(reason),
                None => Ok(found),
            });
            match read {
                Ok(found) => {
                    parts.push(digest::sha256(text.as_bytes()).to_vec());
                    rules.extend(found.into_iter().map(|rule| (rule.id.clone(), rule)));
                }
                Err(reason) => skipped.push(Skipped { path: path.to_owned(), reason }),
            }
        }
        parts[1..].sort_unstable();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let hash = digest::of_parts("nexora/pack/1", &parts);
        let rules: Vec<_> = rules.into_values().collect();
        let routes = routes(&rules);
        (Self { rules, fields: FieldSet::new(slots.into_paths()), routes, hash }, skipped)
    }

    /// The raw fields that the rules read; hand it to `events` when normalizing.
    #[must_use]
    pub const fn fields(&self) -> &FieldSet {
        &self.fields
    }

    /// The same rules, which also read the fields that they call by a name of their own (`docs/events.md`).
    #[must_use]
    pub fn with_aliases(mut self) -> Self {
        self.fields = self.fields.with_aliases();
        self
    }

    /// SHA-256 over engine version and rule texts: which rules judged a batch.
    #[must_use]
    pub const fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The rules, by id.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule with this id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.binary_search_by(|rule| rule.id.as_str().cmp(id)).ok().map(|index| &self.rules[index])
    }

    /// The rules that match, by id. The activity's fields must have been extracted with
    /// [`Pack::fields`]. Cost: one hash for each anchored field's value, then the rules these lead to;
    /// linear in the event's bytes.
    #[must_use]
    pub fn matches(&self, activity: &Activity<'_>) -> Vec<&Rule> {
        self.matching(activity.logsource, &activity.fields, activity.raw)
    }

    /// The rules that match an event of which nothing but its fields and its text is known, by id. These
    /// must have been extracted with [`Pack::fields`].
    #[must_use]
    pub fn sees(&self, sight: &Sight<'_>) -> Vec<&Rule> {
        self.matching(sight.logsource, &sight.fields, sight.text)
    }

    fn matching(&self, source: Logsource, slots: &events::Slots<'_>, json: &str) -> Vec<&Rule> {
        let mut candidates: Vec<usize> = Vec::new();
        for route in self.routes.iter().filter(|route| route.pattern.takes(source)) {
            candidates.extend(&route.always);
            for (slot, index) in &route.slots {
                let keys = slots.get(*slot).iter().filter_map(|&value| key(value));
                candidates.extend(keys.filter_map(|key| index.get(&key)).flatten());
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        let rules = candidates.into_iter().map(|index| &self.rules[index]);
        rules.filter(|rule| rule.expr.holds(slots, json)).collect()
    }

    /// The values by which a rule matched an activity: path and value, in words.
    #[must_use]
    pub fn evidence(&self, rule: &Rule, activity: &Activity<'_>) -> Vec<(&str, String)> {
        let mut found = Vec::new();
        rule.expr.evidence(&activity.fields, activity.raw, &mut found);
        let mut seen = BTreeSet::new();
        found.retain(|(slot, _)| seen.insert(*slot));
        let paths = self.fields.paths();
        let named = found.into_iter().filter_map(|(slot, value)| {
            Some((paths.get(slot)?.as_str(), crate::sigma::matcher::text(value)?.into_owned()))
        });
        named.collect()
    }
}

fn same_id(found: &[Rule], known: &BTreeMap<String, Rule>) -> Option<Reason> {
    let twice = |(at, rule): (usize, &Rule)| {
        let other = known.get(&rule.id).or_else(|| found[..at].iter().find(|other| other.id == rule.id))?;
        Some(Reason::SameId { id: rule.id.clone(), other: other.path.clone() })
    };
    found.iter().enumerate().find_map(twice)
}

fn routes(rules: &[Rule]) -> Vec<Route> {
    let mut by_source: BTreeMap<&Pattern, Vec<usize>> = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        by_source.entry(&rule.logsource).or_default().push(index);
    }
    by_source.into_iter().map(|(pattern, indexes)| route(pattern, &indexes, rules)).collect()
}

fn route(pattern: &Pattern, indexes: &[usize], rules: &[Rule]) -> Route {
    let mut shared: BTreeMap<Anchor, usize> = BTreeMap::new();
    for &index in indexes {
        let mut own = BTreeSet::new();
        rules[index].expr.visit_anchors(&mut |anchor| {
            own.insert(anchor);
        });
        for anchor in own {
            *shared.entry(anchor).or_default() += 1;
        }
    }
    let cost = |anchor: &Anchor| shared.get(anchor).copied().unwrap_or(usize::MAX / 2);
    let mut slots: BTreeMap<usize, Index> = BTreeMap::new();
    let mut always = Vec::new();
    for &index in indexes {
        match rules[index].expr.anchors(&cost) {
            None => always.push(index),
            Some(anchors) => {
                for (slot, text) in anchors {
                    slots.entry(slot).or_default().entry(text).or_default().push(index);
                }
            }
        }
    }
    Route { pattern: pattern.clone(), slots: slots.into_iter().collect(), always }
}
