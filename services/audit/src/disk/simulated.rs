//! A disk that forgets what was not synced, tears what it half remembers, and fails on demand.

use super::Disk;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

/// What happens at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails with this kind of error, and the machine goes on.
    Error(io::ErrorKind),
    /// The machine stops just before it.
    CrashBefore,
    /// The machine stops just after it.
    CrashAfter,
}

#[derive(Debug, Clone, Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    contents: BTreeMap<u64, Content>,
    live: BTreeMap<PathBuf, u64>,
    durable: BTreeMap<PathBuf, u64>,
    live_dirs: BTreeSet<PathBuf>,
    durable_dirs: BTreeSet<PathBuf>,
    next: u64,
    calls: u64,
    fault: Option<(u64, Fault)>,
    down: bool,
    random: u64,
}

/// The disk. Calls that change something are numbered from 0; one of them may be made to fail.
#[derive(Debug, Default)]
pub(crate) struct SimulatedDisk(Mutex<State>);

impl SimulatedDisk {
    pub(crate) fn new(root: &Path, seed: u64) -> Self {
        let disk = Self::default();
        let mut state = disk.state();
        state.random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let dirs: BTreeSet<_> = root.ancestors().map(Path::to_owned).collect();
        (state.live_dirs, state.durable_dirs) = (dirs.clone(), dirs);
        drop(state);
        disk
    }

    pub(crate) fn fail(&self, call: u64, fault: Fault) {
        self.state().fault = Some((call, fault));
    }

    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    pub(crate) fn is_down(&self) -> bool {
        self.state().down
    }

    /// The power is back: of what was not synced, some is there, some is not, some is torn.
    pub(crate) fn restart(&self) {
        let mut state = self.state();
        let dirs: Vec<_> = state.live_dirs.difference(&state.durable_dirs).cloned().collect();
        for dir in dirs {
            let parent_stays = dir.parent().is_some_and(|parent| state.durable_dirs.contains(parent));
            if parent_stays && state.toss(2) == 0 {
                state.durable_dirs.insert(dir);
            }
        }
        let names: BTreeSet<_> = state.live.keys().chain(state.durable.keys()).cloned().collect();
        let mut kept = BTreeMap::new();
        for name in names {
            let (live, durable) = (state.live.get(&name).copied(), state.durable.get(&name).copied());
            let id = if live == durable || state.toss(2) == 0 { durable } else { live };
            let dir_stays = name.parent().is_some_and(|parent| state.durable_dirs.contains(parent));
            if let (Some(id), true) = (id, dir_stays) {
                kept.insert(name, id);
            }
        }
        for id in state.contents.keys().copied().collect::<Vec<_>>() {
            let toss = state.toss(3);
            let cut = state.toss(10_000);
            let Some(content) = state.contents.get_mut(&id) else { continue };
            if content.live != content.durable {
                content.durable = match toss {
                    0 => content.durable.clone(),
                    1 => {
                        content.live[..usize::try_from(cut).unwrap_or(0) % content.live.len().max(1)].to_vec()
                    }
                    _ => content.live.clone(),
                };
            }
            content.live.clone_from(&content.durable);
        }
        (state.live, state.durable) = (kept.clone(), kept);
        state.live_dirs = state.durable_dirs.clone();
        state.down = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds the disk")
    }

    /// One call that changes something, with the fault that is set for it.
    fn change(&self, act: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state();
        state.up()?;
        let call = state.calls;
        state.calls += 1;
        let fault = state.fault.filter(|(at, _)| *at == call).map(|(_, fault)| fault);
        match fault {
            Some(Fault::Error(kind)) => return Err(kind.into()),
            Some(Fault::CrashBefore) => state.down = true,
            Some(Fault::CrashAfter) => {
                act(&mut state)?;
                state.down = true;
            }
            None => return act(&mut state),
        }
        state.up()
    }
}

impl State {
    fn up(&self) -> io::Result<()> {
        if self.down { Err(io::Error::other("the machine is down")) } else { Ok(()) }
    }

    fn toss(&mut self, sides: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % sides
    }

    fn has_dir_of(&self, path: &Path) -> io::Result<()> {
        let there = path.parent().is_some_and(|parent| self.live_dirs.contains(parent));
        if there { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

impl Disk for SimulatedDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        state.up()?;
        let id = state.live.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(state.contents[id].live.clone())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.state();
        state.up()?;
        Ok(state.live.keys().filter(|path| path.starts_with(dir)).cloned().collect())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(|state| {
            state.has_dir_of(dir)?;
            state.live_dirs.insert(dir.to_owned());
            Ok(())
        })
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.change(|state| {
            state.has_dir_of(path)?;
            let next = state.next;
            state.next += 1;
            // Writing to a name that is there changes the file under every name it has.
            let id = *state.live.entry(path.to_owned()).or_insert(next);
            state.contents.entry(id).or_default().live = bytes.to_vec();
            Ok(())
        })
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        self.change(|state| {
            let id = *state.live.get(path).ok_or(io::ErrorKind::NotFound)?;
            let content = state.contents.entry(id).or_default();
            content.durable.clone_from(&content.live);
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|state| {
            state.has_dir_of(to)?;
            let id = state.live.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.live.insert(to.to_owned(), id);
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(|state| {
            if !state.live_dirs.contains(dir) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let held = |path: &Path| path.parent() == Some(dir);
            state.durable.retain(|path, _| !held(path));
            let names: Vec<_> = state.live.iter().filter(|(path, _)| held(path)).collect();
            let names: Vec<_> = names.into_iter().map(|(path, id)| (path.clone(), *id)).collect();
            state.durable.extend(names);
            let dirs: Vec<_> = state.live_dirs.iter().filter(|path| held(path)).cloned().collect();
            state.durable_dirs.extend(dirs);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(|state| state.live.remove(path).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn remove_empty(&self, dir: &Path) -> bool {
        let removed = self.change(|state| {
            let held = |path: &PathBuf| path.parent() == Some(dir);
            if state.live.keys().any(held) || state.live_dirs.iter().any(held) {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            state.live_dirs.remove(dir);
            Ok(())
        });
        removed.is_ok()
    }

    fn sweep(&self, dir: &Path) {
        let _ = self.change(|state| {
            let used: Vec<_> = state.live.keys().cloned().collect();
            state
                .live_dirs
                .retain(|path| !path.starts_with(dir) || used.iter().any(|file| file.starts_with(path)));
            Ok(())
        });
    }
}
