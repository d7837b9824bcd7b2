//! File formats of datasets, to and from batches.

pub mod csv;
