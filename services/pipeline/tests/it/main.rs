//! The pipeline over a real store, and over a disk that fails.

mod crash;
#[path = "../../../stream/tests/it/faulty.rs"]
mod faulty;
mod house;
mod ingest;
mod tailing;
