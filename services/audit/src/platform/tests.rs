//! The log of logs.
