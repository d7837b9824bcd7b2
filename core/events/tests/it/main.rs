//! Events from outside: samples of each kind of principal, redaction, limits, hostile input.

mod hostile;
mod inflating;
mod ocsf;
mod principals;
mod redaction;
mod shared;
mod sources;
