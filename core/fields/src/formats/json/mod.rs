//! JSON (RFC 8259) and NDJSON, whose bytes leave as they came, white space, forms of numbers and order of
//! members included, but for the values that the policy names.
//!
//! - A JSON document is an array of records or one record; NDJSON has a record on each line that is not blank.
//!   A record is an object.
//! - A value of any type is protected, an object or an array whole; what stands in its place is a string. `null`
//!   stays `null`, and what is absent stays absent. Where a record names a member twice, both are protected.
//! - A field that no record has is refused at the end of the file.
//! - Values are nested 64 deep at most, and a record has at most 16 MiB; both hold before anything is built. A
//!   document that is one record is itself that record.

mod frame;
mod paths;
mod piece;
mod scan;
#[cfg(test)]
mod tests;

pub(super) use frame::{Framer, Piece};
pub(super) use paths::Paths;
pub(super) use piece::Parsed;
