//! `ledger verify --deep DIR… --data DIR`: what lies beside the log and is vouched for in it.

use super::signatures;
use super::source::Source;
use crate::failure::Failure;
use base::Kind;
use node::{LedgerDetails, VouchedFiles};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;
use verify::deep::{Details, ObjectFiles, deep};
use verify::{Pins, Problem, Report};

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
    pins: &Pins,
    report: &Report,
    (deep_in, data): (Option<&[PathBuf]>, Option<&Path>),
) -> Result<Option<Beside>, Failure> {
    let Some(directories) = deep_in else { return Ok(None) };
    if directories.is_empty() && data.is_none() {
        let what = "--deep needs directories with files that the log vouches for, or --data DIR for details";
        return Err(Failure::new(Kind::BadInput, what));
    }
    let details = match data {
        Some(data) => Some(Handle::current().block_on(LedgerDetails::open(data, report.organization))?),
        None => None,
    };
    let asked = report.charter.origin.generation;
    if let Some(other) = details.as_ref().map(LedgerDetails::generation).filter(|other| *other != asked) {
        let what = format!("the details in this data directory are of log {other}, and this is log {asked}");
        return Err(Failure::new(Kind::BadInput, what));
    }
    let files = (!directories.is_empty()).then(|| VouchedFiles::new(apart(directories)));
    let log = source.log()?;
    let held = || {
        let details = details.as_ref().map(|details| details as &dyn Details);
        let objects = files.as_ref().map(|files| files as &dyn ObjectFiles);
        verify::settled(source.pause(), || deep(log, &signatures(), pins, details, objects))
    };
    let found = match held() {
        // The entry that says so may just be on its way into the log.
        Err(failure) if matches!(failure.problem, Problem::DetailsMissing) => {
            let mut pause = source.pause();
            while pause() {}
            held()
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
