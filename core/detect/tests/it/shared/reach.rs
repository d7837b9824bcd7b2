//! Which of the shared rules can fire on what is read here, and which cannot, each with its field.

use super::rules;
use detect::{Pack, RuleText, lint};

#[test]
fn what_cannot_fire_is_named() {
    let rules = rules();
    let texts: Vec<_> = rules.iter().map(|(path, text)| RuleText { path, text }).collect();
    let (pack, _) = Pack::compile(&texts);
    let mut out = String::new();
    let mut cannot = 0;
    for rule in pack.rules() {
        let reach = lint::reach(&pack, rule);
        assert!(!reach.formats.is_empty(), "{}: no format has its logs", rule.path);
        cannot += usize::from(!reach.can_fire);
        if !reach.unknown.is_empty() {
            let name = rule.path.rsplit('/').next().unwrap_or_default();
            out.push_str(&format!(
                "{name} {:?} {}\n",
                reach.unknown,
                if reach.can_fire { "fires" } else { "cannot fire" }
            ));
        }
    }
    assert_eq!(out, include_str!("reach.txt"), "\n{out}");
    assert!(cannot < 5, "{cannot} of {} rules cannot fire", rules.len());
}
