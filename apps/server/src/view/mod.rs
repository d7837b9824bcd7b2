//! From the services' models to the wire: free functions, one module a noun.

pub(crate) mod credentials;
pub(crate) mod datasets;
pub(crate) mod events;
pub(crate) mod findings;
pub(crate) mod identities;
pub(crate) mod keys;
pub(crate) mod ledgers;
pub(crate) mod organizations;
pub(crate) mod producers;
pub(crate) mod recovery;
pub(crate) mod response;
pub(crate) mod shreds;
