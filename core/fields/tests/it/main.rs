//! The crate from outside: files through protect and reveal, and everything that must not open.

mod batches;
mod csv;
mod encrypted;
mod faults;
mod files;
mod golden;
mod json;
mod manifest;
mod modes;
mod oracle;
mod parquet;
mod python;
mod random;
mod refused;
mod stranger;
mod world;
