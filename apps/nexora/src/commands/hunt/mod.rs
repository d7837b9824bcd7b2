//! `hunt`: files of logs judged on the spot, without server or data directory.
//!
//! Events of all files are judged in the order of event time (of their redacted text where the time is the same), so
//! that the order in which files are named changes nothing. Files are read as they come, and what they hold is sorted
//! on disk where it does not fit in memory ([`sorted`]).

mod sorted;
mod told;

use crate::cli::{Dialect, Hunt};
use crate::commands::rules::read;
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::output::Output;
use base::{Clock as _, Id, Kind, Timestamp, noun};
use detect::behaviour::{self, RulesOnly};
use detect::{Correlator, Finding, Judge, Pack, RuleText, ShardState, sequence};
use events::{Activity, FieldSet, Format, Framed, Reason, Record, Redactor};
use sorted::{Place, Sorted, Sorter};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The organization of a hunt: there is none, and ids must not depend on the day.
const NOBODY: [u8; 16] = [0; 16];

/// A finding, the place of its first event, and the ids of all: of those that it keeps as evidence there are
/// fewer.
struct Found {
    finding: Finding,
    /// Whom it is about, as the log names it.
    identity: Option<String>,
    place: Place,
    event_ids: Vec<String>,
    /// The hashes of these: a correlation names the same events again, as long as they are within its time.
    named: HashSet<u64>,
}

/// What is known of an identity beside the judge's own state.
#[derive(Debug, Clone, Copy)]
struct Known {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

/// What could not be judged, or not in full.
#[derive(Debug, Default)]
struct Amiss {
    /// Events that were rejected, by the reason's code.
    rejected: BTreeMap<&'static str, u64>,
    /// Events that rules alone judged because of their time: those before 2010, or without one.
    ancient: u64,
    /// And those that lie ahead of the clock.
    ahead: u64,
    /// Files that break off.
    files: usize,
}

/// The judge and what it has seen.
struct Hunter {
    output: Output,
    judge: Judge,
    shards: Vec<ShardState>,
    correlator: Correlator,
    format: Option<Format>,
    formats: Vec<Format>,
    now: Timestamp,
    known: HashMap<Id<noun::Identity>, Known>,
    amiss: Amiss,
    /// Where what is sorted on disk stands, and how much is held in memory, in bytes.
    scratch: PathBuf,
    memory: usize,
}

impl Hunter {
    fn read(&self, bytes: &[u8]) -> Result<Record, Reason> {
        match self.format {
            Some(format) => Record::read_as(bytes, format, &Redactor::unkeyed()),
            None => Record::read(bytes, &Redactor::unkeyed()),
        }
    }

    /// The events of these files that can be judged, in the order in which they are. What stands before a file breaks
    /// off is among them.
    fn sorted(&mut self, files: &[PathBuf], within: impl Fn(Timestamp) -> bool) -> Result<Sorted, Failure> {
        let mut sorter = Sorter::new(&self.scratch, self.memory);
        for (file, path) in (0..).zip(files) {
            let mut events = read::Events::open(path)?;
            for index in 0.. {
                let framed = match events.next() {
                    Ok(Some(framed)) => framed,
                    Ok(None) => break,
                    Err(failure) => {
                        self.output.say(&failure.to_string());
                        self.amiss.files += 1;
                        break;
                    }
                };
                let reason = match framed {
                    Framed::TooLarge { bytes } => Reason::TooLarge { bytes },
                    Framed::Event(bytes) => match self.dated(bytes) {
                        Ok((record, time)) if within(time) => {
                            let format = self.formats.iter().position(|format| *format == record.format());
                            let format = format.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX);
                            sorter.push(Place { time, file, index, format }, record.text())?;
                            continue;
                        }
                        Ok(_) => continue,
                        Err(reason) => reason,
                    },
                };
                *self.amiss.rejected.entry(reason.code()).or_default() += 1;
            }
        }
        sorter.finish()
    }

    /// An event that can be judged, and when it happened.
    fn dated(&self, bytes: &[u8]) -> Result<(Record, Timestamp), Reason> {
        let record = self.read(bytes)?;
        let time = record.activity(&FieldSet::default())?.time;
        Ok((record, time))
    }

    /// Judges an event; answers with whom it is about and what was found.
    fn judge(&mut self, place: Place, text: &[u8]) -> (Option<String>, Vec<Finding>) {
        let nothing = (None, Vec::new());
        let Some(format) = self.formats.get(usize::from(place.format)).copied() else { return nothing };
        let Ok(record) = Record::read_as(text, format, &Redactor::off()) else { return nothing };
        let Ok(activity) = record.activity(self.judge.pack().fields()) else { return nothing };
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
        let named = (!found.is_empty()).then(|| activity.actor.identity.map(|key| key.native.into_owned()));
        (named.flatten(), found)
    }

