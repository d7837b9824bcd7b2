//! What lies beside a log and is vouched for in it: details against their commitments, files against their hashes.
//!
//! A detail that an entry commits to is there and fits, or a later entry `details.erased` says that it is gone. A file
//! that an entry names by its SHA-256 is there unchanged, until a later entry replaces or forgets it, and stands where
//! the entry's details say; and no file is there that no entry names, nor one more than entries name.
//! `docs/formats/ledger-entry.md` has the facts.

mod places;

use crate::charter::{ERASED, fact};
use crate::checkpoint::SignatureCheck;
use crate::directory::{LedgerFiles, Report, Unreadable, Visit, visited};
use crate::entry::Seen;
use crate::failure::{Failure, Problem};
use crate::origin::Origin;
use crate::trust::Pins;
use base::digest;
use places::{Places, in_order};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

/// The bytes of salt before the value of details.
const SALT_BYTES: usize = 32;

/// The details of entries, wherever they are kept.
pub trait Details {
    /// The details of the entry at this position of the log: 32 bytes of salt and the value; none where there are none.
    ///
    /// # Errors
    /// [`Unreadable`] where they cannot be read.
    fn details(&self, position: u64) -> Result<Option<Vec<u8>>, Unreadable>;

    /// Entries of the log whose details are erased by the word of later logs of the organization, as [`erased_in`] finds
    /// them: of a log that has ended, only those can say so.
    ///
    /// # Errors
    /// [`Unreadable`] where they cannot be read.
    fn erased(&self) -> Result<Vec<RangeInclusive<u64>>, Unreadable> {
        Ok(Vec::new())
    }
}

/// The files that a ledger vouches for, wherever they are.
pub trait ObjectFiles {
    /// Every file's path, with `/` between elements.
    ///
    /// # Errors
    /// [`Unreadable`] where the listing fails.
    fn list(&self) -> Result<Vec<String>, Unreadable>;

    /// The SHA-256 of one file's bytes.
    ///
    /// # Errors
    /// [`Unreadable`] where it cannot be read.
    fn sha256(&self, path: &str) -> Result<[u8; 32], Unreadable>;
}

/// What a deep verification found in order.
#[derive(Debug, Clone)]
pub struct DeepReport {
    /// The ledger itself.
    pub ledger: Report,
    /// How many details were held against their commitments; 0 where none were given.
    pub details: u64,
    /// How many details are erased, each by an entry that says so.
    pub erased: u64,
    /// How many files were held against their hashes.
    pub files: u64,
    /// How many of them stand where the details of their entry say. The others are known by their bytes alone: that
    /// they did not change places is not known.
    pub placed: u64,
}

/// Verifies the log as [`directory`](fn@crate::directory), and besides what is handed in of what it vouches for: the
/// details of its entries, and files. Where an entry's details say a path, the file there is the entry's; only without
/// them is it known by its hash. The directory around it may stand elsewhere, but a file keeps its name. There are as
/// many files as entries vouch for: one more is added, one less is removed.
///
/// # Errors
/// The first [`Failure`]: of the log, of the details by the entry, of the files by the path or, for one that is gone and
/// whose path is not known, by the object's id.
pub fn deep(
    files: &dyn LedgerFiles,
    check: &dyn SignatureCheck,
    pins: &Pins,
    details: Option<&dyn Details>,
    objects: Option<&dyn ObjectFiles>,
) -> Result<DeepReport, Failure> {
    let mut beside = Beside { details, ..Beside::default() };
    let ledger = visited(files, check, pins, &mut beside)?;
    if let Some(details) = details {
        beside.erased_elsewhere(details).map_err(|(problem, at)| {
            let failure = Failure::new("details", problem);
            if let Some(at) = at { failure.at(at) } else { failure }
        })?;
    }
    if let Some(missing) = beside.missing.first() {
        return Err(Failure::new("details", Problem::DetailsMissing).at(*missing));
    }
    let (files, placed) = objects.map_or(Ok((0, 0)), |objects| beside.hold(objects))?;
    Ok(DeepReport { ledger, details: beside.held.len() as u64, erased: beside.erased, files, placed })
}

/// Verifies a log of an organization as [`directory`](fn@crate::directory), and gives what it says is erased of `of`,
/// an earlier one.
///
/// # Errors
/// As [`directory`](fn@crate::directory).
pub fn erased_in(
    files: &dyn LedgerFiles,
    check: &dyn SignatureCheck,
    pins: &Pins,
    of: &Origin,
) -> Result<(Report, Vec<RangeInclusive<u64>>), Failure> {
    let mut said = Tombstones { of, found: Vec::new() };
    let report = visited(files, check, pins, &mut said)?;
    Ok((report, said.found))
}

