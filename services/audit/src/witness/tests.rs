//! Witness and log, over a store and witnesses in memory.
