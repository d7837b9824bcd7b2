//! `ledger` and `rules`.

use super::Paging;
use base::{Id, Timestamp, noun};
use clap::{Args, Subcommand};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// `ledger`.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Check a whole ledger, or the proof of one entry
    Verify(Verify),
    /// Write the proof of one entry to a file
    Prove(Prove),
    /// Check that one checkpoint of a log continues another
    Consistency(Consistency),
    /// Find entries by who acted, on what, when; the search itself goes on record
    Search(Search),
    /// What is known of logs: pinned keys, and the largest checkpoint verified
    #[command(subcommand)]
    Pins(Pins),
    /// Show origin, keys, size and root
    Show {
        /// The ledger's directory, or the URL where it is served
        log: String,
    },
    /// Ask the server what is committed and what is published
    Status,
    /// How long entries are kept
    #[command(subcommand)]
    Retention(LedgerRetention),
    /// Legal holds: while one stands, nothing expires and nothing is erased
    #[command(subcommand)]
    Hold(LegalHold),
    /// Erase the details of entries, which hold names and free text; the entries stay
    Erase(LedgerErase),
    /// Replace the keys that sign the log; the old and the new ones sign that
    RotateKeys,
    /// Begin another log, where the present one is behind what others remember of it or its files are damaged
    Restart,
}

impl Ledger {
    /// Whether the command needs no server and no credential of one: it works on what its arguments name.
    pub(crate) const fn is_offline(&self) -> bool {
        match self {
            Self::Verify(_) | Self::Consistency(_) | Self::Pins(_) | Self::Show { .. } => true,
            Self::Prove(prove) => prove.log.is_some(),
            Self::Search(_)
            | Self::Status
            | Self::RotateKeys
            | Self::Restart
            | Self::Retention(_)
            | Self::Hold(_)
            | Self::Erase(_) => false,
        }
    }
}

/// Whose word is taken.
#[derive(Debug, Args)]
pub(crate) struct Trusted {
    /// A verifier key of the log to trust, in C2SP form; may be repeated. Else the pinned ones
    #[arg(long, value_name = "VKEY")]
    pub(crate) key: Vec<String>,
    /// A C2SP tlog-policy: logs to trust, witnesses, and the quorum of them that must have cosigned
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Fail where no key of the log is known, instead of taking and pinning those that it names
    #[arg(long)]
    pub(crate) require_pin: bool,
}

/// `ledger verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A ledger's directory, the URL where one is served, or a proof file
    #[arg(value_name = "DIR|URL|FILE")]
    pub(crate) what: String,
    /// Also hold what lies beside the log against it: the files in these directories, of which the first one that was
    /// changed, removed or added is named, and with --data the details in that data directory, which is only read
    #[arg(long, value_name = "DIR", num_args = 0..)]
    pub(crate) deep: Option<Vec<PathBuf>>,
    /// The platform's log of the same node: what it records of this log must be one history, and the log's own. Of a log
    /// by its URL it is looked for beside it
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) platform: Option<String>,
    /// Pass although the platform's log that this log was held against before is not shown, or is another one; and
    /// forget that
    #[arg(long)]
    pub(crate) forget_platform: bool,
    /// Of a proof: the log that it is out of, which must continue it as well as all that --platform records
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) log: Option<String>,
    /// Whose word is taken.
    #[command(flatten)]
    pub(crate) trusted: Trusted,
}

/// `ledger prove`.
#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// The entry, as `ledger search` prints it: its position in the log in use, or LOG/POSITION
    #[arg(value_name = "[LOG/]POSITION")]
    pub(crate) entry: Place,
    /// Where the proof goes; else to standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Make the proof from a ledger's directory, or from the URL where it is served, and ask no server
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) log: Option<String>,
}

