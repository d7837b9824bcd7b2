//! The nouns that ids name. A noun is a type without values; its prefix stands before every id of
//! that noun in text, so that an id pasted into the wrong place is refused rather than looked up.

/// What an [`Id`](crate::Id) can name.
pub trait Noun: 'static {
    /// The word before the underscore in text, such as `fnd` in `fnd_01h…`.
    const PREFIX: &'static str;
    /// The noun in full, for messages.
    const NAME: &'static str;
}

macro_rules! nouns {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $full:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {}
        impl Noun for $name {
            const PREFIX: &'static str = $prefix;
            const NAME: &'static str = $full;
        }
    )*};
}

nouns! {
    /// A tenant. The platform is itself one.
    Organization = "org", "organization";
    /// A machine identity, or the cloud user that owns one.
    Identity = "idn", "identity";
    /// A human who signs in to Nexora.
    Person = "per", "person";
    /// An opaque credential that Nexora issued.
    Credential = "crd", "credential";
    /// One request, as it runs through the house and into the ledger.
    Request = "req", "request";
    /// A finding of the detection engine.
    Finding = "fnd", "finding";
    /// A dataset whose fields are protected.
    Dataset = "dst", "dataset";
    /// A key of the key hierarchy (one version of it).
    Key = "key", "key";
    /// A party that protects data with a dataset's public key and signs the manifests.
    Producer = "prd", "producer";
    /// A batch of events as accepted by the pipeline.
    Batch = "bat", "batch";
    /// A run of protect or reveal over one dataset.
    Job = "job", "job";
    /// A request that a second person must approve.
    Approval = "apr", "approval";
    /// A declared breach.
    Breach = "brc", "breach";
    /// One of those who hold a share of the recovery key.
    Custodian = "cus", "custodian";
    /// A ceremony in which custodians put their shares together.
    Ceremony = "cer", "ceremony";
    /// A legal hold: while it stands, nothing of the ledger expires.
    Hold = "hld", "hold";
}
