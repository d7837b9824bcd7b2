//! What can go wrong with a log.

use base::{Fault, Kind};
use std::{io, path::PathBuf};

/// An error of the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk is full. The log is as it was before.
    #[error("the disk is full: nothing of this was kept; free space in {dir} and send it again")]
    Full {
        /// The log's directory.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A write or sync failed before: nothing is written until the log is opened again.
    #[error("the log in {dir} stopped after a failed write or sync; it goes on when it is opened again")]
    Stopped {
        /// The log's directory.
        dir: PathBuf,
    },
    /// The disk failed.
    #[error("cannot {act} {path}")]
    Io {
        /// What was tried.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is damaged in a place that was durable.
    #[error("{path} is damaged at byte {at}: {what}; restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damaged record begins.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A file belongs to another organization.
    #[error("{path} is the log of another organization")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// An offset that the log does not have (any more, or yet).
    #[error("the log has no offset {offset}")]
    NoOffset {
        /// The offset.
        offset: u64,
    },
    /// A batch that no record can hold.
    #[error("a batch of {bytes} bytes is too large for the log: send smaller batches")]
    TooLarge {
        /// Its size, compressed or not.
        bytes: usize,
    },
}

impl Error {
    /// An error of a file operation, told apart by whether the disk is full.
    pub(crate) fn io(act: &'static str, path: PathBuf, source: io::Error) -> Self {
        if is_full(&source) { Self::Full { dir: path, source } } else { Self::Io { act, path, source } }
    }
}

/// Whether the system says that there is no more room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Full { .. } => Kind::Full,
            Self::Stopped { .. } | Self::Io { .. } => Kind::Unavailable,
            Self::Damaged { .. } | Self::Foreign { .. } => Kind::Internal,
            Self::NoOffset { .. } => Kind::NotFound,
            Self::TooLarge { .. } => Kind::TooLarge,
        }
    }
}
