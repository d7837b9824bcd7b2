//! The Okta system log.

use crate::Rule;

pub(crate) const RULES: &[Rule] = rules![];
