//! A log renewed: by other keys, or by another log.

use super::LedgerStatus;
use crate::operation::{Nothing, operations};
use ledger::Kind;

operations! {
    /// Replaces the keys that sign the organization's log, by an entry that the old and the new ones sign.
    RotateKeys: "ledger.rotate_keys", Post "/api/v1/ledger/keys", LedgerRotate, Some(Kind::LedgerKeysRotated),
        Nothing => LedgerStatus;
    /// Begins another log where the present one is behind what others remember of it, or its files are damaged: its
    /// first entry names the last known checkpoint. Refused where the log is in order. The platform's takes every
    /// organization's with it.
    Restart: "ledger.restart", Post "/api/v1/ledger/restart", LedgerRestart, Some(Kind::LedgerStarted),
        Nothing => LedgerStatus;
}
