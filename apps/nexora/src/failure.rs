//! Why a command failed: what is said on standard error, and the exit code.

use api::Problem;
use base::{Fault, Kind};
use std::{fmt, io, path::Path};

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure(Problem);

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
        Self(Problem::new(fault.kind(), message))
    }
}

impl Failure {
    /// A failure that no service names.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Problem::new(kind, message))
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

    /// A file that could not be used.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::io(&path.display().to_string(), error)
    }

    /// The failure as a document.
    pub(crate) const fn problem(&self) -> &Problem {
        &self.0
    }

    /// The exit code, by the one table.
    pub(crate) const fn exit_code(&self) -> u8 {
        self.0.kind.exit_code()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.position {
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
