//! A pack: rules compiled together, so that one activity is judged by all of them at once.
//!
//! Rules are routed by log source: a rule is asked only about activities of the source it names. The
//! source is that of the normalizer (`aws`/`cloudtrail` for AWS CloudTrail), a part that the rule does
//! not name is not compared, and a part that it names and the source does not have never matches. How the
//! few that may match are found among the rules of a source stands in `route`.

use crate::route::Routes;
use crate::sigma::expr::Expr;
use crate::sigma::rule::{self, Slots};
use crate::sigma::rule::{Documents, Filter};
use crate::sigma::{Correlation, Reason, Rule};
use base::digest;
use events::{Activity, FieldSet, Logsource, Sight};
use std::collections::{BTreeMap, BTreeSet};

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

/// What of Sigma rules may use beyond what stands in their text alone. Nothing, unless it is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Temporal correlations may have an expression over their rules as a condition (`made and not (read or failed)`): a
    /// draft of Sigma.
    pub drafts: bool,
    /// What placeholders stand for, by their names without percent signs: values with the modifier `expand`.
    pub placeholders: BTreeMap<String, Vec<String>>,
}

impl Options {
    /// A hash of what values may mean by it; `None` where that is nothing.
    fn mark(&self) -> Option<[u8; 32]> {
        let values = self.placeholders.iter().flat_map(|(name, values)| {
            let count = values.len().to_string();
            [name.clone(), count].into_iter().chain(values.iter().cloned())
        });
        let values: Vec<String> = values.collect();
        let values: Vec<&[u8]> = values.iter().map(String::as_bytes).collect();
        (!values.is_empty()).then(|| digest::of_parts("nexora/placeholders/1", &values))
    }
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
    correlations: Vec<Correlation>,
    /// For each rule or correlation, the correlations that refer to it, and as which of their rules.
    referring: BTreeMap<Member, Vec<(usize, usize)>>,
    fields: FieldSet,
    routes: Routes,
    hash: [u8; 32],
}

/// What a correlation may refer to, by its place in the pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Member {
    Rule(usize),
    Correlation(usize),
}

