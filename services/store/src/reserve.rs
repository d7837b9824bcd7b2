//! The reserve: 16 MiB per organization that only quarantines and refusals may spend.
//!
//! A file of real, incompressible bytes stands beside the database. When the disk is full, parts of it are
//! cut off, and what that frees is used by reserved writes; all other writes are refused until the file could
//! be made whole again, so that they do not eat what was freed.

use crate::Error;
use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The reserve when it is whole, in bytes.
pub(crate) const WHOLE: u64 = 16 << 20;
/// What one shortage sets free: many times what a change of standing writes.
const PART: u64 = PART_BYTES as u64;
const PART_BYTES: usize = 1 << 20;
/// How many shortages the whole reserve lasts for.
pub(crate) const PARTS: u64 = WHOLE / PART;
/// What must be writable before a reserved transaction begins.
const ROOM: usize = 256 << 10;

/// How an organization stands with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// The reserve is whole: everything is accepted.
    Free,
    /// The disk is full: the reserve is in use, this many bytes of it are left.
    Full {
        /// Bytes left of the reserve.
        left: u64,
    },
    /// The disk is full and nothing of the reserve is left.
    Spent,
}

pub(crate) struct Reserve {
    path: PathBuf,
    probe: PathBuf,
    left: AtomicU64,
    lock: Mutex<()>,
}

impl Reserve {
    /// Finds the reserve, or makes as much of it as the disk allows.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("reserve");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let left = match file.and_then(|file| file.metadata()) {
            Ok(metadata) => metadata.len(),
            // Not even a directory entry fits.
            Err(error) if is_full(&error) => 0,
            Err(source) => return Err(Error::Directory { path, source }),
        };
        let reserve =
            Self { path, probe: dir.join("room"), left: AtomicU64::new(left), lock: Mutex::default() };
        // A shortage is no reason not to start.
        let _ = reserve.accepting();
        Ok(reserve)
    }

    pub(crate) fn space(&self) -> Space {
        match self.left.load(Ordering::Acquire) {
            left if left >= WHOLE => Space::Free,
            0 => Space::Spent,
            left => Space::Full { left },
        }
    }

    /// Whether ordinary writes go on; tries to make the reserve whole first.
    pub(crate) fn accepting(&self) -> Result<(), Error> {
        if self.left.load(Ordering::Acquire) >= WHOLE {
            return Ok(());
        }
        let _turn = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        match self.refill() {
            Ok(()) => Ok(()),
            Err(error) if is_full(&error) => Err(Error::Full),
            Err(source) => Err(Error::Directory { path: self.path.clone(), source }),
        }
    }

    /// Makes sure that a reserved write finds room, and sets a part of the reserve free if it does not.
    pub(crate) fn make_room(&self) -> Result<(), Error> {
        let _turn = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match self.probe() {
                Ok(()) => return Ok(()),
                Err(error) if is_full(&error) => {}
                Err(source) => return Err(Error::Directory { path: self.probe.clone(), source }),
            }
            let left = self.left.load(Ordering::Acquire);
            if left == 0 {
                return Err(Error::ReserveSpent);
            }
            let less = left.saturating_sub(PART);
            let cut = OpenOptions::new().write(true).open(&self.path).and_then(|file| file.set_len(less));
            cut.map_err(|source| Error::Directory { path: self.path.clone(), source })?;
            tracing::warn!(left = less, "the disk is full: a part of the reserve was set free");
            self.left.store(less, Ordering::Release);
        }
    }

    fn probe(&self) -> io::Result<()> {
        let mut file = File::create(&self.probe)?;
        let result = file.write_all(&noise(ROOM));
        file.set_len(0)?;
        result
    }

    fn refill(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        let mut left = file.metadata()?.len();
        file.seek(SeekFrom::Start(left))?;
        let part = noise(PART_BYTES);
        while left < WHOLE {
            let wanted = &part[..usize::try_from((WHOLE - left).min(PART)).unwrap_or(part.len())];
            if let Err(error) = file.write_all(wanted) {
                // Half a part is given back, so that a refill that fails takes nothing from anyone.
                file.set_len(left)?;
                return Err(error);
            }
            left += wanted.len() as u64;
            self.left.store(left, Ordering::Release);
        }
        Ok(())
    }
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Bytes that no file system stores in less room than they take.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
