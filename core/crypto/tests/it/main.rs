//! The crate from outside: published vectors through our provider, foreign implementations on the other
//! side, golden files, and everything that must not open.

mod documents;
mod golden;
mod hpke;
mod signatures;
mod values;
mod wycheproof;
