//! The one integration binary of the product tests.
#![forbid(unsafe_code)]

mod crash;
mod demo;
mod disk;
mod docs;
mod errors;
mod full;
mod house;
mod ratchets;
mod secrets;
mod serve;
mod shared;
mod simulated;
mod spine;
mod transports;
