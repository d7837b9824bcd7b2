//! The port over a server that speaks S3, which each test starts itself: one by others, with its own idea of what S3 is.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

mod ledger;
mod s3;
mod storage;
