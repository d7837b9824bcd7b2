//! Tool calls of AI agents.

use crate::Rule;

pub(crate) const RULES: &[Rule] = rules![];
