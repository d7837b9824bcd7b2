//! Bytes → records → activities: what a log says, in one form, whatever its source.
//!
//! The way of an event, and what each step may rely on:
//!
//! 1. [`inflate`]: bytes of a request body or a file → plain bytes, within limits.
//! 2. [`frame`]: plain bytes → the events in them, each with its index. Finds where an event begins and
//!    ends; judges none.
//! 3. [`Record::read`]: one event → a [`Record`]: size and depth are checked before a parser sees it,
//!    then it is parsed, recognised and **redacted**. Nothing later ever holds an event as received.
//! 4. [`Record::activity`]: a record → an [`Activity`] in OCSF terms, with the raw fields that a
//!    [`FieldSet`] asks for, borrowed from the record.
//!
//! An event that cannot take a step is a [`Reject`] with its index and reason and stops no other. Pure:
//! no I/O, no clock; the redaction key comes in as an argument.
#![forbid(unsafe_code)]

pub mod activity;
mod class;
mod envelope;
pub mod fields;
pub mod format;
pub mod frame;
pub mod glance;
pub mod inflate;
pub mod ocsf;
pub mod principal;
pub mod record;
pub mod redact;
pub mod reject;
mod scan;
mod secrets;
mod source;
mod sources;

pub use activity::{Activity, Class, Logsource, Outcome};
pub use fields::{FieldSet, Number, Slots, Value};
pub use format::Format;
pub use frame::{Framed, Frames, frame};
pub use glance::Glance;
pub use inflate::{Encoding, Inflater, Limits, inflate, inflate_within};
pub use principal::{Facts, IdentityKey, IdentityKind, Principal, PrincipalKind, Session};
pub use record::{Record, Sight};
pub use redact::Redactor;
pub use reject::{Reason, Reject};
