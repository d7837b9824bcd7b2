//! (state, activity) → findings, with reasons. Pure: time comes in with the activity, state as a value.
//!
//! - A [`Pack`] is compiled Sigma rules. It names the raw fields it reads ([`Pack::fields`]), which
//!   `events` puts in slots; nothing here sees JSON but keyword search, which has no field.
//! - A [`Correlator`] counts what matched within a time span; a rule that only a correlation needs does not speak
//!   for itself.
//! - A [`Judge`] asks the pack and the identity's profile in a [`ShardState`].
//! - [`incident`] groups findings that one attack explains.
//! - [`samples`] runs a rule on the events it is written for and on those it must not match.
//! - [`lint`] says what is wrong with a rule that loads.
//!
//! Behaviour signals are medium at most: they alone never tip a quarantine.
#![forbid(unsafe_code)]

pub mod correlate;
pub mod finding;
pub mod incident;
mod judge;
pub mod lint;
mod ocsf;
pub mod pack;
mod profile;
pub mod samples;
pub mod sigma;
mod siphash;
mod state;

pub use correlate::Correlator;
pub use finding::{Detector, Finding, Trigger};
pub use incident::Incident;
pub use judge::Judge;
pub use pack::{Pack, RuleText, Skipped};
pub use profile::{ESTABLISHED_ACTIVITIES, ESTABLISHED_MICROS, FIRST_SEEN_ACTION};
pub use state::{MAX_IDENTITIES, MODEL_VERSION, SHARDS, ShardState, WrongSnapshot, shard_of};
