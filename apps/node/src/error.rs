//! Why a node does not start.

use crate::config::WrongConfig;
use base::{Fault, Kind};
use std::{io, net::SocketAddr, path::PathBuf};

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data directory cannot be used.
    #[error("the data directory {} cannot be used", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has the data directory.
    #[error(
        "the data directory {} is held by process {owner}: use its socket (--data), or end it first",
        path.display()
    )]
    Held {
        /// Which.
        path: PathBuf,
        /// The process's id.
        owner: String,
    },
    /// A file cannot be used.
    #[error("{what} {} cannot be used", path.display())]
    File {
        /// What it is for.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The root of trust is there, and its passphrase is not.
    #[error(
        "the passphrase of the root of trust {} is missing: give root_passphrase_file or NEXORA_ROOT_PASSPHRASE",
        .path.display()
    )]
    NoPassphrase {
        /// The root's file.
        path: PathBuf,
    },
    /// There is data that a root of trust wrapped, and no root.
    #[error(
        "the root of trust of {} is not at {}: say where it is (root in the configuration, NEXORA_ROOT), put its \
         backup back (nexora keys root restore), or, where both are lost, begin with a fresh one under which \
         custodians recover the keys (nexora keys root replace)",
        .data.display(), .path.display()
    )]
    NoRoot {
        /// The data directory.
        data: PathBuf,
        /// Where the root's record was looked for.
        path: PathBuf,
    },
    /// Another process has the root of trust.
    #[error(
        "the root of trust {} is held by process {owner}: give each data directory a root of its own (root in the \
         configuration, NEXORA_ROOT, serve --root), or end it first",
        path.display()
    )]
    RootHeld {
        /// The root's directory.
        path: PathBuf,
        /// The process's id.
        owner: String,
    },
    /// The root of trust is of a store that is not here.
    #[error(
        "the root of trust {} has the keys of other data than {}: put the data directory back that it \
         belongs to, or name another root (root in the configuration, NEXORA_ROOT, serve --root); where that data is \
         gone for good, move the root away",
        .path.display(), .data.display()
    )]
    RootOfOthers {
        /// The data directory.
        data: PathBuf,
        /// The root's directory.
        path: PathBuf,
    },
    /// Others could have put the root of trust there, or could reach it.
    #[error(
        "{} {why}, and holds the root of trust: if this user did not put it there, move it away; else let nobody but \
         this user own and reach it (chown, chmod go-rwx)",
        .path.display()
    )]
    RootNotPrivate {
        /// The root's directory, or a file in it.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody said where the root of trust stands, and beside the data directory it should not.
    #[error(
        "{} is a volume of its own, and what is beside it may not last: say where the root of trust is to stand \
         (root in the configuration, NEXORA_ROOT, serve --root)",
        .data.display()
    )]
    RootPlace {
        /// The data directory.
        data: PathBuf,
    },
    /// The data directory is a node's, or that of a first start that was cut off.
    #[error(
        "{} is begun and holds no key of a witness: give a witness a directory of its own, or remove what a first start \
         that was cut off has left there",
        .path.display()
    )]
    NoWitness {
        /// Which.
        path: PathBuf,
    },
    /// A witness that does not know what it has cosigned.
    #[error(
        "the witness of {} has its key and not its memory: what it signs could contradict what it has signed; put the \
         whole directory back, or begin a new witness with a new key elsewhere",
        .path.display()
    )]
    Forgotten {
        /// Which.
        path: PathBuf,
    },
    /// A certificate or key that cannot be used.
    #[error("{0}")]
    Certificate(#[from] server::tls::WrongCertificate),
    /// An address that others reach, in the clear.
    #[error(
        "{0} is reached by other machines, so TLS is needed: give --tls-certificate and --tls-key, or listen on 127.0.0.1"
    )]
    Clear(SocketAddr),
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The configuration is wrong.
    #[error("{0}")]
    Config(#[from] WrongConfig),
    /// A part of the house does not start.
    #[error("{part} does not start: {detail}")]
    Part {
        /// Which.
        part: &'static str,
        /// Its kind of failure.
        kind: Kind,
        /// What it says.
        detail: String,
    },
}

impl Error {
    /// What a part says when it does not start.
    pub(crate) fn part<E: Fault + 'static>(part: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Part { part, kind: error.kind(), detail: crate::runner::chain(&error) }
    }
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Held { .. } | Self::RootHeld { .. } | Self::RootOfOthers { .. } => Kind::Conflict,
            Self::RootNotPrivate { .. } => Kind::BadInput,
            Self::Directory { source, .. } | Self::File { source, .. } | Self::Listen { source, .. } => {
                match source.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::Full,
                    io::ErrorKind::AddrInUse => Kind::Conflict,
                    _ => Kind::BadInput,
                }
            }
            Self::Certificate(_) | Self::Clear(_) | Self::NoPassphrase { .. } | Self::RootPlace { .. } => {
                Kind::BadInput
            }
            Self::NoRoot { .. } => Kind::NotFound,
            Self::NoWitness { .. } | Self::Forgotten { .. } => Kind::Conflict,
            Self::Config(error) => error.kind(),
            Self::Part { kind, .. } => *kind,
        }
    }
}