impl Pack {
    /// Compiles rules. Files that cannot be used are listed with the reason, the others load. The same
    /// texts give the same pack in whatever order they come. Cost: linear in the text, plus the regular
    /// expressions (each at most 1 MiB compiled).
    #[must_use]
    pub fn compile(texts: &[RuleText<'_>]) -> (Self, Vec<Skipped>) {
        Self::compile_with(texts, Options::default())
    }

    /// The same, of rules that may use more of Sigma.
    #[must_use]
    pub fn compile_with(texts: &[RuleText<'_>], options: Options) -> (Self, Vec<Skipped>) {
        let mut texts = texts.to_vec();
        texts.sort_by_key(|text| (text.path, text.text));
        let meant = options.mark();
        let mut slots = Slots::with(options);
        let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
        let mut correlations: BTreeMap<String, Correlation> = BTreeMap::new();
        let mut filters: Vec<Filter> = Vec::new();
        let mut skipped = Vec::new();
        let mut parts = vec![ENGINE_VERSION.to_be_bytes().to_vec()];
        for RuleText { path, text } in texts {
            let read = rule::read(path, text, &mut slots).and_then(|found| {
                match same_id(&found, &rules, &correlations) {
                    Some(reason) => Err(reason),
                    None => Ok(found),
                }
            });
            match read {
                Ok(found) => {
                    parts.push(digest::sha256(text.as_bytes()).to_vec());
                    rules.extend(found.rules.into_iter().map(|rule| (rule.id.clone(), rule)));
                    let named = found.correlations.into_iter().map(|one| (one.id.clone(), one));
                    correlations.extend(named);
                    filters.extend(found.filters);
                }
                Err(reason) => skipped.push(Skipped { path: path.to_owned(), reason }),
            }
        }
        if let Some(meant) = meant {
            parts.push(meant.to_vec());
            let marks = rules.values_mut().map(|rule| &mut rule.mark);
            for mark in marks.chain(filters.iter_mut().map(|filter| &mut filter.mark)) {
                *mark = digest::of_parts("nexora/expanded-rule/1", &[&*mark, &meant]);
            }
        }
        for filter in &filters {
            let mut about = false;
            for rule in rules.values_mut().filter(|rule| filter.is_about(rule)) {
                about = true;
                rule.expr = Expr::all(vec![rule.expr.clone(), filter.expr.clone()]);
                rule.mark = digest::of_parts("nexora/filtered-rule/1", &[&rule.mark, &filter.mark]);
            }
            if let (false, Some(names)) = (about, &filter.rules) {
                let name = names.join(", ");
                let reason =
                    Reason::Reference { name, problem: "none of which is a rule here that it can filter" };
                skipped.push(Skipped { path: filter.path.clone(), reason });
            }
        }
        parts[1..].sort_unstable();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let hash = digest::of_parts("nexora/pack/1", &parts);
        let rules: Vec<_> = rules.into_values().collect();
        let routes = Routes::new(&rules);
        let (correlations, referring) = resolved(&rules, correlations, &mut skipped);
        // The rules' own come first, by the slots they were given.
        let further = crate::sequence::FIELDS.map(str::to_owned);
        let fields = FieldSet::new(slots.into_paths().into_iter().chain(further));
        (Self { rules, correlations, referring, fields, routes, hash }, skipped)
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

    /// The correlations, by id.
    #[must_use]
    pub fn correlations(&self) -> &[Correlation] {
        &self.correlations
    }

    /// Whether a match of the rule speaks for itself: not where all it is for is a correlation.
    #[must_use]
    pub fn speaks(&self, rule: &Rule) -> bool {
        let Some(member) = self.member(&rule.id) else { return true };
        let referring = self.correlations_of(member);
        let generates =
            |(index, _): &(usize, usize)| self.correlations.get(*index).is_some_and(|one| one.generate);
        referring.is_empty() || referring.iter().any(generates)
    }

    /// The same of a correlation that another is made of.
    #[must_use]
    pub fn tells(&self, correlation: &Correlation) -> bool {
        let place = self.correlations.iter().position(|one| one.id == correlation.id);
        let referring = place.map_or(&[][..], |place| self.correlations_of(Member::Correlation(place)));
        let generates =
            |(index, _): &(usize, usize)| self.correlations.get(*index).is_some_and(|one| one.generate);
        referring.is_empty() || referring.iter().any(generates)
    }

    pub(crate) fn member(&self, id: &str) -> Option<Member> {
        self.rules.binary_search_by(|rule| rule.id.as_str().cmp(id)).ok().map(Member::Rule)
    }

    pub(crate) fn correlations_of(&self, member: Member) -> &[(usize, usize)] {
        self.referring.get(&member).map_or(&[], Vec::as_slice)
    }

    /// The id and the name of a member.
    pub(crate) fn names_of(&self, member: Member) -> [Option<&str>; 2] {
        match member {
            Member::Rule(at) => {
                self.rules.get(at).map_or([None; 2], |rule| [Some(&rule.id), rule.name.as_deref()])
            }
            Member::Correlation(at) => {
                self.correlations.get(at).map_or([None; 2], |one| [Some(&one.id), one.name.as_deref()])
            }
        }
    }

    /// The rule with this id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.binary_search_by(|rule| rule.id.as_str().cmp(id)).ok().map(|index| &self.rules[index])
    }

    /// The rules that match, by id. The activity's fields must have been extracted with
    /// [`Pack::fields`]. Cost: one hash or one automaton for each anchored field's value, then the rules these lead
    /// to; linear in the event's bytes.
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
        let found = self.routes.matching(&self.rules, source, slots, json);
        found.into_iter().map(|rule| &self.rules[rule]).collect()
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

/// The id that a file uses and another rule, or another of the same file, has too.
fn same_id(
    found: &Documents,
    rules: &BTreeMap<String, Rule>,
    correlations: &BTreeMap<String, Correlation>,
) -> Option<Reason> {
    let mut own: BTreeMap<&str, &str> = BTreeMap::new();
    let ids = found.rules.iter().map(|rule| (rule.id.as_str(), rule.path.as_str()));
    for (id, path) in ids.chain(found.correlations.iter().map(|one| (one.id.as_str(), one.path.as_str()))) {
        let known = rules.get(id).map(|rule| rule.path.as_str());
        let known = known.or_else(|| correlations.get(id).map(|one| one.path.as_str()));
        if let Some(other) = known.or_else(|| own.insert(id, path)) {
            return Some(Reason::SameId { id: id.to_owned(), other: other.to_owned() });
        }
    }
    None
}

type Referring = BTreeMap<Member, Vec<(usize, usize)>>;

/// The correlations whose rules are all there, and who refers to whom. What refers to itself, through whatever
/// others, is left out.
fn resolved(
    rules: &[Rule],
    mut correlations: BTreeMap<String, Correlation>,
    skipped: &mut Vec<Skipped>,
) -> (Vec<Correlation>, Referring) {
    let is_rule = |name: &str| rules.iter().any(|rule| rule.id == name || rule.name.as_deref() == Some(name));
    // Whatever stands on nothing but rules and what is sound already is sound.
    let mut sound: BTreeSet<String> = BTreeSet::new();
    loop {
        let called = |name: &str, sound: &BTreeSet<String>| {
            let mut known = sound.iter().filter_map(|id| correlations.get(id));
            known.any(|one| one.id == name || one.name.as_deref() == Some(name))
        };
        let stands = |one: &&Correlation| one.refs.iter().all(|name| is_rule(name) || called(name, &sound));
        let new: Vec<_> = correlations
            .values()
            .filter(|one| !sound.contains(&one.id))
            .filter(stands)
            .map(|one| one.id.clone())
            .collect();
        if new.is_empty() {
            break;
        }
        sound.extend(new);
    }
    correlations.retain(|id, one| {
        let keep = sound.contains(id);
        if !keep {
            let name = one.refs.join(", ");
            let reason = Reason::Reference { name, problem: "of which one is not here, or is made of it" };
            skipped.push(Skipped { path: one.path.clone(), reason });
        }
        keep
    });
    let mut correlations: Vec<_> = correlations.into_values().collect();
    let mut referring = Referring::new();
    for (index, correlation) in correlations.iter().enumerate() {
        for (place, name) in correlation.refs.iter().enumerate() {
            let called = |id: &str, other: &Option<String>| id == name || other.as_deref() == Some(name);
            let rule = rules.iter().position(|rule| called(&rule.id, &rule.name)).map(Member::Rule);
            let other =
                || correlations.iter().position(|one| called(&one.id, &one.name)).map(Member::Correlation);
            if let Some(member) = rule.or_else(other) {
                referring.entry(member).or_default().push((index, place));
            }
        }
    }
    // What a correlation means is also what its members mean. None is its own, so that this ends.
    let mut members: Vec<BTreeMap<usize, Member>> = vec![BTreeMap::new(); correlations.len()];
    for (member, at) in &referring {
        at.iter().for_each(|(index, place)| {
            members[*index].insert(*place, *member);
        });
    }
    let mut done = vec![false; correlations.len()];
    while let Some(next) = (0..correlations.len()).find(|index| {
        let known = |member: &Member| {
            matches!(member, Member::Rule(_)) || matches!(member, Member::Correlation(at) if done[*at])
        };
        !done[*index] && members[*index].values().all(known)
    }) {
        let mut marks: Vec<[u8; 32]> = vec![correlations[next].mark];
        for member in members[next].values() {
            match member {
                Member::Rule(at) => marks.push(rules[*at].mark),
                Member::Correlation(at) => {
                    marks.push(correlations[*at].mark);
                    correlations[next].height = correlations[next].height.max(correlations[*at].height + 1);
                }
            }
        }
        let parts: Vec<&[u8]> = marks.iter().map(<[u8; 32]>::as_slice).collect();
        correlations[next].mark = digest::of_parts("nexora/correlation/1", &parts);
        done[next] = true;
    }
    (correlations, referring)
}
