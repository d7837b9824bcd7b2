//! The one integration binary of the product tests.
#![forbid(unsafe_code)]

mod docs;
mod house;
