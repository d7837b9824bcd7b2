//! Paging: every list is cut, and says where to go on.

use serde::{Deserialize, Serialize};

/// How many rows a page may hold: 1 to 1,000, else 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Limit(u32);

impl Limit {
    /// The largest page.
    pub const MAX: u32 = 1_000;

    /// The number of rows.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

/// A page size outside 1 to 1,000.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a page has 1 to 1000 rows")]
pub struct WrongLimit;

impl TryFrom<u32> for Limit {
    type Error = WrongLimit;

    fn try_from(rows: u32) -> Result<Self, WrongLimit> {
        if (1..=Self::MAX).contains(&rows) { Ok(Self(rows)) } else { Err(WrongLimit) }
    }
}

impl From<Limit> for u32 {
    fn from(limit: Limit) -> Self {
        limit.0
    }
}

/// One page of a list. `next` is opaque: hand it back to get the page after this one; `None` at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page with every row converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), next: self.next }
    }
}
