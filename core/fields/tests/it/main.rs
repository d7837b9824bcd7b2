//! The crate from outside: files through protect and reveal, and everything that must not open.

mod batches;
mod csv;
mod manifest;
mod refused;
mod world;
