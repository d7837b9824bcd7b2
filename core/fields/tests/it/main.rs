//! The crate from outside: files through protect and reveal, and everything that must not open.

mod batches;
mod csv;
mod manifest;
mod oracle;
mod refused;
mod world;
