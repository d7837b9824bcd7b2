//! Cloud identities at work, from a seed: the events as their provider would deliver them, with attacks
//! injected and labelled. For the demo, the benchmarks and the tests.
//!
//! Pure and deterministic: the same [`Scenario`] gives the same bytes on every machine. Events come in the
//! order of time, made one by one as they are asked for, so that a million identities and any number of
//! activities fit in memory. An event is AWS CloudTrail's JSON, about 1.2 KB.
//!
//! The numbers inside are predictable and serve no secret. Every name, key and address is made up:
//! addresses are from RFC 1918 and RFC 2544, domains from RFC 2606.
#![forbid(unsafe_code)]

mod attacks;
mod calls;
mod cast;
mod engine;
mod event;
mod intrusion;
mod label;
mod random;
mod scenario;
mod template;

pub use attacks::Plot;
pub use engine::{Event, Simulation};
pub use label::{Chain, Label};
pub use scenario::{Attacks, MAX_IDENTITIES, MIN_IDENTITIES, Scenario, Spread, WrongScenario};