/// What a log says is erased of an earlier one.
struct Tombstones<'o> {
    of: &'o Origin,
    found: Vec<RangeInclusive<u64>>,
}

impl Visit for Tombstones<'_> {
    fn wants(&self) -> Option<fn(&Seen) -> bool> {
        Some(|seen| seen.kind == ERASED && fact(seen, "origin").is_some())
    }

    fn see(&mut self, entry: &Seen) -> Result<(), Problem> {
        let named = fact(entry, "origin").and_then(Value::as_str);
        if named.and_then(|named| named.parse::<Origin>().ok()).as_ref() == Some(self.of)
            && self.of.organization == entry.organization
        {
            for range in list(entry, "positions")? {
                let range = positions(range).filter(|range| !range.is_empty()).ok_or(Problem::ObjectFacts)?;
                self.found.push(range);
            }
        }
        Ok(())
    }

    fn begin_again(&mut self) {
        self.found.clear();
    }
}

/// A file that an entry vouches for.
#[derive(Debug)]
struct Object {
    sha256: [u8; 32],
    entry: u64,
    path: Option<String>,
}

/// What the log says of what lies beside it, as far as it has been read.
#[derive(Default)]
struct Beside<'d> {
    details: Option<&'d dyn Details>,
    /// The positions whose details are there.
    held: BTreeSet<u64>,
    /// Those whose details are not, and not yet said to be erased.
    missing: BTreeSet<u64>,
    erased: u64,
    /// By kind and id.
    objects: BTreeMap<(String, String), Object>,
    /// Hashes of what was replaced, with the kind and id.
    replaced: HashMap<[u8; 32], (String, String)>,
    /// What was forgotten, by kind and id: it may be there or not.
    forgotten: BTreeMap<(String, String), Object>,
}

impl Visit for Beside<'_> {
    fn wants(&self) -> Option<fn(&Seen) -> bool> {
        Some(|seen| {
            seen.kind == ERASED
                || seen.fields.contains_key("details")
                || fact(seen, "files").is_some()
                || fact(seen, "forgotten").is_some()
        })
    }

    fn see(&mut self, entry: &Seen) -> Result<(), Problem> {
        let paths = self.detail(entry)?;
        if entry.kind == ERASED {
            self.erase(entry)?;
        }
        for file in list(entry, "files")? {
            let (kind, id) = named(file)?;
            let text = file.get("sha256").and_then(Value::as_str).ok_or(Problem::ObjectFacts)?;
            let sha256 = from_hex(text).ok_or(Problem::ObjectFacts)?;
            let path = paths.get(&id).cloned();
            let object = Object { sha256, entry: entry.position, path };
            let key = (kind, id);
            self.forgotten.remove(&key);
            if let Some(before) = self.objects.insert(key.clone(), object) {
                self.replaced.insert(before.sha256, key);
            }
        }
        for file in list(entry, "forgotten")? {
            if let Some((key, object)) = self.objects.remove_entry(&named(file)?) {
                self.forgotten.insert(key, object);
            }
        }
        Ok(())
    }

    fn begin_again(&mut self) {
        *self = Self { details: self.details, ..Self::default() };
    }
}

