//! Google Cloud audit logs.

use crate::Rule;

pub(crate) const RULES: &[Rule] = rules![];
