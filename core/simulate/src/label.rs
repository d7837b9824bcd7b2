//! What is known of an injected event, and the file of it.

use crate::attacks::Plot;
use serde::{Deserialize, Serialize};

/// The truth about one event that belongs to an attack. Events without a label are benign.
///
/// A label file holds one label to a line (NDJSON), in the order of events; `docs/formats/labels.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The event's place among all events of the simulation, from 0.
    pub event_index: u64,
    /// The event's own id (`eventID`).
    pub event_id: String,
    /// The chain: the plot's code and its number in the simulation, such as `stolen-key/2`.
    pub chain: String,
    /// The step of the chain, from 0. Repeated calls of one step share it.
    pub step: u32,
    /// Whether it is the chain's last step.
    pub last: bool,
    /// ATT&CK technique.
    pub technique: String,
    /// Who acts, as the log names it: the access key, or the ARN of the role or user.
    pub identity: String,
}

/// One chain of a simulation, as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// As in [`Label::chain`].
    pub name: String,
    /// The kind of attack.
    pub plot: Plot,
    /// Whose credentials the intruder has, as in [`Label::identity`].
    pub identity: String,
}

impl Label {
    /// The line of the label file, without its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        // Strings, numbers and booleans always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}
