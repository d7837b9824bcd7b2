//! `rules test`: every rule against its positive and negative events.

use crate::failure::Failure;
use crate::output::{Output, Show, rows};
use base::Kind;
use detect::samples::{self, Case, Outcome};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A rule with its samples, read from a folder.
struct OnDisk {
    path: String,
    rule: String,
    positive: String,
    negative: String,
}

/// What came of a rule.
#[derive(Debug, Serialize)]
struct Tested {
    path: String,
    id: String,
    title: String,
    severity: Option<base::Severity>,
    positives: usize,
    negatives: usize,
    passed: bool,
    problems: Vec<String>,
    shared_with: Vec<String>,
}

/// What came of all.
#[derive(Debug, Serialize)]
struct Report {
    tested: usize,
    failed: usize,
    rules: Vec<Tested>,
}

impl Show for Report {
    fn table(&self) -> String {
        let mut out = rows(
            ["rule", "severity", "positive", "negative", "result"],
            self.rules.iter().map(|rule| {
                let severity = rule.severity.map_or_else(|| "-".to_owned(), |severity| severity.to_string());
                let result = if rule.passed { "ok".to_owned() } else { rule.problems.join("; ") };
                [rule.path.clone(), severity, rule.positives.to_string(), rule.negatives.to_string(), result]
            }),
        );
        out.push_str(&format!("\n{} rules tested, {} failed\n", self.tested, self.failed));
        out
    }
}

/// Runs the command.
pub(super) fn run(output: Output, dir: Option<&Path>) -> Result<ExitCode, Failure> {
    let found = match dir {
        Some(dir) => folders(dir)?,
        None => Vec::new(),
    };
    let cases: Vec<Case<'_>> = if dir.is_some() {
        let found = found.iter();
        found
            .map(|found| Case {
                path: &found.path,
                rule: &found.rule,
                positive: &found.positive,
                negative: &found.negative,
            })
            .collect()
    } else {
        let ours = rules::ALL.iter();
        ours.map(|rule| Case {
            path: rule.name,
            rule: rule.text,
            positive: rule.positive,
            negative: rule.negative,
        })
        .collect()
    };
    if cases.is_empty() {
        return Err(Failure::new(Kind::NotFound, format!("no folder here holds a {}", samples::RULE_FILE)));
    }
    let rules: Vec<Tested> = samples::run(&cases).into_iter().map(tested).collect();
    let failed = rules.iter().filter(|rule| !rule.passed).count();
    output.show(&Report { tested: rules.len(), failed, rules })?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(Kind::CheckFailed.exit_code()) })
}

fn tested(outcome: Outcome) -> Tested {
    let passed = outcome.passed();
    let Outcome { path, id, title, severity, positives, negatives, shared_with, problems } = outcome;
    Tested { path, id, title, severity, positives, negatives, passed, problems, shared_with }
}

/// Every folder at or below `dir` that holds a rule, in order of their paths.
fn folders(dir: &Path) -> Result<Vec<OnDisk>, Failure> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| Failure::file(&folder, &error))? {
            let path = entry.map_err(|error| Failure::file(&folder, &error))?.path();
            if path.is_dir() {
                waiting.push(path);
            }
        }
        if folder.join(samples::RULE_FILE).is_file() {
            let read = |name: &str| {
                let path = folder.join(name);
                match fs::read_to_string(&path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
                    read => read.map_err(|error| Failure::file(&path, &error)),
                }
            };
            found.push(OnDisk {
                path: folder.display().to_string(),
                rule: read(samples::RULE_FILE)?,
                positive: read(samples::POSITIVE_FILE)?,
                negative: read(samples::NEGATIVE_FILE)?,
            });
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}
