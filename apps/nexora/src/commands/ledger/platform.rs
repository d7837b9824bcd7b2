//! What the platform's log records of the log that is verified: one history of it, or the check fails.
//!
//! Witnesses of the platform's log see its roots, not its entries. Whoever has the keys can make two histories of an
//! organization's log and have both recorded, so that proofs out of either meet the quorum. All of the records are in the
//! platform's log, and no log continues the records of two histories.
//!
//! Whoever serves a log can leave the platform's out. So it is remembered which one a log was held against: from then on
//! a server that shows none, or another one, fails.

use super::quorum;
use super::signatures;
use super::source::{Record, Source};
use super::trust::Trust;
use super::verify::{Passed, Witnesses, passed, remember};
use crate::cli::Global;
use crate::connect::Surroundings;
use crate::failure::Failure;
use base::Kind;
use serde::Serialize;
use verify::{Checkpoint, Origin, Report};

/// The platform's log, before it is read.
pub(super) enum Above {
    /// It was not named, and there is none beside what is read.
    None,
    /// The user named it: without it nothing passes.
    Named(Source),
    /// The server that the log is read from serves it.
    Found(Source),
    /// It would be held against it if it could be, and why it cannot.
    Out(String),
}

/// What the platform's log says.
pub(super) enum Said {
    /// Not asked.
    Nothing,
    /// Not to be had, and why.
    Out(String),
    /// What it records of the log, in its order.
    Records(Box<Read>, Vec<Record>),
}

/// The platform's log, verified.
pub(super) struct Read {
    /// As it is told.
    pub(super) told: Told,
    report: Report,
}

/// The platform's log that a log was held against.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    /// Its name.
    pub(super) origin: String,
    /// Its size.
    size: u64,
    /// Why its keys are believed.
    pub(super) key: String,
    witnesses: Witnesses,
    /// How many of its records the log continues.
    records: usize,
    /// How many more lie in what was pruned of the log since.
    #[serde(skip_serializing_if = "Option::is_none")]
    passed_over: Option<usize>,
    /// How many entries the last of them covers.
    covers: u64,
}

impl Above {
    /// As the command line names it; else where the server of the log serves it.
    pub(super) fn open(
        named: Option<&str>,
        source: &Source,
        global: &Global,
        surroundings: &Surroundings,
    ) -> Result<Self, Failure> {
        if let Some(named) = named {
            return Ok(Self::Named(Source::open(named, global, surroundings)?));
        }
        let Source::Served(served) = source else { return Ok(Self::None) };
        Ok(match served.platform(global, surroundings) {
            Ok(Some(found)) => Self::Found(Source::Served(Box::new(found))),
            Ok(None) => Self::Out("the server shows no platform's log".to_owned()),
            Err(failure) => Self::Out(failure.to_string()),
        })
    }

    /// Verifies it and takes out what it records of the log of this name. `through`: a checkpoint of its own that it has
    /// to continue.
    pub(super) fn read(
        &self,
        trust: &Trust,
        origin: &str,
        through: Option<&Checkpoint>,
    ) -> Result<Said, Failure> {
        match self {
            Self::None => Ok(Said::Nothing),
            Self::Out(why) => Ok(Said::Out(why.clone())),
            Self::Named(source) => {
                let (read, records) = records(source, trust, origin, through)?;
                if records.is_empty() {
                    let what = format!(
                        "{} records nothing of {origin}: it is not the platform's log above it, was copied too early, or \
                         dropped what it recorded",
                        read.told.origin
                    );
                    return Err(Failure::new(Kind::CheckFailed, what));
                }
                Ok(Said::Records(Box::new(read), records))
            }
            Self::Found(source) => {
                let head = source.claimed()?.origin;
                if head == origin {
                    return Ok(Said::Nothing);
                }
                if let Some(other) = through.filter(|through| through.origin != head) {
                    let why =
                        format!("the proof passes through {}, and the server has {head} now", other.origin);
                    return Ok(Said::Out(why));
                }
                // Nobody asked for it by name: where its keys are not to be believed on first use, it is left out.
                if let Err(failure) = trust.of(&head, None, source.place().as_deref()) {
                    return Ok(Said::Out(failure.to_string()));
                }
                let (read, records) = records(source, trust, origin, through)?;
                if records.is_empty() {
                    return Ok(Said::Out(format!("{} records nothing of this log yet", read.told.origin)));
                }
                Ok(Said::Records(Box::new(read), records))
            }
        }
    }
}

