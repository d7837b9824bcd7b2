//! What can go wrong at the door.

use base::{Fault, Kind};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use std::{io, path::PathBuf};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The context names an organization that is not here.
    #[error("there is no such organization here: check the organization in the credential")]
    NoOrganization,
    /// The disk is full.
    #[error("the disk is full: free some space; until then only quarantines and refusals are recorded")]
    Full,
    /// The disk is full and the reserve is spent.
    #[error("the disk is full and the reserve is spent: free some space; until then nothing is recorded")]
    ReserveSpent,
    /// A write met an I/O error; what the disk holds is uncertain until it is read anew.
    #[error("a write to the disk failed: writing has stopped; check the disk, then restart the server")]
    Stopped,
    /// A directory or file beside the database cannot be used.
    #[error("cannot use {}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file belongs to another organization.
    #[error("{} belongs to another organization: it was copied or renamed; put the right file back", path.display())]
    WrongFile {
        /// Which.
        path: PathBuf,
    },
    /// The file was written by a newer release.
    #[error("{} was written by a newer release ({service} is at {found}, this one knows {known}): use that release", path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// Whose tables.
        service: String,
        /// The version found.
        found: i64,
        /// The newest version this release has.
        known: i64,
    },
    /// A row that another row already stands in the way of.
    #[error("there is already a {what} like that")]
    Duplicate {
        /// What is there.
        what: &'static str,
    },
    /// A row that does not read as what it should be.
    #[error("a stored {what} does not read: the file is damaged or was changed by hand")]
    Damaged {
        /// Of what.
        what: &'static str,
    },
    /// The first entry of a log must be the one that starts it, and only the first.
    #[error("the organization's ledger must begin with the entry that starts it, once")]
    LedgerNotStarted,
    /// The entry does not fit.
    #[error("the change's ledger entry does not fit")]
    Entry(#[from] ledger::entry::Unfit),
    /// All connections stayed busy for half a minute.
    #[error("too much is read and written at once: try again")]
    Busy,
    /// The database says no.
    #[error("the database failed")]
    Database(#[source] DbErr),
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoOrganization => Kind::NotSignedIn,
            Self::Full | Self::ReserveSpent => Kind::Full,
            Self::Stopped => Kind::Unavailable,
            Self::Busy => Kind::Busy,
            Self::Duplicate { .. } => Kind::Conflict,
            Self::Entry(_) => Kind::BadInput,
            _ => Kind::Internal,
        }
    }
}

impl Error {
    /// Whether the disk holds perhaps something else than memory believes.
    pub(crate) fn is_uncertain(&self) -> bool {
        // SQLITE_IOERR with any detail, SQLITE_CORRUPT, SQLITE_NOTADB: the low byte is the plain code.
        matches!(self, Self::Database(error) if matches!(sqlite_code(error).map(|code| code & 0xff), Some(10 | 11 | 26)))
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if matches!(error, DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) {
            return Self::Busy;
        }
        match sqlite_code(&error) {
            // SQLITE_FULL, and SQLITE_IOERR_SHMSIZE: no room for the write-ahead log's index.
            Some(13 | 4874) => Self::Full,
            _ => Self::Database(error),
        }
    }
}

fn sqlite_code(error: &DbErr) -> Option<u32> {
    let (DbErr::Conn(error) | DbErr::Exec(error) | DbErr::Query(error)) = error else { return None };
    let RuntimeErr::SqlxError(error) = error else { return None };
    error.as_database_error()?.code()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Error;
    use base::{Fault, Kind};
    use sea_orm::{ConnAcquireErr, DbErr};

    #[test]
    fn a_full_queue_is_not_a_fault_of_ours() {
        let error = Error::from(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
        assert_eq!(error.kind(), Kind::Busy);
        let error = Error::from(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed));
        assert_eq!(error.kind(), Kind::Internal);
    }
}
