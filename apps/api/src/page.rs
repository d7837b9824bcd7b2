//! One page of a list, as it stands on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One page of a list. `next` is opaque: hand it back as `after` to get the page behind this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
