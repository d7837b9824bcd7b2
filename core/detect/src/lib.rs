//! (state, activity) → findings, with reasons. Pure: time comes in with the activity, state as a value.
//!
//! - A [`Pack`] is compiled Sigma rules. It names the raw fields it reads ([`Pack::fields`]), which
//!   `events` puts in slots; nothing here sees JSON but keyword search, which has no field.
//! - A [`Correlator`] counts what matched within a time span; a rule that only a correlation needs does not speak
//!   for itself.
//! - [`behaviour`] compares an activity with what its identity and its peers are known to do.
//! - A [`Judge`] asks the pack, and the behaviour models with a [`ShardState`].
//! - A [`sequence`] is the steps of an attack, in order, as one finding.
//! - [`incident`] groups findings that one attack explains.
//! - [`samples`] runs a rule on the events it is written for and on those it must not match.
//! - [`reload`] puts another pack in place of the one in use, or refuses it.
//! - A crowd of the unknown is told together, so that a flood is few writes (`crowd`).
//! - [`lint`] says what is wrong with a rule that loads.
//!
//! Behaviour signals are medium at most: they alone never tip a quarantine.
#![forbid(unsafe_code)]

pub mod behaviour;
pub mod correlate;
mod crowd;
pub mod finding;
pub mod incident;
mod judge;
pub mod lint;
mod ocsf;
pub mod pack;
pub mod reload;
mod route;
pub mod samples;
pub mod sequence;
pub mod sigma;
mod siphash;
mod state;

pub use behaviour::{ESTABLISHED_ACTIVITIES, ESTABLISHED_MICROS};
pub use correlate::Correlator;
pub use finding::{Detector, Finding, Trigger};
pub use incident::Incident;
pub use judge::Judge;
pub use pack::{Options, Pack, RuleText, Skipped};
pub use state::{MAX_IDENTITIES, MODEL_VERSION, PassedOver, SHARDS, ShardState, WrongSnapshot, shard_of};
