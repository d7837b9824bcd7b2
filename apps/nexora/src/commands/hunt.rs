//! `hunt`: files of logs judged on the spot, without server or data directory.
//!
//! Events of all files are judged in the order of event time (of their bytes where the time is the same), so
//! that the order in which files are named changes nothing. All files are held in memory at once.

use crate::cli::Hunt;
use crate::commands::events::Contents;
use crate::commands::rules::read;
use crate::failure::Failure;
use crate::output::{Output, Show, escaped};
use base::{Clock as _, Id, Kind, Severity, Timestamp, noun};
use detect::{
    Correlator, Detector, Finding, Judge, Pack, RuleText, ShardState, behaviour, incident, sequence,
};
use events::{Activity, FieldSet, Format, Reason, Record, Redactor};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The organization of a hunt: there is none, and ids must not depend on the day.
const NOBODY: [u8; 16] = [0; 16];

/// A finding as it is printed.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// The place of the first event in its file, from 0, rejected ones counted.
    event_index: usize,
    file: &'a str,
    event_id: Option<&'a str>,
    event_ids: &'a [String],
    time: Timestamp,
    identity: &'a str,
    detector: Detector,
    rule_id: &'a str,
    title: &'a str,
    severity: Severity,
    score: u8,
    /// How many activities were folded into it.
    count: u64,
    reasons: &'a [String],
    attack: &'a [String],
    owasp: &'a [String],
}

impl Show for Line<'_> {
    fn table(&self) -> String {
        let more =
            if self.count > 1 { format!(" ({} times within the hour)", self.count) } else { String::new() };
        let reasons: String =
            self.reasons.iter().map(|reason| format!("\n    {}", escaped(reason, false))).collect();
        format!(
            "{:13}  {}  {}{more}\n    {}, {}:{}{reasons}",
            self.severity,
            self.time,
            escaped(self.title, false),
            escaped(self.identity, false),
            escaped(self.file, false),
            self.event_index,
        )
    }
}

/// Where an event stands, and when it happened.
#[derive(Debug, Clone, Copy)]
struct Place {
    time: Timestamp,
    file: usize,
    index: usize,
}

/// A finding, the place of its first event, and the ids of all: of those that it keeps as evidence there are
/// fewer.
struct Found {
    finding: Finding,
    place: Place,
    event_ids: Vec<String>,
}

/// What is known of an identity beside the judge's own state.
#[derive(Debug)]
struct Known {
    name: String,
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

/// The judge and what it has seen.
struct Hunter {
    judge: Judge,
    shards: Vec<ShardState>,
    correlator: Correlator,
    format: Option<Format>,
    now: Timestamp,
    known: HashMap<Id<noun::Identity>, Known>,
    rejected: BTreeMap<&'static str, usize>,
}

impl Hunter {
    fn read(&self, bytes: &[u8]) -> Result<Record, Reason> {
        match self.format {
            Some(format) => Record::read_as(bytes, format, &Redactor::unkeyed()),
            None => Record::read(bytes, &Redactor::unkeyed()),
        }
    }

    /// The events of these files that can be judged, in the order in which they are.
    fn sorted(&mut self, files: &[Contents], within: impl Fn(Timestamp) -> bool) -> Vec<Place> {
        let fields = FieldSet::default();
        let mut places = Vec::new();
        for (file, contents) in files.iter().enumerate() {
            for index in 0..contents.events.len() {
                let record = self.read(contents.event(index));
                match record.and_then(|record| record.activity(&fields).map(|activity| activity.time)) {
                    Ok(time) if within(time) => places.push(Place { time, file, index }),
                    Ok(_) => {}
                    Err(reason) => *self.rejected.entry(reason.code()).or_default() += 1,
                }
            }
        }
        let bytes =
            |place: &Place| files.get(place.file).map_or(&[][..], |contents| contents.event(place.index));
        let name = |place: &Place| files.get(place.file).map_or("", |contents| contents.name.as_str());
        places.sort_by(|one, other| {
            let by_time = one.time.cmp(&other.time);
            let by_text = by_time.then_with(|| bytes(one).cmp(bytes(other)));
            by_text.then_with(|| (name(one), one.index).cmp(&(name(other), other.index)))
        });
        places
    }

