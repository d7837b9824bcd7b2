//! The GitHub audit log.

use crate::Rule;

pub(crate) const RULES: &[Rule] = rules![];