/// An entry as it is named: `7` in the log in use, `2/7` in the organization's second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which log of the organization, from 1, if it was said.
    pub(crate) generation: Option<u32>,
    /// Which entry of it.
    pub(crate) position: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.generation {
            Some(generation) => write!(f, "{generation}/{}", self.position),
            None => write!(f, "{}", self.position),
        }
    }
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (generation, position) = match text.split_once('/') {
            Some((generation, position)) => {
                (generation.parse::<u32>().ok().filter(|log| *log > 0).map(Some), position)
            }
            None => (Some(None), text),
        };
        let place = generation.zip(position.parse().ok());
        let place = place.map(|(generation, position)| Self { generation, position });
        place.ok_or("name an entry by its position, such as 7, or with its log, such as 2/7")
    }
}

/// `ledger search`. What is given must all fit; nothing given finds every entry, newest first.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Who acted: the id of a person, an identity or a credential, `administrator`, or a task of ours
    #[arg(long, value_name = "ID|NAME")]
    pub(crate) actor: Option<String>,
    /// An identity that acted, was acted on, or is named
    #[arg(long, value_name = "ID")]
    pub(crate) identity: Option<Id<noun::Identity>>,
    /// What was acted on, or is named in the entry
    #[arg(long, value_name = "ID")]
    pub(crate) object: Option<String>,
    /// The kind, such as identity.quarantined
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Committed at this time or later, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Committed before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Timestamp>,
    /// Which page.
    #[command(flatten)]
    pub(crate) paging: Paging,
}

/// `ledger retention`.
#[derive(Debug, Subcommand)]
pub(crate) enum LedgerRetention {
    /// Show how long entries are kept, what holds them, and from which entry on they are kept now
    Show,
    /// Set how long entries are kept, counted from their arrival
    Set {
        /// In days, 30 to 36525
        #[arg(long)]
        days: u32,
    },
}

/// `ledger hold`.
#[derive(Debug, Subcommand)]
pub(crate) enum LegalHold {
    /// Place a legal hold
    Place {
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Lift a legal hold
    Lift {
        /// Which one: its id
        hold: Id<noun::Hold>,
    },
}

/// `ledger erase`. Name entries, or say how to find them.
#[derive(Debug, Args)]
pub(crate) struct LedgerErase {
    /// Positions of entries, each as N or as FIRST-LAST; those of an earlier log as G/N, as `ledger search` prints them
    #[arg(value_name = "ENTRY")]
    pub(crate) entries: Vec<String>,
    /// All entries of this actor, as in `ledger search`
    #[arg(long, value_name = "ID|NAME")]
    pub(crate) actor: Option<String>,
    /// All entries in which this identity acted, was acted on, or is named
    #[arg(long, value_name = "ID")]
    pub(crate) identity: Option<Id<noun::Identity>>,
    /// All entries about this object, or in which it is named
    #[arg(long, value_name = "ID")]
    pub(crate) object: Option<String>,
    /// Why, for the record
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

/// `ledger consistency`.
#[derive(Debug, Args)]
pub(crate) struct Consistency {
    /// A file with a signed checkpoint, or with a proof that holds one
    pub(crate) old: PathBuf,
    /// Another one of the same log; else the log's own
    pub(crate) new: Option<PathBuf>,
    /// Where the log is, whose tiles lead from one to the other
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) log: String,
    /// Whose word is taken.
    #[command(flatten)]
    pub(crate) trusted: Trusted,
}

/// `ledger pins`.
#[derive(Debug, Subcommand)]
pub(crate) enum Pins {
    /// List the logs that are known
    Ls,
    /// Show what is known of one log, its keys whole
    Show {
        /// The log's name
        origin: String,
    },
    /// Pin keys that you have from elsewhere
    Add {
        /// Verifier keys, in C2SP form
        #[arg(value_name = "VKEY")]
        keys: Vec<String>,
        /// A C2SP tlog-policy: the keys of its `log` lines are pinned, and its quorum of witnesses is asked for from
        /// then on
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Forget a log
    Rm {
        /// The log's name
        origin: String,
    },
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn an_entry_is_named_as_a_search_prints_it() {
        assert_eq!("7".parse::<Place>(), Ok(Place { generation: None, position: 7 }));
        assert_eq!("2/7".parse::<Place>(), Ok(Place { generation: Some(2), position: 7 }));
        for wrong in ["", "/", "/7", "2/", "0/7", "-1/7", "2/7/1", "2.7", "a", "18446744073709551616"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
