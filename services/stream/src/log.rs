//! The writer: appends groups of batches, syncs them, takes them back.

use crate::{
    Disk, Error, File, Files, NewBatch, Reader, error::is_full, record, record::encode_file_header, recover,
};
use base::{Id, noun};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many files [`Log::recent_offset`] goes back.
const RECENT_FILES: usize = 16;

/// What a log is opened with.
#[derive(Clone)]
pub struct Options {
    /// The directory of its files; made if it is missing.
    pub dir: PathBuf,
    /// Whose log.
    pub organization: Id<noun::Organization>,
    /// A file is followed by a new one once it has this many bytes.
    pub roll: u64,
    /// What the files stand on.
    pub files: Arc<dyn Files>,
}

impl Options {
    /// A log on the machine's own disk, in files of about 64 MiB.
    #[must_use]
    pub fn on_disk(dir: PathBuf, organization: Id<noun::Organization>) -> Self {
        Self { dir, organization, roll: 64 << 20, files: Arc::new(Disk) }
    }

    pub(crate) fn path(&self, first_offset: u64) -> PathBuf {
        self.dir.join(format!("{first_offset:020}.log"))
    }
}

/// The handle of one organization's log. Cheap to clone; all methods block on the disk.
#[derive(Clone)]
pub struct Log {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) options: Options,
    state: Mutex<State>,
}

/// Where the log ends.
pub(crate) struct State {
    /// First offsets of all files, in order; never empty.
    pub(crate) firsts: Vec<u64>,
    /// The last file.
    pub(crate) file: Arc<dyn File>,
    /// Bytes of the last file.
    pub(crate) end: u64,
    /// Bytes of the last file that are durable.
    pub(crate) durable: u64,
    /// The next offset.
    pub(crate) next: u64,
    /// A write or sync failed.
    pub(crate) stopped: bool,
}

/// What an append gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The first offset of each batch.
    pub offsets: Vec<u64>,
    /// Where the log ended before, for [`Log::cut`].
    pub before: Mark,
}

/// A place between two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    file: u64,
    end: u64,
    next: u64,
}

impl Mark {
    /// The offset of the event after it.
    #[must_use]
    pub const fn offset(self) -> u64 {
        self.next
    }
}

impl Log {
    /// Opens a log: finds its end, cuts off a torn one, or begins an empty log.
    ///
    /// # Errors
    /// [`Error::Damaged`] where something durable is damaged; [`Error::Foreign`]; what the disk says.
    pub fn open(options: Options) -> Result<Self, Error> {
        let state = recover::recover(&options)?;
        Ok(Self { shared: Arc::new(Shared { options, state: Mutex::new(state) }) })
    }

    /// The offset that the next event gets.
    #[must_use]
    pub fn next_offset(&self) -> u64 {
        self.state().next
    }

    /// The first offset that the log still has.
    #[must_use]
    pub fn first_offset(&self) -> u64 {
        self.state().firsts.first().copied().unwrap_or(0)
    }

    /// The first offset of the last few files: where to look for what came lately, at a bounded cost.
    #[must_use]
    pub fn recent_offset(&self) -> u64 {
        let state = self.state();
        state.firsts.iter().rev().take(RECENT_FILES).next_back().copied().unwrap_or(0)
    }

