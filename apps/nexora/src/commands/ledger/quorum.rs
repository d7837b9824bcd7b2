//! Whether the quorum that the user asks for is met: by the log's own checkpoint, or by that of the platform's log that
//! records it. Witnesses usually cosign the platform's log alone.

use super::platform::Said;
use super::signatures;
use super::verify::Witnesses;
use crate::failure::Failure;
use base::Kind;
use serde::Serialize;
use verify::quorum::Policy;
use verify::trust::Vouched;
use verify::{Pins, Problem, Report};

/// The platform's log whose checkpoint met the quorum.
#[derive(Debug, Serialize)]
pub(super) struct Over {
    /// Its name.
    pub(super) origin: String,
    /// How many entries of the log stand in what it records.
    pub(super) covers: u64,
}

/// Takes the quorum out of what is held against a log alone. What else the policy says stays: its witnesses may cosign, and
/// the keys that it names of that log, without a name of all logs, are known.
pub(super) fn apart(pins: &mut Pins, origin: Option<&str>) -> Option<Policy> {
    let policy = pins.policy.take()?;
    pins.witnesses.extend_from_slice(policy.witnesses());
    let keys = policy.logs().iter().map(|log| &log.key);
    let of_log = keys.filter(|key| origin.is_none_or(|origin| key.name() == origin));
    pins.keys.extend(of_log.cloned());
    Some(policy)
}

/// Who vouches for a log that continues all that the platform's log records of it.
///
/// # Errors
/// [`Kind::CheckFailed`] where a policy is in force and neither checkpoint meets it.
pub(super) fn met(policy: Option<&Policy>, report: &Report, said: &Said) -> Result<Witnesses, Failure> {
    let Some(policy) = policy else { return Ok(Witnesses::of(&report.vouched)) };
    let own = match report.vouched_under(policy, &signatures()) {
        Ok(own) => return Ok(Witnesses::of(&own)),
        Err(own) => own,
    };
    let origin = &report.checkpoint.checkpoint().origin;
    above(policy, said, 0).ok_or_else(|| unmet(policy, origin, &own, said))
}

/// The platform's witnesses, where they are a quorum of the policy and its log records so many entries of the log.
pub(super) fn above(policy: &Policy, said: &Said, entries: u64) -> Option<Witnesses> {
    let (report, covers) = said.verified().filter(|(_, covers)| *covers >= entries)?;
    let origin = report.checkpoint.checkpoint().origin.clone();
    if !policy.speaks_of(&origin) {
        // Its witnesses may cosign another platform's log as well, and what is recorded there excludes nothing.
        return None;
    }
    let vouched: Vouched = report.vouched_under(policy, &signatures()).ok()?;
    let mut witnesses = Witnesses::of(&vouched);
    witnesses.platform = Some(Over { origin, covers });
    Some(witnesses)
}

/// That a log's own checkpoint does not meet the quorum, and what would.
fn unmet(policy: &Policy, origin: &str, own: &Problem, said: &Said) -> Failure {
    let named: Vec<&str> = policy.logs().iter().map(|log| log.key.name()).collect();
    let above = match said {
        Said::Records(told, _) => {
            let of = &told.told.origin;
            if policy.speaks_of(of) {
                format!("nor does that of the platform's log {of} that records it meet it")
            } else {
                format!("the policy has no `log` line of the platform's log {of} that records it")
            }
        }
        Said::Out(why) => format!("and the platform's log, whose witnesses would count, was not looked at: {why}"),
        Said::Nothing => match named.iter().find(|name| **name != origin) {
            Some(other) if !named.contains(&origin) => format!(
                "and the policy has a `log` line of {other}, and none of this log: if that is the platform's log that \
                 records it, name where it is with --platform DIR|URL, and its witnesses count"
            ),
            _ => "if the witnesses cosign the platform's log that records this one, name where that is with --platform \
                  DIR|URL"
                .to_owned(),
        },
    };
    Failure::new(Kind::CheckFailed, format!("checkpoint: {own}; {above}"))
}