/// Verifies the platform's log, and what it records.
fn records(
    source: &Source,
    trust: &Trust,
    origin: &str,
    through: Option<&Checkpoint>,
) -> Result<(Read, Vec<Record>), Failure> {
    let unread = |failure: Failure| Failure::new(failure.kind(), format!("the platform's log: {failure}"));
    let claimed = source.claimed().map_err(unread)?;
    let of = |name: &str| name.parse::<Origin>().ok().map(|origin| origin.organization);
    if of(&claimed.origin) == of(origin) {
        let what =
            format!("{} is a log of the same organization, and not the platform's above it", claimed.origin);
        return Err(Failure::new(Kind::BadInput, what));
    }
    if let Some(through) = through.filter(|through| through.origin != claimed.origin) {
        let what = format!(
            "the proof passes through {}, and the platform's log given is {}",
            through.origin, claimed.origin
        );
        return Err(Failure::new(Kind::CheckFailed, what));
    }
    let mut before = trust.of(&claimed.origin, None, source.place().as_deref())?;
    before.pins.earlier.extend(through.cloned());
    let in_platform = |failure: Failure| {
        Failure::new(failure.kind(), format!("the platform's log {}: {failure}", claimed.origin))
    };
    let policy = quorum::apart(&mut before.pins, Some(&claimed.origin));
    let (report, records) = source.records(&before.pins, origin).map_err(in_platform)?;
    // One of the command line may be met by either log; one that is pinned to this log, by this one.
    let vouched = match policy.map(|policy| report.vouched_under(&policy, &signatures())) {
        Some(Ok(vouched)) => vouched,
        Some(Err(problem)) if !trust.names_policy() => {
            let what = format!("checkpoint: {problem}");
            return Err(in_platform(Failure::new(Kind::CheckFailed, what)));
        }
        Some(Err(_)) | None => report.vouched.clone(),
    };
    let Passed { ever, .. } =
        passed(source, trust, &before, &report, &claimed.origin).map_err(in_platform)?;
    let remembered = remember(source, trust, &before, &report, &ever, None)?;
    let told = Told {
        origin: claimed.origin.clone(),
        size: report.checkpoint.checkpoint().size,
        key: before.basis.told(remembered),
        witnesses: Witnesses::of(&vouched),
        records: records.len(),
        passed_over: None,
        covers: records.last().map_or(0, |(size, _)| *size),
    };
    Ok((Read { told, report }, records))
}

impl Said {
    fn recorded(&self) -> &[Record] {
        match self {
            Self::Records(_, records) => records,
            Self::Nothing | Self::Out(_) => &[],
        }
    }

    /// Takes out what it records, to be held against the log.
    pub(super) fn take_recorded(&mut self) -> Vec<Record> {
        match self {
            Self::Records(_, records) => std::mem::take(records),
            Self::Nothing | Self::Out(_) => Vec::new(),
        }
    }

    /// What was found of the platform's log, and how many entries of the log it records.
    pub(super) fn verified(&self) -> Option<(&Report, u64)> {
        match self {
            Self::Records(read, _) => Some((&read.report, read.told.covers)),
            Self::Nothing | Self::Out(_) => None,
        }
    }

