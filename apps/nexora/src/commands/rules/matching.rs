//! `rules match`: which rules match which event, and nothing else.

use super::read;
use crate::cli::Match;
use crate::failure::Failure;
use crate::output::Output;
use detect::Pack;
use events::{Framed, Glance, Reason, Record, Redactor, Sight};
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// How many bytes of lines are printed at once.
const CHUNK: usize = 64 << 10;

/// What matches one event.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// Its place in its file, from 0, those that cannot be read counted.
    event_index: usize,
    file: &'a str,
    /// The ids of the rules that match, sorted.
    rules: Vec<&'a str>,
}

/// Runs the command: a line of JSON for each event, in the order of the input.
pub(super) fn run(output: Output, command: &Match) -> Result<ExitCode, Failure> {
    let format = read::format(command.format.as_deref())?;
    let mut files = Vec::new();
    for dir in &command.dirs {
        files.extend(read::rules(dir)?);
    }
    let texts: Vec<_> = files.iter().map(read::RuleFile::text).collect();
    let (pack, skipped) = Pack::compile_with(&texts, read::options(&command.dialect));
    for skipped in skipped {
        output.say(&format!("not loaded: {}: {}", skipped.path, skipped.reason));
    }
    let pack = if command.aliases { pack.with_aliases() } else { pack };
    let mut unread: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut lines = String::new();
    let mut glance = Glance::default();
    for file in &command.files {
        let mut events = read::Events::open(file)?;
        let name = events.name.clone();
        for event_index in 0.. {
            let Some(framed) = events.next()? else { break };
            let ids = |sight: &Sight<'_>| pack.sees(sight).into_iter().map(|rule| rule.id.as_str()).collect();
            let rules: Result<Vec<&str>, Reason> = match (framed, format) {
                (Framed::TooLarge { bytes }, _) => Err(Reason::TooLarge { bytes }),
                (Framed::Event(bytes), Some(format)) => glance.read(bytes, format, pack.fields(), ids),
                (Framed::Event(bytes), None) => {
                    Record::read(bytes, &Redactor::off()).map(|record| ids(&record.sight(pack.fields())))
                }
            };
            let rules = rules.unwrap_or_else(|reason| {
                *unread.entry(reason.code()).or_default() += 1;
                Vec::new()
            });
            let line = Line { event_index, file: &name, rules };
            let line =
                serde_json::to_string(&line).map_err(|error| Failure::ours(format!("no JSON: {error}")))?;
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(&line);
            if lines.len() > CHUNK {
                output.write(&std::mem::take(&mut lines))?;
            }
        }
    }
    if !lines.is_empty() {
        output.write(&lines)?;
    }
    for (code, count) in unread {
        output.say(&format!("{count} events could not be read: {code}"));
    }
    Ok(ExitCode::SUCCESS)
}
