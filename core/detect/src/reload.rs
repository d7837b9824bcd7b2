//! Another pack in place of the one in use.
//!
//! A pack is compiled and its rules' samples are run before anything changes; one that is bad changes nothing. It takes
//! effect at one place of each shard's log: what stands before is judged by the old pack, what stands behind by the new
//! one. What is counted of correlations that mean the same in both goes on ([`Correlator::go_on_with`]).
//!
//! [`Correlator::go_on_with`]: crate::Correlator::go_on_with

use crate::pack::{Pack, RuleText, Skipped};
use crate::samples::{self, Case, Outcome};
use base::{Fault, Kind};

/// Rules that do not come into use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A file does not load.
    #[error("{} of the rule files do not load, the first is {}: {}; the pack in use stays", .0.len(), first(.0).0, first(.0).1)]
    NotLoaded(Vec<Skipped>),
    /// A rule does not do what its samples say.
    #[error("{} of the rules fail their samples, the first is {}: {}; the pack in use stays", .0.len(), told(.0).0, told(.0).1)]
    Samples(Vec<Outcome>),
}

impl Fault for Refused {
    fn kind(&self) -> Kind {
        Kind::BadInput
    }
}

fn first(skipped: &[Skipped]) -> (&str, String) {
    skipped.first().map_or(("", String::new()), |one| (one.path.as_str(), one.reason.to_string()))
}

fn told(outcomes: &[Outcome]) -> (&str, &str) {
    outcomes
        .first()
        .map_or(("", ""), |one| (one.path.as_str(), one.problems.first().map_or("", String::as_str)))
}

/// The pack of rules with samples and rules without, once all load and every sample is judged as it says.
///
/// # Errors
/// [`Refused`]: what is in use stays in use.
pub fn prepare(cases: &[Case<'_>], others: &[RuleText<'_>]) -> Result<Pack, Refused> {
    let of_cases = cases.iter().map(|case| RuleText { path: case.path, text: case.rule });
    let texts: Vec<_> = of_cases.chain(others.iter().copied()).collect();
    let (pack, skipped) = Pack::compile(&texts);
    if !skipped.is_empty() {
        return Err(Refused::NotLoaded(skipped));
    }
    let failed: Vec<_> = samples::run(cases).into_iter().filter(|outcome| !outcome.passed()).collect();
    if failed.is_empty() { Ok(pack) } else { Err(Refused::Samples(failed)) }
}
