//! Typed ids: sixteen bytes and a noun.

use crate::noun::Noun;
use crate::{Timestamp, base32};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{cmp::Ordering, fmt, hash, marker::PhantomData, str::FromStr};

/// The id of one thing of noun `T`: sixteen opaque bytes, in text `prefix_` and 26 characters of
/// [base 32](crate::base32), such as `fnd_01hzy3…`.
///
/// Ids that are handed out begin with the time ([`Id::fresh`]), so that they sort by age; ids of
/// things that the world names are hashes of that name ([`Id::derived`]).
pub struct Id<T> {
    bytes: [u8; 16],
    noun: PhantomData<fn() -> T>,
}

impl<T: Noun> Id<T> {
    /// An id from its sixteen bytes, as stored or as hashed.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { bytes, noun: PhantomData }
    }

    /// A new id: six bytes of milliseconds since 1970, then ten random ones.
    #[must_use]
    pub fn fresh(now: Timestamp, random: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        let millis = u64::try_from(now.millis()).unwrap_or(0).to_be_bytes();
        bytes[..6].copy_from_slice(&millis[2..]);
        bytes[6..].copy_from_slice(&random);
        Self::from_bytes(bytes)
    }

    /// The id of something that the world names: the first sixteen bytes of
    /// [`digest::of_parts`](crate::digest::of_parts), so that every node and every replay comes to the
    /// same one.
    #[must_use]
    pub fn derived(domain: &str, parts: &[&[u8]]) -> Self {
        let hash = crate::digest::of_parts(domain, parts);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        Self::from_bytes(bytes)
    }

    /// The id in a stored slice; `None` unless it has sixteen bytes.
    #[must_use]
    pub fn from_slice(slice: &[u8]) -> Option<Self> {
        slice.try_into().ok().map(Self::from_bytes)
    }

    /// The sixteen bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// The 26 characters without the prefix, for use inside other text such as a path or a token.
    #[must_use]
    pub fn bare(&self) -> String {
        base32::encode(&self.bytes)
    }

    /// The id whose [`bare`](Self::bare) text this is.
    ///
    /// # Errors
    /// [`WrongId`] where the text is no 26 characters of base 32.
    pub fn from_bare(text: &str) -> Result<Self, WrongId> {
        base32::decode(text).map(Self::from_bytes).ok_or(WrongId { noun: T::NAME, prefix: T::PREFIX })
    }
}

/// A text that is no id of the noun that was wanted. It does not repeat the text, which may be a secret
/// pasted into the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of a {noun}: expected `{prefix}_` and 26 characters of 0-9a-z")]
pub struct WrongId {
    noun: &'static str,
    prefix: &'static str,
}

impl<T: Noun> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", T::PREFIX, self.bare())
    }
}

impl<T: Noun> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T: Noun> FromStr for Id<T> {
    type Err = WrongId;

    fn from_str(text: &str) -> Result<Self, WrongId> {
        text.strip_prefix(T::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .map_or(Err(WrongId { noun: T::NAME, prefix: T::PREFIX }), Self::from_bare)
    }
}

impl<T: Noun> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: Noun> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

// Written out, because a derive would ask the noun for what only the bytes have to do.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}
impl<T> hash::Hash for Id<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::Id;
    use crate::{Timestamp, noun};

    #[test]
    fn text_round_trips_and_refuses_another_noun() {
        let id: Id<noun::Finding> = Id::fresh(Timestamp::from_millis(1_700_000_000_000), [7; 10]);
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        assert!(text.parse::<Id<noun::Dataset>>().is_err());
        assert!(text.to_uppercase().parse::<Id<noun::Finding>>().is_err());
        let json = serde_json::to_string(&id).expect("an id is a string");
        assert_eq!(serde_json::from_str::<Id<noun::Finding>>(&json).ok(), Some(id));
    }

    #[test]
    fn fresh_ids_sort_by_age() {
        let at = |ms| Id::<noun::Batch>::fresh(Timestamp::from_millis(ms), [255; 10]);
        assert!(at(1_000) < at(2_000));
        assert!(at(1_000).to_string() < at(2_000).to_string());
    }
}