    fn judge(&mut self, contents: &Contents, index: usize) -> Vec<Finding> {
        let Ok(record) = self.read(contents.event(index)) else { return Vec::new() };
        let Ok(activity) = record.activity(self.judge.pack().fields()) else { return Vec::new() };
        let organization = Id::from_bytes(NOBODY);
        let identity = activity.actor.identity.as_ref().map(|key| key.id(organization));
        self.note(identity, &activity);
        // Here the log is what happened, in its order: what peers share is merged by the hour of it.
        behaviour::advance(&mut self.shards, activity.time);
        let found = match self.shards.get_mut(detect::shard_of(identity)) {
            Some(state) => {
                self.judge.judge_in_order(state, &mut self.correlator, &activity, organization, self.now)
            }
            None => Vec::new(),
        };
        sequence::deliver(&mut self.shards);
        found
    }

    fn note(&mut self, identity: Option<Id<noun::Identity>>, activity: &Activity<'_>) {
        let (Some(id), Some(key)) = (identity, &activity.actor.identity) else { return };
        let time = activity.time;
        let known = self.known.entry(id).or_insert_with(|| Known {
            name: key.native.to_string(),
            count: 0,
            first: time,
            last: time,
        });
        known.count += 1;
        known.first = known.first.min(time);
        known.last = known.last.max(time);
    }

    /// How many identities have too short a history for their behaviour to be judged.
    fn without_baseline(&self) -> usize {
        let short = |known: &&Known| {
            known.count < u64::from(detect::ESTABLISHED_ACTIVITIES)
                || known.last.micros().saturating_sub(known.first.micros()) < detect::ESTABLISHED_MICROS
        };
        self.known.values().filter(short).count()
    }
}

/// Runs the command.
pub(crate) fn run(output: Output, hunt: &Hunt) -> Result<ExitCode, Failure> {
    let began = node::MachineClock.now();
    let judge = Judge::new(Arc::new(pack(output, &hunt.dirs)?));
    let judge = if hunt.no_behaviour { judge.without_behaviour() } else { judge };
    let mut hunter = Hunter {
        judge,
        shards: vec![ShardState::default(); detect::SHARDS],
        correlator: Correlator::default(),
        format: read::format(hunt.format.as_deref())?,
        now: began,
        known: HashMap::new(),
        rejected: BTreeMap::new(),
    };
    if let Some(dir) = &hunt.baseline {
        let files = contents(output, std::slice::from_ref(dir))?;
        for place in hunter.sorted(&files, |_| true) {
            if let Some(contents) = files.get(place.file) {
                drop(hunter.judge(contents, place.index));
            }
        }
        hunter.rejected.clear();
    }
    let files = contents(output, &hunt.files)?;
    let within =
        |time| hunt.since.is_none_or(|since| time >= since) && hunt.until.is_none_or(|until| time < until);
    let places = hunter.sorted(&files, within);
    let mut found: HashMap<Id<noun::Finding>, Found> = HashMap::new();
    for place in &places {
        let Some(contents) = files.get(place.file) else { continue };
        for finding in hunter.judge(contents, place.index) {
            match found.get_mut(&finding.id) {
                Some(found) => {
                    // A correlation names the same events again, as long as they are within its time.
                    let new = finding.event_ids.iter().filter(|id| !found.event_ids.contains(id));
                    let new: Vec<_> = new.cloned().collect();
                    found.event_ids.extend(new);
                    found.finding.fold(finding);
                }
                None => {
                    let event_ids = finding.event_ids.clone();
                    drop(found.insert(finding.id, Found { finding, place: *place, event_ids }));
                }
            }
        }
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|found| (found.finding.first_seen, found.finding.id));
    for Found { finding, place, event_ids } in &found {
        let identity = finding.identity.and_then(|id| hunter.known.get(&id));
        output.line(&Line {
            event_index: place.index,
            file: files.get(place.file).map_or("", |contents| contents.name.as_str()),
            event_id: event_ids.first().map(String::as_str),
            event_ids,
            time: finding.first_seen,
            identity: identity.map_or(finding.principal.as_str(), |known| known.name.as_str()),
            detector: finding.detector,
            rule_id: &finding.rule,
            title: &finding.title,
            severity: finding.severity,
            score: finding.score,
            count: finding.count,
            reasons: &finding.reasons,
            attack: &finding.attack,
            owasp: &finding.owasp,
        })?;
    }
    let findings: Vec<Finding> = found.into_iter().map(|found| found.finding).collect();
    summary(output, &hunter, places.len(), &findings, began);
    let bad = hunt.fail_on.is_some_and(|least| findings.iter().any(|finding| finding.severity >= least));
    Ok(if bad { ExitCode::from(Kind::CheckFailed.exit_code()) } else { ExitCode::SUCCESS })
}

/// Our rules, and those of the directories.
fn pack(output: Output, dirs: &[PathBuf]) -> Result<Pack, Failure> {
    let mut files = Vec::new();
    for dir in dirs {
        files.extend(read::rules(dir)?);
    }
    let ours = rules::ALL.iter().map(|rule| RuleText { path: rule.name, text: rule.text });
    let texts: Vec<_> = ours.chain(files.iter().map(read::RuleFile::text)).collect();
    let (pack, skipped) = Pack::compile(&texts);
    for skipped in skipped {
        output.say(&format!("not loaded: {}: {}", skipped.path, skipped.reason));
    }
    Ok(pack.with_aliases())
}

/// What files in a directory are taken for logs, compressed (`.gz`, `.zst`) or not; the others are passed over.
const LOGS: [&str; 5] = ["json", "jsonl", "ndjson", "log", "audit"];

fn is_log(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = [".gz", ".zst", ".zstd"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, extension)| LOGS.contains(&extension))
}