    /// Writes a group of batches behind each other, in one write. They are durable once [`Self::sync`]
    /// returned. A batch without events takes no place.
    ///
    /// # Errors
    /// [`Error::Full`]: nothing was kept, and the log goes on. [`Error::Stopped`], [`Error::Io`]: it does not.
    pub fn append(&self, batches: &[NewBatch]) -> Result<Appended, Error> {
        let mut state = self.state();
        self.going(&state)?;
        self.roll(&mut state)?;
        let before = Mark { file: last(&state.firsts), end: state.end, next: state.next };
        let (mut bytes, mut offsets, mut next) = (Vec::new(), Vec::with_capacity(batches.len()), state.next);
        for batch in batches {
            offsets.push(next);
            if batch.block.count() > 0 {
                record::encode(batch, next, state.durable, &mut bytes)?;
                next += u64::from(batch.block.count());
            }
        }
        if let Err(source) = state.file.write_at(&bytes, state.end) {
            // Some of it may stand there now.
            let taken_back = state.file.cut(state.end);
            state.stopped = !is_full(&source) || taken_back.is_err();
            return Err(Error::io("write", self.shared.options.path(before.file), source));
        }
        state.end += bytes.len() as u64;
        state.next = next;
        Ok(Appended { offsets, before })
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// [`Error::Io`]: the log then stops, for what is durable is unknown. What was not is taken back where
    /// the disk allows it.
    pub fn sync(&self) -> Result<(), Error> {
        let (file, end, first) = {
            let state = self.state();
            self.going(&state)?;
            if state.durable == state.end {
                return Ok(());
            }
            (Arc::clone(&state.file), state.end, last(&state.firsts))
        };
        let result = file.sync();
        let mut state = self.state();
        match result {
            Ok(()) => {
                // A file is followed by a new one only when it is synced, so this is still the last.
                state.durable = state.durable.max(end);
                Ok(())
            }
            Err(source) => {
                state.stopped = true;
                // Nobody will be told that it was kept. Where even this fails, opening will see.
                let _ = file.cut(state.durable).and_then(|()| file.sync());
                Err(Error::Io { act: "sync", path: self.shared.options.path(first), source })
            }
        }
    }

    /// Takes back everything appended after a mark, durable or not: for a group that could not be
    /// committed. Must come before the next append.
    ///
    /// # Errors
    /// [`Error::Io`], after which the log is stopped. What was to be taken back may then still be there
    /// when it is opened again.
    pub fn cut(&self, mark: Mark) -> Result<(), Error> {
        let mut state = self.state();
        self.going(&state)?;
        let path = self.shared.options.path(mark.file);
        if last(&state.firsts) != mark.file || state.end < mark.end {
            state.stopped = true;
            return Err(Error::Stopped { dir: self.shared.options.dir.clone() });
        }
        if let Err(source) = state.file.cut(mark.end).and_then(|()| state.file.sync()) {
            state.stopped = true;
            return Err(Error::Io { act: "shorten", path, source });
        }
        (state.end, state.durable, state.next) = (mark.end, mark.end, mark.next);
        Ok(())
    }

    /// A reader that begins with the batch that holds `offset`.
    #[must_use]
    pub fn reader(&self, offset: u64) -> Reader {
        Reader::new(self.clone(), offset)
    }

    /// Begins a new file when the last one has grown enough and is durable.
    fn roll(&self, state: &mut State) -> Result<(), Error> {
        let options = &self.shared.options;
        let grown = state.end >= options.roll && state.next > last(&state.firsts);
        if !grown || state.durable < state.end {
            return Ok(());
        }
        match create(options, state.next) {
            Ok(file) => {
                state.firsts.push(state.next);
                state.file = file;
                state.end = record::FILE_HEADER as u64;
                state.durable = state.end;
                Ok(())
            }
            Err(error) => {
                // The half-made file must not stand in the way of the next try; opening removes it too.
                let removed = options.files.remove(&options.path(state.next));
                state.stopped = removed.is_err() || !matches!(error, Error::Full { .. });
                Err(error)
            }
        }
    }

    fn going(&self, state: &State) -> Result<(), Error> {
        if state.stopped { Err(Error::Stopped { dir: self.shared.options.dir.clone() }) } else { Ok(()) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a file that begins at `first_offset`, header and name durable.
pub(crate) fn create(options: &Options, first_offset: u64) -> Result<Arc<dyn File>, Error> {
    let path = options.path(first_offset);
    let failed = |act| {
        let path: &Path = &path;
        move |source| Error::io(act, path.to_path_buf(), source)
    };
    let file = options.files.create(&path).map_err(failed("create"))?;
    file.write_at(&encode_file_header(options.organization, first_offset), 0).map_err(failed("write"))?;
    file.sync().map_err(failed("sync"))?;
    options.files.sync_dir(&options.dir).map_err(failed("sync the directory of"))?;
    Ok(file)
}

fn last(firsts: &[u64]) -> u64 {
    firsts.last().copied().unwrap_or(0)
}
