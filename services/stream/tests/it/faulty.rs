//! A disk in memory that can be told to fail at its Nth operation, and to crash: what was not synced is
//! then gone, torn, full of holes, or all there.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};
use stream::{File, Files};

/// What happens at the chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The disk is full once; half of a write may have been done.
    Full,
    /// The operation fails once; half of a write may have been done. What a sync should have made durable
    /// is gone.
    Fails,
    /// The same; but what a sync should have made durable is still read, taken for written by every later
    /// sync, and gone after a crash unless it is written again.
    FailsUnseen,
    /// The power goes: this operation and all after it fail.
    Power,
}

/// What a crash leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// Nothing.
    Nothing,
    /// The first half.
    FirstHalf,
    /// The second half, behind zeros.
    SecondHalf,
    /// Everything.
    Everything,
}

impl Leaves {
    pub(crate) const ALL: [Self; 4] = [Self::Nothing, Self::FirstHalf, Self::SecondHalf, Self::Everything];
}

#[derive(Default)]
struct World {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    operations: usize,
    fault: Option<(usize, Fault)>,
    dead: bool,
}

#[derive(Default, Clone)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Taken for written, and not.
    lost: std::ops::Range<usize>,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct Faulty(Arc<Mutex<World>>);

impl Faulty {
    /// Lets the operation with this number, from 0, go wrong.
    pub(crate) fn failing(at: usize, fault: Fault) -> Self {
        let disk = Self::default();
        disk.world().fault = Some((at, fault));
        disk
    }

    /// How many operations that change something there were.
    pub(crate) fn operations(&self) -> usize {
        self.world().operations
    }

    /// The power goes and comes back.
    pub(crate) fn crash(&self, leaves: Leaves) {
        let mut world = self.world();
        let world = &mut *world;
        world.dead = false;
        world.fault = None;
        if leaves != Leaves::Everything {
            world.names = world.durable_names.clone();
        }
        for inode in &mut world.inodes {
            let kept = inode.durable.len();
            let added = inode.now.len().saturating_sub(kept);
            match leaves {
                Leaves::Nothing => inode.now.clone_from(&inode.durable),
                Leaves::FirstHalf => inode.now.truncate(kept + added / 2),
                Leaves::SecondHalf if added > 0 => inode.now[kept..kept + added / 2].fill(0),
                Leaves::SecondHalf | Leaves::Everything => {}
            }
            inode.durable.clone_from(&inode.now);
        }
        world.durable_names = world.names.clone();
    }

    /// All bytes of a file, to be changed behind the log's back.
    pub(crate) fn change(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.world();
        let inode = world.names[path];
        change(&mut world.inodes[inode].now);
        world.inodes[inode].durable = world.inodes[inode].now.clone();
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no test panics while it holds the disk")
    }
}

impl World {
    /// Counts an operation; says whether it goes wrong, and how.
    fn step(&mut self) -> Option<io::Error> {
        let number = self.operations;
        self.operations += 1;
        if self.dead {
            return Some(io::Error::other("no power"));
        }
        let (_, fault) = self.fault.filter(|(at, _)| *at == number)?;
        self.dead = fault == Fault::Power;
        Some(match fault {
            Fault::Full => io::ErrorKind::StorageFull.into(),
            Fault::Fails | Fault::FailsUnseen | Fault::Power => io::Error::other("injected"),
        })
    }
}

impl Files for Faulty {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, _dir: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.world().names.keys().cloned().collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut world = self.world();
        if let Some(error) = world.step() {
            return Err(error);
        }
        if world.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = world.inodes.len();
        world.inodes.push(Inode::default());
        world.names.insert(path.to_owned(), inode);
        Ok(Arc::new(Handle { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let inode = *self.world().names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(Handle { disk: self.clone(), inode }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        if let Some(error) = world.step() {
            return Err(error);
        }
        world.names.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = self.world();
        if let Some(error) = world.step() {
            return Err(error);
        }
        let World { names, durable_names, .. } = &mut *world;
        let inside = |path: &Path| path.parent() == Some(dir);
        durable_names.retain(|path, _| !inside(path));
        durable_names.extend(
            names.iter().filter(|(path, _)| inside(path)).map(|(path, inode)| (path.clone(), *inode)),
        );
        Ok(())
    }
}

struct Handle {
    disk: Faulty,
    inode: usize,
}

impl File for Handle {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        let error = world.step();
        let dead = world.dead && error.is_some();
        let Inode { now, lost, .. } = &mut world.inodes[self.inode];
        let at = usize::try_from(at).expect("small");
        // A write that fails has done half of its work, so that taking it back is tested.
        let done = if error.is_some() { bytes.len() / 2 } else { bytes.len() };
        if !dead {
            now.resize(now.len().max(at + done), 0);
            now[at..at + done].copy_from_slice(&bytes[..done]);
            if at <= lost.start {
                lost.start = lost.start.max(at + done).min(lost.end);
            }
        }
        error.map_or(Ok(()), Err)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        let world = self.disk.world();
        let now = &world.inodes[self.inode].now;
        let from = usize::try_from(at).expect("small").min(now.len());
        let length = bytes.len().min(now.len() - from);
        bytes[..length].copy_from_slice(&now[from..from + length]);
        Ok(length)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.world().inodes[self.inode].now.len() as u64)
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        if let Some(error) = world.step() {
            return Err(error);
        }
        let Inode { now, lost, .. } = &mut world.inodes[self.inode];
        now.truncate(usize::try_from(len).expect("small"));
        *lost = lost.start.min(now.len())..lost.end.min(now.len());
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.world();
        let error = world.step();
        let unseen = world.fault.is_some_and(|(_, fault)| fault == Fault::FailsUnseen);
        let inode = &mut world.inodes[self.inode];
        match error {
            Some(error) if unseen => {
                inode.lost = inode.durable.len().min(inode.now.len())..inode.now.len();
                Err(error)
            }
            Some(error) => {
                inode.now.clone_from(&inode.durable);
                Err(error)
            }
            None => {
                inode.durable.clone_from(&inode.now);
                inode.durable[inode.lost.clone()].fill(0);
                Ok(())
            }
        }
    }
}