impl Beside<'_> {
    /// Holds the entry's details against its commitment; the paths that they say.
    fn detail(&mut self, entry: &Seen) -> Result<HashMap<String, String>, Problem> {
        let commitment = entry.fields.get("details").and_then(Value::as_str);
        let (Some(details), Some(commitment)) = (self.details, commitment) else { return Ok(HashMap::new()) };
        let Some(bytes) = details.details(entry.position)? else {
            self.missing.insert(entry.position);
            return Ok(HashMap::new());
        };
        let value = bytes.get(SALT_BYTES..).ok_or(Problem::DetailsChanged)?;
        if digest::hex(&digest::sha256(&bytes)) != commitment {
            return Err(Problem::DetailsChanged);
        }
        self.held.insert(entry.position);
        let value: Value = serde_json::from_slice(value).unwrap_or_default();
        let paths = value.get("files").and_then(Value::as_object).into_iter().flatten();
        Ok(paths.filter_map(|(id, path)| Some((id.clone(), path.as_str()?.to_owned()))).collect())
    }

    fn erase(&mut self, entry: &Seen) -> Result<(), Problem> {
        if let Some(named) = fact(entry, "origin") {
            // A tombstone for another log of the organization, which has ended: it excuses nothing that is missing here.
            let origin = named.as_str().and_then(|named| named.parse::<Origin>().ok());
            let ours = origin.is_some_and(|origin| origin.organization == entry.organization);
            let ranges: Option<Vec<_>> = list(entry, "positions")?.iter().map(positions).collect();
            let sound = ranges.is_some_and(|ranges| ranges.iter().all(|range| !range.is_empty()));
            return if ours && sound { Ok(()) } else { Err(Problem::ObjectFacts) };
        }
        for range in list(entry, "positions")? {
            let range = positions(range).ok_or(Problem::ObjectFacts)?;
            if range.is_empty() || *range.end() >= entry.position {
                return Err(Problem::ObjectFacts);
            }
            if self.is_gone(range).is_some() {
                return Err(Problem::NotErased);
            }
        }
        Ok(())
    }

    /// Takes what later logs say is erased.
    fn erased_elsewhere(&mut self, details: &dyn Details) -> Result<(), (Problem, Option<u64>)> {
        let erased = details.erased().map_err(|error| (error.into(), None))?;
        for range in erased.into_iter().filter(|range| !range.is_empty()) {
            if let Some(held) = self.is_gone(range) {
                return Err((Problem::NotErased, Some(held)));
            }
        }
        Ok(())
    }

    /// Counts what is missing of a range as erased; the first position of which the details are there all the same.
    fn is_gone(&mut self, range: RangeInclusive<u64>) -> Option<u64> {
        let gone: Vec<u64> = self.missing.range(range.clone()).copied().collect();
        self.erased += gone.len() as u64;
        for position in gone {
            self.missing.remove(&position);
        }
        self.held.range(range).next().copied()
    }

    /// Holds files against the objects; how many there are, and of how many the place is known.
    fn hold(&self, files: &dyn ObjectFiles) -> Result<(u64, u64), Failure> {
        let listed = in_order(files.list().map_err(|error| Failure::new(".", error))?);
        let count = listed.len() as u64;
        let mut places = Places::new(self.objects.iter());
        let (mut others, mut placed) = (Vec::new(), 0);
        for (path, plain) in listed {
            let hash = files.sha256(&path).map_err(|error| Failure::new(&path, error))?;
            let nearest = places.nearest(&plain, true);
            // Files that are where they should be come before all that only look like them.
            if nearest.whole && places.take(&nearest, &hash) {
                placed += 1;
            } else {
                others.push((path, plain, hash));
            }
        }
        let mut forgotten: HashMap<[u8; 32], u64> = HashMap::new();
        self.forgotten.values().for_each(|object| *forgotten.entry(object.sha256).or_default() += 1);
        for (path, plain, hash) in others {
            let nearest = places.nearest(&plain, false);
            if !nearest.whole && places.take_by_hash(&hash) {
                continue;
            }
            if places.take(&nearest, &hash) {
                placed += 1;
                continue;
            }
            let left = forgotten.get_mut(&hash).filter(|left| **left > 0 && !nearest.whole);
            if let Some(left) = left {
                *left -= 1;
                continue;
            }
            let there = places.first(&nearest);
            let before = || self.replaced.get(&hash).and_then(|key| self.objects.get_key_value(key));
            let of = if nearest.whole { there } else { before().or(there) };
            return Err(Failure::new(
                &path,
                match of {
                    Some(((kind, _), Object { entry, .. })) => {
                        Problem::ObjectChanged { kind: kind.clone(), entry: *entry }
                    }
                    None => Problem::ObjectAdded,
                },
            ));
        }
        match places.missing() {
            None => Ok((count, placed)),
            Some(((kind, id), object)) => {
                let problem = Problem::ObjectRemoved { kind: kind.clone(), entry: object.entry };
                Err(Failure::new(object.path.as_ref().unwrap_or(id), problem))
            }
        }
    }
}

/// The items of a fact that is a list, none where there is no such fact.
fn list<'e>(entry: &'e Seen, name: &str) -> Result<&'e [Value], Problem> {
    match fact(entry, name) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(Problem::ObjectFacts),
    }
}

fn named(file: &Value) -> Result<(String, String), Problem> {
    let text = |name: &str| file.get(name).and_then(Value::as_str).map(str::to_owned);
    text("kind").zip(text("id")).ok_or(Problem::ObjectFacts)
}

/// A position, or the first and the last of a range.
fn positions(value: &Value) -> Option<RangeInclusive<u64>> {
    match value {
        Value::Array(ends) => match ends.as_slice() {
            [first, last] => Some(first.as_u64()?..=last.as_u64()?),
            _ => None,
        },
        one => one.as_u64().map(|one| one..=one),
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    (digits.len() == 64).then(|| bytes.try_into().ok()).flatten()
}
