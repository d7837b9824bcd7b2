//! The crate from outside: published vectors through our provider, foreign implementations on the other
//! side, golden files, and everything that must not open.

mod deterministic;
mod documents;
mod field_ciphers;
mod fork;
mod golden;
mod hpke;
mod oracle;
mod places;
mod properties;
mod python;
mod reader;
mod signatures;
mod values;
mod wycheproof;
