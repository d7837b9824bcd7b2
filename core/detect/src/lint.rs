//! What is wrong with a rule that loads: things a compiler cannot know.

use crate::{Pack, sigma::Rule};
use events::Format;
use std::collections::BTreeSet;

/// ATT&CK ids and tactics that the current version (19) has replaced, and by what.
const RETIRED: [(&str, &str); 10] = [
    ("attack.defense-evasion", "attack.stealth or attack.defense-impairment"),
    ("attack.defense_evasion", "attack.stealth or attack.defense-impairment"),
    ("attack.t1562", "attack.t1685"),
    ("attack.t1562.001", "attack.t1685"),
    ("attack.t1562.007", "attack.t1686.001"),
    ("attack.t1562.008", "attack.t1685.002"),
    ("attack.t1086", "attack.t1059.001"),
    ("attack.t1064", "attack.t1059"),
    ("attack.t1193", "attack.t1566.001"),
    ("attack.t1208", "attack.t1558.003"),
];

/// What is wrong with the rule, in words; empty if nothing is.
#[must_use]
pub fn rule(rule: &Rule) -> Vec<String> {
    let mut problems: Vec<String> = rule.tags.iter().filter_map(|tag| retired(tag)).collect();
    problems.extend(
        rule.tags.iter().filter(|tag| !well_formed(tag)).map(|tag| format!("`{tag}` is no known tag")),
    );
    if rule.id == rule.path {
        problems.push("it has no id".to_owned());
    }
    problems
}

/// What is missing in a rule of ours, beyond [`rule`]: everything that a finding tells its reader.
#[must_use]
pub fn own(own: &Rule) -> Vec<String> {
    let mut problems = rule(own);
    let technique =
        |tag: &str| tag.strip_prefix("attack.t").is_some_and(|rest| rest.starts_with(char::is_numeric));
    let wanted = [
        (own.attack().any(technique), "it names no ATT&CK technique"),
        (own.attack().any(|tag| !technique(tag)), "it names no ATT&CK tactic"),
        (own.owasp().next().is_some(), "it names no risk of the OWASP NHI Top 10"),
        (!own.false_positives.is_empty(), "it does not say what may look like it and be benign"),
        (!own.description.is_empty(), "it has no description"),
    ];
    problems.extend(wanted.into_iter().filter(|(there, _)| !there).map(|(_, what)| what.to_owned()));
    problems
}

/// What of a rule's logs is read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The formats whose events the rule is asked about.
    pub formats: Vec<Format>,
    /// The fields that no event of these formats can have, by any name known for them.
    pub unknown: Vec<String>,
    /// Whether some event of these formats could match it. May err on the side of yes: what a field can hold
    /// is not known.
    pub can_fire: bool,
}

/// Which events reach a rule of this pack, and which of its fields they can have.
#[must_use]
pub fn reach(pack: &Pack, rule: &Rule) -> Reach {
    let takes = |format: &Format| format.logsources().any(|source| rule.logsource.takes(source));
    let formats: Vec<Format> = Format::all().filter(takes).collect();
    let paths = pack.fields().paths();
    let there = |format: Format, slot: usize| paths.get(slot).is_some_and(|path| format.can_have(path));
    let mut unknown = BTreeSet::new();
    rule.expr.visit_slots(&mut |slot| {
        if !formats.iter().any(|format| there(*format, slot)) {
            unknown.extend(paths.get(slot).cloned());
        }
    });
    let can_fire = formats.iter().any(|format| rule.expr.possible(&|slot| there(*format, slot)));
    Reach { formats, unknown: unknown.into_iter().collect(), can_fire }
}

/// The tags of a rule that the current version of ATT&CK has retired, in words.
#[must_use]
pub fn retired_tags(rule: &Rule) -> Vec<String> {
    rule.tags.iter().filter_map(|tag| retired(tag)).collect()
}

fn retired(tag: &str) -> Option<String> {
    let tag = tag.to_lowercase();
    let known = RETIRED.iter().find(|(old, _)| *old == tag);
    let whole =
        || tag.starts_with("attack.t1562.").then_some(&("", "a technique under attack.t1685 or t1686"));
    known.or_else(whole).map(|(_, new)| format!("`{tag}` is retired: use {new}"))
}

fn well_formed(tag: &str) -> bool {
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(id) = tag.strip_prefix("attack.t").filter(|id| id.starts_with(|c: char| c.is_ascii_digit())) {
        return match id.split_once('.') {
            Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
            None => digits(id, 4),
        };
    }
    if let Some(risk) = tag.strip_prefix("owasp.nhi") {
        return risk.parse().is_ok_and(|risk: u8| (1..=10).contains(&risk));
    }
    tag.contains('.')
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte))
}
