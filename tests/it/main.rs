//! The one integration binary of the product tests.
#![forbid(unsafe_code)]

mod crash;
mod disk;
mod docs;
mod errors;
mod house;
mod ratchets;
mod serve;
mod spine;
