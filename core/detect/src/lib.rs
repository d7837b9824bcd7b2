//! (state, activity) → findings, with reasons. Pure: time comes in with the activity, state as a value.
#![forbid(unsafe_code)]

pub mod finding;

pub use finding::{Detector, Finding, Trigger};
