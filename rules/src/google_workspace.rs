//! Google Workspace.

use crate::Rule;

pub(crate) const RULES: &[Rule] = rules![];
