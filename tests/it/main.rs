//! The one integration binary of the product tests.
#![forbid(unsafe_code)]
#![expect(clippy::panic, reason = "a panic in a test's helper is a failure of that test")]

mod anew;
mod canary;
mod care;
mod crash;
mod custody;
mod demo;
mod disk;
mod docs;
mod errors;
mod expiry;
mod formats;
mod full;
mod house;
mod hunt;
mod keys;
mod ledger;
mod ledger_kept;
mod ledger_witness;
mod ratchets;
mod renewal;
mod reveals;
mod roots;
mod secrets;
mod serve;
mod served;
mod shared;
mod shreds;
mod simulated;
mod spine;
mod stored;
mod transports;
mod wasm;
