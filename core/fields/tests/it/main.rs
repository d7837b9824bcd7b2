//! The crate from outside: files through protect and reveal, and everything that must not open.

mod batches;
mod csv;
mod manifest;
mod modes;
mod oracle;
mod random;
mod refused;
mod world;
