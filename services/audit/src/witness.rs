//! Witnesses: others who remember a log, and say so under every checkpoint (C2SP tlog-witness).
//!
//! Both sides stand here. [`Quorum`] is the log's: it asks the witnesses of a policy file (C2SP tlog-policy) to cosign
//! a checkpoint before that is published, and at start what they remember. [`Witnessing`] is the witness's: it
//! compares a checkpoint with the last one it cosigned for that log, keeps the new one, and only then answers.
//! What is asked and what may be signed are decided by `verify::witness`; HTTP stands in `backends/witness` and
//! `apps/server`.
//!
//! # What is promised
//! - No two trees of one log that do not continue each other get a cosignature from one witness, whatever comes
//!   at the same time and wherever the process dies: compare and keep are one transaction, before the answer.
//! - A cosignature is believed once it was verified with the key that the policy names, and lines of nobody else
//!   get into a checkpoint.
//! - Which witnesses a log has stands in the log itself (`ledger.witnesses_set`), before the first line of theirs.

mod keys;
mod ports;
mod quorum;
mod serving;
mod setting;
mod tables;

pub use keys::{WitnessKeys, WrongKeyFile};
pub use ports::{Unanswered, Witness};
pub use quorum::{Connect, Quorum, WrongQuorum};
pub use serving::{Denied, Witnessing};
pub use setting::{Settings, Settled, TooLarge};
pub use tables::SCHEMA;
pub(crate) use {setting::next_in_log, tables::policies};
