//! Rules run on the events they are written for, and on those they must not match.
//!
//! A rule of ours stands in a folder of its own: [`RULE_FILE`], [`POSITIVE_FILE`] and [`NEGATIVE_FILE`],
//! the latter two with one event a line, as the source would send it; empty lines and lines that begin
//! with `#` are skipped. `nexora rules test` reads such folders and calls [`run`].

use crate::lint;
use crate::pack::{Pack, RuleText};
use crate::sigma::Rule;
use base::Severity;
use events::{Record, Redactor};

/// The rule, in its folder.
pub const RULE_FILE: &str = "rule.yml";
/// Events that it must match, beside it.
pub const POSITIVE_FILE: &str = "positive.ndjson";
/// Events that it must not match, beside it.
pub const NEGATIVE_FILE: &str = "negative.ndjson";

/// One rule with its samples, as text.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Where the rule was found.
    pub path: &'a str,
    /// The rule.
    pub rule: &'a str,
    /// Events that it must match, one a line.
    pub positive: &'a str,
    /// Events that it must not match, one a line.
    pub negative: &'a str,
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Where the rule was found.
    pub path: String,
    /// Its id; empty where it did not load.
    pub id: String,
    /// Its title; empty where it did not load.
    pub title: String,
    /// Its level; `None` where it did not load.
    pub severity: Option<Severity>,
    /// How many positive events.
    pub positives: usize,
    /// How many negative events.
    pub negatives: usize,
    /// The ids of other rules of this run that also match one of the positives, and say so: what is only
    /// counted by a correlation does not.
    pub shared_with: Vec<String>,
    /// What is wrong; empty if it passed.
    pub problems: Vec<String>,
}

impl Outcome {
    /// Whether it passed.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Compiles all rules as one pack and runs each rule's samples: every positive must match its rule, no
/// negative may, there must be at least one of each, and [`lint::rule`] must be content. One outcome a
/// case, in their order. Events are redacted first, as they are before any rule sees them.
#[must_use]
pub fn run(cases: &[Case<'_>]) -> Vec<Outcome> {
    let texts: Vec<_> = cases.iter().map(|case| RuleText { path: case.path, text: case.rule }).collect();
    let (pack, skipped) = Pack::compile(&texts);
    let outcome = |case: &Case<'_>| {
        let mut outcome = Outcome {
            path: case.path.to_owned(),
            id: String::new(),
            title: String::new(),
            severity: None,
            positives: 0,
            negatives: 0,
            shared_with: Vec::new(),
            problems: Vec::new(),
        };
        let reasons = skipped.iter().filter(|skipped| skipped.path == case.path);
        outcome.problems.extend(reasons.map(|skipped| skipped.reason.to_string()));
        match pack.rules().iter().find(|rule| rule.path == case.path && rule.text == case.rule) {
            Some(rule) => judge(case, &pack, rule, &mut outcome),
            None if outcome.problems.is_empty() => outcome.problems.push("it was not loaded".to_owned()),
            None => {}
        }
        outcome
    };
    cases.iter().map(outcome).collect()
}

fn judge(case: &Case<'_>, pack: &Pack, rule: &Rule, outcome: &mut Outcome) {
    outcome.id.clone_from(&rule.id);
    outcome.title.clone_from(&rule.title);
    outcome.severity = Some(rule.severity);
    outcome.problems.extend(lint::rule(rule));
    let mut others = Vec::new();
    for (line, event) in lines(case.positive) {
        outcome.positives += 1;
        match matched(pack, event) {
            Err(problem) => outcome.problems.push(format!("positive event in line {line}: {problem}")),
            Ok(ids) => {
                if !ids.contains(&rule.id) {
                    outcome.problems.push(format!("the positive event in line {line} does not match"));
                }
                let speaks = |id: &String| pack.rule(id).is_some_and(|other| pack.speaks(other));
                others.extend(ids.into_iter().filter(|id| *id != rule.id && speaks(id)));
            }
        }
    }
    for (line, event) in lines(case.negative) {
        outcome.negatives += 1;
        match matched(pack, event) {
            Err(problem) => outcome.problems.push(format!("negative event in line {line}: {problem}")),
            Ok(ids) if ids.contains(&rule.id) => {
                outcome.problems.push(format!("the negative event in line {line} matches"));
            }
            Ok(_) => {}
        }
    }
    for (count, kind) in [(outcome.positives, "positive"), (outcome.negatives, "negative")] {
        if count == 0 {
            outcome.problems.push(format!("it has no {kind} event"));
        }
    }
    others.sort_unstable();
    others.dedup();
    outcome.shared_with = others;
}

/// The events of a samples file, with their line numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn matched(pack: &Pack, event: &str) -> Result<Vec<String>, events::Reason> {
    let record = Record::read(event.as_bytes(), &Redactor::unkeyed())?;
    let activity = record.activity(pack.fields())?;
    Ok(pack.matches(&activity).into_iter().map(|rule| rule.id.clone()).collect())
}