    fn note(&mut self, identity: Option<Id<noun::Identity>>, activity: &Activity<'_>) {
        let time = activity.time;
        match behaviour::credible(time, self.now) {
            Err(RulesOnly::Ancient) => self.amiss.ancient += 1,
            Err(_) => self.amiss.ahead += 1,
            Ok(()) => {}
        }
        let Some(id) = identity else { return };
        let known = self.known.entry(id).or_insert(Known { count: 0, first: time, last: time });
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
pub(crate) fn run(surroundings: &Surroundings, output: Output, hunt: &Hunt) -> Result<ExitCode, Failure> {
    let began = node::MachineClock.now();
    let judge = Judge::new(Arc::new(pack(output, &hunt.dirs, &hunt.dialect)?));
    let judge = if hunt.no_behaviour { judge.without_behaviour() } else { judge };
    let mut hunter = Hunter {
        output,
        judge,
        shards: vec![ShardState::default(); detect::SHARDS],
        correlator: Correlator::default(),
        format: read::format(hunt.format.as_deref())?,
        formats: Format::all().collect(),
        now: began,
        known: HashMap::new(),
        amiss: Amiss::default(),
        scratch: surroundings.scratch(),
        memory: usize::try_from(hunt.memory).unwrap_or(usize::MAX).saturating_mul(1 << 20),
    };
    let files = files(output, &hunt.files)?;
    if let Some(dir) = &hunt.baseline {
        let mut events = hunter.sorted(&self::files(output, std::slice::from_ref(dir))?, |_| true)?;
        while let Some((place, text)) = events.next()? {
            drop(hunter.judge(place, text));
        }
        hunter.amiss = Amiss { files: hunter.amiss.files, ..Amiss::default() };
    }
    let within =
        |time| hunt.since.is_none_or(|since| time >= since) && hunt.until.is_none_or(|until| time < until);
    let mut events = hunter.sorted(&files, within)?;
    let mut found: HashMap<Id<noun::Finding>, Found> = HashMap::new();
    let (mut judged, hashes) = (0_u64, RandomState::new());
    while let Some((place, text)) = events.next()? {
        judged += 1;
        let (identity, findings) = hunter.judge(place, text);
        for mut finding in findings {
            // Nobody asks for it here, and it would keep the first ids only.
            finding.evidence = Vec::new();
            let ids = std::mem::take(&mut finding.event_ids);
            match found.entry(finding.id) {
                Entry::Occupied(mut there) => {
                    let found = there.get_mut();
                    let Found { event_ids, named, .. } = found;
                    event_ids.extend(ids.into_iter().filter(|id| named.insert(hashes.hash_one(id))));
                    found.finding.fold(finding);
                }
                Entry::Vacant(room) => {
                    let named = ids.iter().map(|id| hashes.hash_one(id)).collect();
                    let identity = identity.clone();
                    room.insert(Found { finding, identity, place, event_ids: ids, named });
                }
            }
        }
    }
    let spilled = events.spilled();
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|found| (found.finding.first_seen, found.finding.id));
    let names: Vec<String> = files.iter().map(|path| read::name(path)).collect();
    for found in &found {
        told::finding(output, found, &names)?;
    }
    let findings: Vec<Finding> = found.into_iter().map(|found| found.finding).collect();
    told::summary(&hunter, judged, spilled, &findings, began);
    let bad = hunt.fail_on.is_some_and(|least| findings.iter().any(|finding| finding.severity >= least));
    Ok(if hunter.amiss.files > 0 {
        ExitCode::from(Kind::BadInput.exit_code())
    } else if bad {
        ExitCode::from(Kind::CheckFailed.exit_code())
    } else {
        ExitCode::SUCCESS
    })
}

/// Our rules, and those of the directories.
fn pack(output: Output, dirs: &[PathBuf], dialect: &Dialect) -> Result<Pack, Failure> {
    let mut files = Vec::new();
    for dir in dirs {
        files.extend(read::rules(dir)?);
    }
    let ours = rules::ALL.iter().map(|rule| RuleText { path: rule.name, text: rule.text });
    let texts: Vec<_> = ours.chain(files.iter().map(read::RuleFile::text)).collect();
    let (pack, skipped) = Pack::compile_with(&texts, read::options(dialect));
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

/// The files to be read, by name: whatever the order in which they were given.
fn files(output: Output, places: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for place in places {
        let files =
            read::files(place).map_err(|failure| Failure::new(Kind::BadInput, failure.to_string()))?;
        for file in files {
            if file == *place || is_log(&file) {
                found.push(file);
            } else {
                output.say(&format!("passed over: {}", file.display()));
            }
        }
    }
    found.sort();
    Ok(found)
}
