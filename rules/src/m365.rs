//! The Microsoft 365 unified audit log.

use crate::Rule;

pub(crate) const RULES: &[Rule] = rules![];
