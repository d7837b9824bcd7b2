//! Why a command failed: what is said on standard error, and the exit code.

use api::Problem;
use base::{Fault, Kind};
use std::{fmt, io, path::Path};

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    problem: Problem,
    /// Whether nobody is left to be told: the reader of standard output has gone.
    silent: bool,
}

impl<E: Fault> From<E> for Failure {
    fn from(fault: E) -> Self {
        // Here the caller is the operator: also a fault of ours names its causes.
        let mut message = fault.to_string();
        let mut source = fault.source();
        while let Some(error) = source {
            let cause = error.to_string();
            if !message.contains(&cause) {
                message.push_str(": ");
                message.push_str(&cause);
            }
            source = error.source();
        }
        Self::new(fault.kind(), message)
    }
}

impl Failure {
    /// A failure that no service names.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { problem: Problem::new(kind, message), silent: false }
    }

    /// A fault of ours.
    pub(crate) fn ours(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// A file or stream that could not be used.
    pub(crate) fn io(what: &str, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => Kind::NotFound,
            io::ErrorKind::AlreadyExists => Kind::Conflict,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::Full,
            io::ErrorKind::BrokenPipe => Kind::Unavailable,
            _ => Kind::BadInput,
        };
        Self::new(kind, format!("{what}: {error}"))
    }

    /// Standard output that takes no more; of a reader that has gone nothing is said.
    pub(crate) fn stdout(error: &io::Error) -> Self {
        let silent = error.kind() == io::ErrorKind::BrokenPipe;
        Self { silent, ..Self::io("standard output", error) }
    }

    /// Whether there is nobody to tell.
    pub(crate) const fn is_silent(&self) -> bool {
        self.silent
    }

    /// A file that could not be used.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::io(&path.display().to_string(), error)
    }

    /// Which kind of failure it is.
    pub(crate) const fn kind(&self) -> Kind {
        self.problem.kind
    }

    /// The failure as a document.
    pub(crate) const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The exit code, by the one table.
    pub(crate) const fn exit_code(&self) -> u8 {
        self.problem.kind.exit_code()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)?;
        match &self.problem.position {
            Some(position) => write!(f, " (at {position})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use base::Kind;

    #[test]
    fn the_exit_code_is_the_kinds() {
        let codes = Kind::ALL.map(|kind| Failure::new(kind, "why").exit_code());
        assert_eq!(codes, [3, 4, 5, 6, 7, 7, 8, 1, 1, 1, 1]);
        assert!(!codes.contains(&0) && !codes.contains(&2));
    }
}
