//! The audit service over a real store, a real directory and real keys.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

mod anchored;
mod behind;
mod erasing;
mod foreign;
mod golden;
mod house;
mod ordering;
mod pruned;
mod publication;
mod recorded;
mod refusals;
mod retention;
mod rotation;
mod search;
mod witnesses;
