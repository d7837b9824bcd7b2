//! `ledger verify --deep DIR… --data DIR`: what lies beside the log and is vouched for in it.

use super::quorum;
use super::signatures;
use super::source::Source;
use super::trust::Trust;
use crate::failure::Failure;
use base::Kind;
use node::{LedgerDetails, LedgerDirectory, VouchedFiles};
use serde::Serialize;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;
use verify::deep::{Details, ObjectFiles, deep};
use verify::{Origin, Pins, Problem, Report};

/// What was found in order beside the log.
#[derive(Debug, Serialize)]
pub(super) struct Beside {
    /// Details that were held against their commitments.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<u64>,
    /// Details that an entry says were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<u64>,
    /// Files that were held against their hashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    /// Those of them that stand where the details of their entries say.
    #[serde(skip_serializing_if = "Option::is_none")]
    placed: Option<u64>,
}

impl Beside {
    /// Of the details, in words.
    pub(super) fn details(&self) -> Option<String> {
        let (held, erased) = (self.details?, self.erased.unwrap_or_default());
        Some(format!("{held} are as their entries say; {erased} are erased, and an entry says so"))
    }

    /// Of the files, in words.
    pub(super) fn files(&self) -> Option<String> {
        let files = self.files?;
        let told = format!("{files} are as the log says; none is missing, and no other is there");
        Some(match files.saturating_sub(self.placed.unwrap_or_default()) {
            0 => told,
            by_bytes => {
                format!(
                    "{told}; {by_bytes} by their bytes alone: which file has which name stands in details (--data DIR)"
                )
            }
        })
    }
}

/// The directories, without those that lie in another one of them: a file that is listed twice is no second file.
fn apart(directories: &[PathBuf]) -> Vec<PathBuf> {
    let whole = |dir: &PathBuf| fs::canonicalize(dir).unwrap_or_else(|_| dir.clone());
    let mut kept: Vec<(PathBuf, &PathBuf)> = Vec::new();
    for (dir, given) in directories.iter().map(|given| (whole(given), given)) {
        if !kept.iter().any(|(other, _)| dir.starts_with(other)) {
            kept.retain(|(other, _)| !other.starts_with(&dir));
            kept.push((dir, given));
        }
    }
    kept.into_iter().map(|(_, given)| given.clone()).collect()
}

/// Holds against the log what the command names beside it; nothing where it names nothing. Called where blocking is
/// allowed.
pub(super) fn beside(
    source: &Source,
    (trust, pins): (&Trust, &Pins),
    report: &Report,
    (deep_in, data): (Option<&[PathBuf]>, Option<&Path>),
) -> Result<Option<Beside>, Failure> {
    let Some(directories) = deep_in else { return Ok(None) };
    if directories.is_empty() && data.is_none() {
        let what = "--deep needs directories with files that the log vouches for, or --data DIR for details";
        return Err(Failure::new(Kind::BadInput, what));
    }
    let (asked, mut used) = (report.charter.origin.generation, 0);
    let mut details = match data {
        Some(data) => {
            let found = Handle::current().block_on(LedgerDetails::open(data, report.organization))?;
            used = found.generation();
            if used < asked {
                let what =
                    format!("the logs in this data directory end with log {used}, and this is log {asked}");
                return Err(Failure::new(Kind::BadInput, what));
            }
            Some(Handle::current().block_on(found.of_earlier(asked))?)
        }
        None => None,
    };
    let files = (!directories.is_empty()).then(|| VouchedFiles::new(apart(directories)));
    let log = source.log()?;
    let held = |details: Option<&LedgerDetails>| {
        let details = details.map(|details| details as &dyn Details);
        let objects = files.as_ref().map(|files| files as &dyn ObjectFiles);
        verify::settled(source.pause(), || deep(log, &signatures(), pins, details, objects))
    };
    let found = match held(details.as_ref()) {
        Err(failure) if matches!(failure.problem, Problem::DetailsMissing) => {
            if let Some(data) = data.filter(|_| asked < used) {
                // The log has ended: what is erased of it since, later ones say.
                let erased = erased_since(trust, report, data, asked + 1..=used)?;
                details = details.map(|details| details.erased_by(erased));
            } else {
                // The entry that says so may just be on its way into the log.
                let mut pause = source.pause();
                while pause() {}
            }
            held(details.as_ref())
        }
        found => found,
    };
    let found = found.map_err(|failure| source.told(failure))?;
    Ok(Some(Beside {
        details: details.is_some().then_some(found.details),
        erased: details.is_some().then_some(found.erased),
        files: files.is_some().then_some(found.files),
        placed: files.is_some().then_some(found.placed),
    }))
}

/// What later logs of the organization in a data directory say is erased of one that has ended. They are verified, by
/// what is known of them, as if they were asked about.
fn erased_since(
    trust: &Trust,
    report: &Report,
    data: &Path,
    later: RangeInclusive<u32>,
) -> Result<Vec<RangeInclusive<u64>>, Failure> {
    let (ended, mut erased) = (report.charter.origin, Vec::new());
    for generation in later {
        let origin = Origin { generation, ..ended };
        let home = data.join("ledgers").join(node::ledger_name(ended.organization, generation));
        let mut pins = trust.of(&origin.to_string(), None, None)?.pins;
        // The quorum is asked of the log that is asked about.
        drop(quorum::apart(&mut pins, Some(&origin.to_string())));
        let files = LedgerDirectory::open(&home)?;
        let said = |what: String| {
            let what = format!(
                "{}: details are missing, and log {generation}, which may say that they were erased, {what}",
                home.display()
            );
            Failure::new(Kind::CheckFailed, what)
        };
        let found = verify::deep::erased_in(&files, &signatures(), &pins, &ended);
        let (later, some) = found.map_err(|failure| said(format!("does not verify: {failure}")))?;
        let before = Origin { generation: generation - 1, ..ended }.to_string();
        let follows = later.charter.previous.as_ref().is_none_or(|previous| previous.origin == before);
        if later.charter.origin != origin || !follows {
            return Err(said("is another one".to_owned()));
        }
        erased.extend(some);
    }
    Ok(erased)
}

#[cfg(test)]
mod tests {
    use super::apart;
    use std::fs;

    #[test]
    fn a_directory_within_another_one_is_looked_into_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let [out, inner, other] = ["out", "out/inner", "output"].map(|name| dir.path().join(name));
        fs::create_dir_all(&inner).expect("it is made");
        fs::create_dir(&other).expect("it is made");
        let around = inner.join("..");
        assert_eq!(apart(&[inner.clone(), out.clone(), around, other.clone()]), [out.clone(), other.clone()]);
        assert_eq!(apart(&[out.clone(), inner]), [out]);
        let gone = dir.path().join("gone");
        assert_eq!(apart(&[gone.clone(), other.clone()]), [gone, other], "what is not there is not dropped");
    }
}
