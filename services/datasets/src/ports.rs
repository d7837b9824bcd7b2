//! The ports: [`Destination`], where outputs stand, and [`TokenVault`], which knows what tokens stand for.
//! Every implementation runs its suite in `conformance.rs`.

use crate::Location;
use base::{Context, Fault, Id, Kind, Secret, noun};
use bytes::Bytes;
use crypto::FieldKey;
use futures::future::BoxFuture;
use std::{fmt, io};

/// Where outputs stand with their manifests, so that the node can protect them anew by itself.
///
/// An output and its manifest are a pair. [`Stage::replace`] puts another pair in their place; whenever it is cut
/// off, the bytes of one whole pair are there, and [`settle`](Self::settle) completes or discards what was begun.
pub trait Destination: Send + Sync + 'static {
    /// Whether this node may write there. Asked before anything else; says nothing of whether a file is there.
    fn writable(&self, location: &Location) -> bool;

    /// Begins to read the pair that stands there.
    fn read<'a>(&'a self, location: &'a Location) -> BoxFuture<'a, Result<Stored, DestinationError>>;

    /// Begins to write another pair, which nobody sees before [`Stage::replace`].
    fn stage<'a>(&'a self, location: &'a Location)
    -> BoxFuture<'a, Result<Box<dyn Stage>, DestinationError>>;

    /// Completes a replacement that was cut off after its new pair was whole, and discards one that was cut off
    /// before, or whose place another pair has taken since. Nothing to do is no error.
    fn settle<'a>(&'a self, location: &'a Location) -> BoxFuture<'a, Result<(), DestinationError>>;
}

/// A pair that is being read.
pub struct Stored {
    /// The manifest file.
    pub manifest: Vec<u8>,
    /// The output.
    pub data: Box<dyn Source>,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stored(a manifest of {} bytes)", self.manifest.len())
    }
}

/// An output that is being read, piece by piece.
pub trait Source: Send {
    /// The next piece; `None` at its end.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, DestinationError>>;
}

/// A pair that is being written. Dropped, it never was.
pub trait Stage: Send {
    /// Appends to the output.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), DestinationError>>;

    /// Makes the output durable, before its run goes on record.
    fn sync(&mut self) -> BoxFuture<'_, Result<(), DestinationError>>;

    /// Puts the pair, with this manifest, in the place of the one whose manifest is `old`, durably.
    fn replace<'a>(
        self: Box<Self>,
        old: &'a [u8],
        manifest: &'a [u8],
    ) -> BoxFuture<'a, Result<(), DestinationError>>;
}

/// A failure of a destination.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// This node may not write there.
    #[error("this node may not write at {location}: name its directory in the setting `destinations`")]
    NotWritable {
        /// Where.
        location: Location,
    },
    /// Another pair stands there than the one that was read.
    #[error("another output was put at {location} meanwhile; it was left as it is")]
    Replaced {
        /// Where.
        location: Location,
    },
    /// It cannot be read or written.
    #[error("{location} cannot be read or written")]
    Io {
        /// Where.
        location: Location,
        /// What failed.
        source: io::Error,
    },
}

impl Fault for DestinationError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotWritable { .. } => Kind::BadInput,
            Self::Replaced { .. } => Kind::Conflict,
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => Kind::Full,
                io::ErrorKind::NotFound => Kind::NotFound,
                _ => Kind::Unavailable,
            },
        }
    }
}

/// The values of some tokens, in their order; `None` for a token that is not known.
pub type Values = Vec<Option<Secret<Vec<u8>>>>;

/// Which tokens are meant, and the key that their values stand under: those of one field of one dataset under one
/// version of its field key.
#[derive(Debug, Clone)]
pub struct VaultField {
    /// The dataset.
    pub dataset: Id<noun::Dataset>,
    /// The field's path.
    pub field: String,
    /// The version of its field key.
    pub key: Id<noun::Key>,
    /// The field key, for [`FieldAlgorithm::Token`](crypto::FieldAlgorithm::Token).
    pub secret: FieldKey,
}

/// Knows what tokens stand for.
///
/// A value has one token in its field, however often and by whomever it is asked for, and a token stands for one
/// value, in its field only. A token is random: it says nothing of its value but the class of its length. What was
/// given out is durable.
pub trait TokenVault: Send + Sync + 'static {
    /// The tokens of these values, in their order; those of new values are made. One call is one batch, however
    /// many values it has.
    fn tokens<'a>(
        &'a self,
        ctx: &'a Context,
        field: &'a VaultField,
        values: &'a [Secret<Vec<u8>>],
    ) -> BoxFuture<'a, Result<Vec<String>, VaultError>>;

    /// The values of these tokens, in their order; `None` for a token that this field does not know.
    fn values<'a>(
        &'a self,
        ctx: &'a Context,
        field: &'a VaultField,
        tokens: &'a [String],
    ) -> BoxFuture<'a, Result<Values, VaultError>>;
}

/// A failure of a token vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// What it keeps does not open.
    #[error("the vault's value of a token does not open: the vault is damaged or was changed by hand")]
    Damaged(#[source] crypto::Error),
    /// The vault cannot be reached.
    #[error("the vault of tokens could not be read or written")]
    Store(#[from] store::Error),
}

impl Fault for VaultError {
    fn kind(&self) -> Kind {
        match self {
            Self::Damaged(_) => Kind::CheckFailed,
            Self::Store(error) => error.kind(),
        }
    }
}
