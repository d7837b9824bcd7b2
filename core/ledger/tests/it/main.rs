//! Logs built by `ledger`, checked by `verify`: whole, resumed, and changed in every way that a file can
//! be changed. Keys here are doubles whose signatures are hashes; `services/audit` repeats the byte
//! flips with real ones.

mod beside;
mod changed;
mod charter;
mod forged;
mod grown;
mod log;
mod proved;
mod published;
mod records;
