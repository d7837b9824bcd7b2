//! The audit service over a real store, a real directory and real keys.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

mod foreign;
mod golden;
mod house;
mod publication;
mod refusals;
