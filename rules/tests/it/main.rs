//! Our rules do what they say: on their samples, by the house rules for rules, and on recorded attacks.

mod benign;
mod counted;
mod shared;

use detect::samples::{self, Case, Outcome};
use detect::{Pack, RuleText, lint};
use std::collections::BTreeSet;
use std::path::Path;

fn pack() -> Pack {
    let texts: Vec<_> = rules::ALL.iter().map(|rule| RuleText { path: rule.name, text: rule.text }).collect();
    let (pack, skipped) = Pack::compile(&texts);
    assert!(skipped.is_empty(), "{skipped:#?}");
    pack
}

fn outcomes() -> Vec<Outcome> {
    let case = |rule: &rules::Rule| Case {
        path: rule.name,
        rule: rule.text,
        positive: rule.positive,
        negative: rule.negative,
    };
    let cases: Vec<_> = rules::ALL.iter().map(case).collect();
    samples::run(&cases)
}

#[test]
fn every_positive_matches_and_no_negative_does() {
    let failed: Vec<_> = outcomes().into_iter().filter(|outcome| !outcome.passed()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_rule_says_what_a_finding_needs() {
    let pack = pack();
    assert!(pack.rules().len() >= 120);
    let problems: Vec<_> = pack
        .rules()
        .iter()
        .map(|rule| (&rule.path, lint::own(rule)))
        .filter(|(_, problems)| !problems.is_empty())
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// A rule counts only if it finds what no other of ours does, and one act is one finding.
#[test]
fn no_rule_matches_what_another_is_written_for() {
    let all = outcomes();
    let path = |id: &String| all.iter().find(|other| other.id == *id).map(|other| other.path.as_str());
    let shared: Vec<_> = all
        .iter()
        .filter(|outcome| !outcome.shared_with.is_empty())
        .map(|outcome| (&outcome.path, outcome.shared_with.iter().map(path).collect::<Vec<_>>()))
        .collect();
    assert!(shared.is_empty(), "{shared:#?}");
}

#[test]
fn the_list_is_the_folders() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inside = |folder: &Path| -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).expect("the folder can be read");
        let paths = entries.map(|entry| entry.expect("the folder can be read").path());
        paths.filter(|path| path.is_dir()).collect()
    };
    let sources =
        inside(root).into_iter().filter(|folder| !folder.ends_with("src") && !folder.ends_with("tests"));
    let folders: BTreeSet<_> = sources
        .flat_map(|source| inside(&source))
        .map(|folder| folder.strip_prefix(root).expect("below the root").display().to_string())
        .collect();
    let listed: BTreeSet<_> = rules::ALL.iter().map(|rule| rule.name.to_owned()).collect();
    assert_eq!(folders, listed);
    assert!(rules::ALL.is_sorted_by_key(|rule| rule.name), "the list is sorted");
}

#[test]
fn the_runner_notices_what_is_wrong() {
    let rule = rules::ALL.first().expect("there are rules");
    let problems = |case: Case<'_>| samples::run(&[case]).remove(0).problems.join("; ");
    let case = Case { path: "r", rule: rule.text, positive: rule.positive, negative: rule.negative };
    assert_eq!(problems(case), "");
    assert!(problems(Case { positive: rule.negative, ..case }).contains("does not match"));
    assert!(problems(Case { negative: rule.positive, ..case }).contains("matches"));
    assert!(problems(Case { negative: "", ..case }).contains("no negative event"));
    assert!(problems(Case { positive: "{", ..case }).contains("positive event in line 1"));
    assert!(problems(Case { rule: "title: x", ..case }).contains("`detection`"));
    let retired = rule.text.replace("tags:\n", "tags:\n  - attack.t1562.008\n");
    assert!(problems(Case { rule: &retired, ..case }).contains("retired"));
}
