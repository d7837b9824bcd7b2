//! The rules that judge: our own, compiled once at start.

use detect::{Pack, RuleText};
use std::sync::Arc;

/// The rules that come with the product, compiled.
pub(crate) fn bundled() -> Arc<Pack> {
    let texts: Vec<RuleText<'static>> =
        rules::ALL.iter().map(|rule| RuleText { path: rule.name, text: rule.text }).collect();
    let (pack, skipped) = Pack::compile(&texts);
    for skipped in &skipped {
        tracing::error!(rule = skipped.path, reason = ?skipped.reason, "a rule of ours does not load");
    }
    Arc::new(pack)
}