    /// As it is where the log was held against this platform's log before.
    ///
    /// # Errors
    /// [`Kind::CheckFailed`] where another one is shown, or a server shows none. A directory shows none by itself: there
    /// it is told.
    pub(super) fn after(self, before: Option<&str>, is_served: bool) -> Result<Self, Failure> {
        let Some(before) = before else { return Ok(self) };
        let found = match &self {
            Self::Records(read, _) if read.told.origin == before => return Ok(self),
            Self::Nothing if !is_served => {
                let why = format!(
                    "it was held against {before} before: name where that is with --platform DIR|URL"
                );
                return Ok(Self::Out(why));
            }
            Self::Records(read, _) => format!("this one is {}", read.told.origin),
            Self::Out(why) => format!("now it cannot be: {why}"),
            Self::Nothing => "now none is shown".to_owned(),
        };
        let what = format!(
            "this log was held against the platform's log {before} before, and {found}; two histories are not excluded. If \
             that is as it should be, --forget-platform takes your word for it"
        );
        Err(Failure::new(Kind::CheckFailed, what))
    }

    /// The name of the platform's log, if it was asked.
    pub(super) fn origin(&self) -> Option<&str> {
        match self {
            Self::Records(read, _) => Some(&read.told.origin),
            Self::Nothing | Self::Out(_) => None,
        }
    }

    /// Whether a proof's checkpoint, without the log that it is out of, is all that is recorded of that. Whether one
    /// continues another shows in the log alone, so that anything else passes with the log only.
    ///
    /// # Errors
    /// Another tree of its size, or any other record.
    pub(super) fn alone(&self, own: &Checkpoint) -> Result<(), Failure> {
        let records = self.recorded();
        if records.iter().any(|(size, root)| *size == own.size && *root != own.root) {
            let what = format!(
                "the platform's log records another tree of {} with {} entries: there are two of that log",
                own.origin, own.size
            );
            return Err(Failure::new(Kind::CheckFailed, what));
        }
        let others = records.iter().filter(|(size, _)| *size != own.size).count();
        if others > 0 {
            let what = format!(
                "the platform's log records {others} more checkpoints of {}; whether they are of one history with this \
                 proof shows in that log alone: give it with --log DIR|URL",
                own.origin
            );
            return Err(Failure::new(Kind::BadInput, what));
        }
        Ok(())
    }

    /// As it is told, once the log continues all of these records that its minimum index leaves.
    pub(super) fn held(self, records: &[Record], minimum: u64) -> Held {
        match self {
            Self::Nothing => Held::default(),
            Self::Out(why) => Held { against: None, out: Some(why) },
            Self::Records(read, _) => {
                let kept = records.iter().filter(|(size, _)| *size >= minimum).count();
                let passed_over = Some(records.len() - kept).filter(|count| *count > 0);
                Held { against: Some(Box::new(Told { records: kept, passed_over, ..read.told })), out: None }
            }
        }
    }
}

/// Whether a log was held against the platform's.
#[derive(Debug, Default, Serialize)]
pub(super) struct Held {
    /// The platform's log that it continues all records of.
    #[serde(rename = "platform", skip_serializing_if = "Option::is_none")]
    pub(super) against: Option<Box<Told>>,
    /// Why it was not held against the one that the server may have.
    #[serde(rename = "platform_not_asked", skip_serializing_if = "Option::is_none")]
    out: Option<String>,
}

impl Held {
    /// Its lines, for people.
    pub(super) fn lines(&self) -> Vec<(&'static str, Option<String>)> {
        let Some(told) = &self.against else {
            let out = self.out.as_ref().map(|why| {
                format!("not held against the platform's log, so two histories are not excluded: {why}")
            });
            return vec![("platform", out)];
        };
        let passed_over = told.passed_over.map(|count| format!("; {count} more lie in what was pruned"));
        let records = format!(
            "{} with {} entries records one history of this log: {} records, up to {} entries{}",
            told.origin,
            told.size,
            told.records,
            told.covers,
            passed_over.unwrap_or_default()
        );
        vec![
            ("platform", Some(records)),
            ("its key", Some(told.key.clone())),
            ("its witnesses", Some(told.witnesses.told())),
        ]
    }
}
