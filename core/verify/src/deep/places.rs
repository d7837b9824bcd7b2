//! Which file is which object: by the path that the entry's details say, and only without one by its bytes alone.
//!
//! Each object is one file and each file one object: files that are swapped, copied or renamed have bytes that the log
//! knows, and are not where it says.

use super::Object;
use std::collections::{HashMap, HashSet};

/// The objects that files are held against.
pub(super) struct Places<'o> {
    slots: Vec<Slot<'o>>,
    /// Those whose path is known, by its last element.
    by_name: HashMap<String, Vec<usize>>,
    /// The same by the last two, where it has two: of many files of one name few lie in folders of one name.
    by_two: HashMap<String, Vec<usize>>,
    /// The others, by their hash.
    by_hash: HashMap<[u8; 32], Vec<usize>>,
}

/// One object, and whether its file was found.
struct Slot<'o> {
    key: &'o (String, String),
    object: &'o Object,
    path: Option<String>,
    found: bool,
}

/// The objects whose paths agree the longest with a file's, read from the end.
pub(super) struct Nearest {
    slots: Vec<usize>,
    /// Whether a path of theirs agrees as far as both are known.
    pub(super) whole: bool,
}

impl<'o> Places<'o> {
    pub(super) fn new(objects: impl Iterator<Item = (&'o (String, String), &'o Object)>) -> Self {
        let mut places = Self {
            slots: Vec::new(),
            by_name: HashMap::new(),
            by_two: HashMap::new(),
            by_hash: HashMap::new(),
        };
        for (key, object) in objects {
            let (at, path) = (places.slots.len(), object.path.as_deref().map(plain));
            match &path {
                Some(path) => {
                    places.by_name.entry(name(path).to_owned()).or_default().push(at);
                    if let Some(two) = last_two(path) {
                        places.by_two.entry(two.to_owned()).or_default().push(at);
                    }
                }
                None => places.by_hash.entry(object.sha256).or_default().push(at),
            }
            places.slots.push(Slot { key, object, path, found: false });
        }
        places
    }

    /// The objects that are nearest to a file's [`plain`] path: of all, or of those without a file.
    pub(super) fn nearest(&self, path: &str, all: bool) -> Nearest {
        // Whatever agrees in two elements is nearer than what agrees in one.
        let two = last_two(path).and_then(|two| self.by_two.get(two)).map(|at| self.among(at, path, all));
        let among_all = || self.among(self.by_name.get(name(path)).map_or(&[], Vec::as_slice), path, all);
        two.filter(|nearest| !nearest.slots.is_empty()).unwrap_or_else(among_all)
    }

    /// The nearest of these.
    fn among(&self, candidates: &[usize], path: &str, all: bool) -> Nearest {
        let (mut most, mut nearest) = (0, Nearest { slots: Vec::new(), whole: false });
        for &at in candidates.iter().filter(|at| all || !self.slots[**at].found) {
            let Some(said) = &self.slots[at].path else { continue };
            let (common, whole) = agreement(said, path);
            if common > most {
                (most, nearest) = (common, Nearest { slots: Vec::new(), whole: false });
            }
            if common == most {
                nearest.slots.push(at);
                nearest.whole |= whole;
            }
        }
        nearest
    }

    /// Takes a file of this hash as that of one of these objects; whether one has the hash, and no file yet.
    pub(super) fn take(&mut self, nearest: &Nearest, hash: &[u8; 32]) -> bool {
        let fits = |at: &&usize| !self.slots[**at].found && self.slots[**at].object.sha256 == *hash;
        let taken = nearest.slots.iter().find(fits).copied();
        taken.map(|at| self.slots[at].found = true).is_some()
    }

    /// Takes a file of this hash as that of an object whose path is not known.
    pub(super) fn take_by_hash(&mut self, hash: &[u8; 32]) -> bool {
        let taken = self.by_hash.get_mut(hash).and_then(Vec::pop);
        taken.map(|at| self.slots[at].found = true).is_some()
    }

    /// The first of these objects.
    pub(super) fn first(&self, nearest: &Nearest) -> Option<(&'o (String, String), &'o Object)> {
        nearest.slots.first().map(|at| (self.slots[*at].key, self.slots[*at].object))
    }

    /// The objects without a file, the one of the earliest entry first.
    pub(super) fn missing(&self) -> Option<(&'o (String, String), &'o Object)> {
        let open = self.slots.iter().filter(|slot| !slot.found);
        open.min_by_key(|slot| slot.object.entry).map(|slot| (slot.key, slot.object))
    }
}

/// A path by its elements alone: what leads nowhere is left out, and what lies above the beginning is not known.
pub(super) fn plain(path: &str) -> String {
    let mut elements = Vec::new();
    for element in path.split('/').filter(|element| !matches!(*element, "" | ".")) {
        if element == ".." {
            elements.pop();
        } else {
            elements.push(element);
        }
    }
    format!("{}{}", if path.starts_with('/') { "/" } else { "" }, elements.join("/"))
}

/// The listed paths in their order, each with its [`plain`] one and no file twice.
pub(super) fn in_order(mut paths: Vec<String>) -> Vec<(String, String)> {
    paths.sort();
    let mut seen = HashSet::new();
    let plain = paths.into_iter().map(|path| (plain(&path), path));
    plain.filter(|(plain, _)| seen.insert(plain.clone())).map(|(plain, path)| (path, plain)).collect()
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The last two elements, if there are two.
fn last_two(path: &str) -> Option<&str> {
    let (folders, name) = path.rsplit_once('/')?;
    let folder = folders.rsplit('/').next().filter(|folder| !folder.is_empty())?;
    path.get(path.len() - folder.len() - 1 - name.len()..)
}

/// How many elements two paths have in common, from the end, and whether these are all of the less complete one.
fn agreement(a: &str, b: &str) -> (usize, bool) {
    let common = a.rsplit('/').zip(b.rsplit('/')).take_while(|(a, b)| a == b).count();
    (common, common == a.split('/').count().min(b.split('/').count()))
}
