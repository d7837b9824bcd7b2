//! `rules lint` and `rules import`: what is wrong with rules that somebody else wrote.

use super::read;
use crate::cli::Dialect;
use crate::failure::Failure;
use crate::output::{Output, Show, rows};
use base::Kind;
use detect::{Pack, lint};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// What was found in a rule, or in a file that holds none that can be used.
#[derive(Debug, Serialize)]
struct Checked {
    path: String,
    /// Empty where the file does not load.
    id: String,
    /// The formats of events that it reads.
    formats: Vec<&'static str>,
    /// Whether some event of these formats could match it.
    can_fire: bool,
    /// Its fields that no such event can have.
    unknown_fields: Vec<String>,
    /// Whether it was copied; of `import` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    imported: Option<bool>,
    problems: Vec<String>,
}

/// What came of all.
#[derive(Debug, Serialize)]
struct Report {
    rules: usize,
    not_loaded: usize,
    cannot_fire: usize,
    with_problems: usize,
    /// Only those with something to say.
    found: Vec<Checked>,
}

impl Show for Report {
    fn table(&self) -> String {
        let lines = self.found.iter().map(|rule| {
            let fires = if rule.can_fire { "yes" } else { "no" };
            [rule.path.clone(), fires.to_owned(), rule.problems.join("; ")]
        });
        let mut out =
            if self.found.is_empty() { String::new() } else { rows(["rule", "can fire", "problems"], lines) };
        out.push_str(&format!(
            "\n{} rules, {} not loaded, {} cannot fire, {} with problems\n",
            self.rules, self.not_loaded, self.cannot_fire, self.with_problems
        ));
        out
    }
}

/// Runs the command; with `into`, what can be used is copied there.
pub(super) fn run(
    output: Output,
    dialect: &Dialect,
    dir: &Path,
    into: Option<&Path>,
) -> Result<ExitCode, Failure> {
    let files = read::rules(dir)?;
    let texts: Vec<_> = files.iter().map(read::RuleFile::text).collect();
    let (pack, skipped) = Pack::compile_with(&texts, read::options(dialect));
    let not_loaded = skipped.len();
    let unusable = skipped.into_iter().map(|skipped| Checked {
        path: skipped.path,
        id: String::new(),
        formats: Vec::new(),
        can_fire: false,
        unknown_fields: Vec::new(),
        imported: into.map(|_| false),
        problems: vec![format!("it does not load: {}", skipped.reason)],
    });
    let mut checked: Vec<Checked> = unusable.collect();
    let mut usable: BTreeMap<&str, bool> = BTreeMap::new();
    for rule in pack.rules() {
        let reach = lint::reach(&pack, rule);
        let mut problems = lint::rule(rule);
        let retired = !lint::retired_tags(rule).is_empty();
        if reach.formats.is_empty() {
            problems.push("no events of its log source are read here".to_owned());
        } else if !reach.unknown.is_empty() {
            problems.push(format!("no event of its log source has: {}", reach.unknown.join(", ")));
        }
        // One bad rule of a file keeps its file out.
        let file = usable.entry(rule.path.as_str()).or_insert(true);
        *file &= !retired && reach.can_fire;
        checked.push(Checked {
            path: rule.path.clone(),
            id: rule.id.clone(),
            formats: reach.formats.iter().map(|format| format.as_str()).collect(),
            can_fire: reach.can_fire,
            unknown_fields: reach.unknown,
            imported: None,
            problems,
        });
    }
    if let Some(into) = into {
        for file in &files {
            let path = Path::new(&file.path);
            if usable.get(file.path.as_str()) == Some(&true) {
                let place = into.join(path.strip_prefix(dir).unwrap_or(path));
                let folder = place.parent().unwrap_or(into);
                fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
                fs::write(&place, &file.text).map_err(|error| Failure::file(&place, &error))?;
            }
        }
        for rule in &mut checked {
            rule.imported = Some(usable.get(rule.path.as_str()) == Some(&true));
        }
    }
    let cannot_fire = checked.iter().filter(|rule| !rule.can_fire && !rule.id.is_empty()).count();
    let rules = pack.rules().len();
    checked.retain(|rule| !rule.problems.is_empty() || !rule.can_fire);
    checked.sort_by(|one, other| (&one.path, &one.id).cmp(&(&other.path, &other.id)));
    let with_problems = checked.len();
    output.show(&Report { rules, not_loaded, cannot_fire, with_problems, found: checked })?;
    let failed = if into.is_some() { usable.values().all(|usable| !usable) } else { with_problems > 0 };
    Ok(if failed { ExitCode::from(Kind::CheckFailed.exit_code()) } else { ExitCode::SUCCESS })
}
