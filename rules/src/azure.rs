//! Azure: activity log, Entra audit and sign-ins, risk detections.

use crate::Rule;

pub(crate) const RULES: &[Rule] = rules![];