fn contents(output: Output, places: &[PathBuf]) -> Result<Vec<Contents>, Failure> {
    let mut found = Vec::new();
    for place in places {
        let files =
            read::files(place).map_err(|failure| Failure::new(Kind::BadInput, failure.to_string()))?;
        for file in files {
            if file == *place || is_log(&file) {
                found.push(read::events(&file)?);
            } else {
                output.say(&format!("passed over: {}", file.display()));
            }
        }
    }
    Ok(found)
}

fn summary(output: Output, hunter: &Hunter, events: usize, findings: &[Finding], began: Timestamp) {
    let micros = node::MachineClock.now().micros().saturating_sub(began.micros()).max(1);
    let rejected: usize = hunter.rejected.values().sum();
    output.say(&format!("{events} events, {rejected} rejected, {} identities", hunter.known.len()));
    for (code, count) in &hunter.rejected {
        output.say(&format!("  rejected: {count} {code}"));
    }
    let by_severity = Severity::ALL.iter().rev().map(|severity| {
        let count = findings.iter().filter(|finding| finding.severity == *severity).count();
        format!("{count} {severity}")
    });
    let by_severity: Vec<_> = by_severity.collect();
    let incidents = incident::group(findings).len();
    output.say(&format!("{} findings ({}), {incidents} incidents", findings.len(), by_severity.join(", ")));
    output.say(&format!(
        "{} identities had no baseline ({} activities over {} days)",
        hunter.without_baseline(),
        detect::ESTABLISHED_ACTIVITIES,
        detect::ESTABLISHED_MICROS / 86_400_000_000,
    ));
    let rate = i128::try_from(events).unwrap_or(i128::MAX).saturating_mul(1_000_000) / i128::from(micros);
    output.say(&format!(
        "{}.{:03} seconds, {rate} events per second",
        micros / 1_000_000,
        micros / 1_000 % 1_000
    ));
}
