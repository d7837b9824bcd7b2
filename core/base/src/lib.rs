//! The words every part of Nexora speaks: typed ids, the [`Context`] that opens the one door to
//! organization data, time as a value, secrets that do not print, error kinds and paging.
//!
//! Nothing here knows a product rule, does I/O, reads a clock or draws a random number.
#![forbid(unsafe_code)]

pub mod action;
pub mod base32;
pub mod clock;
pub mod context;
pub mod digest;
pub mod error;
pub mod id;
pub mod noun;
pub mod page;
pub mod secret;
pub mod severity;

pub use action::Action;
pub use clock::{Clock, Timestamp};
pub use context::{Actor, Context, Role};
pub use error::{Fault, Kind};
pub use id::Id;
pub use page::{Limit, Page};
pub use secret::Secret;
pub use severity::Severity;
