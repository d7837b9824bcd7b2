//! What a hunt says: its findings, and a summary.

use super::{Found, Hunter};
use crate::failure::Failure;
use crate::output::{Output, Show, escaped};
use base::{Clock as _, Severity, Timestamp};
use detect::{Detector, Finding, incident};
use serde::Serialize;

/// A finding as it is printed.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// The place of the first event in its file, from 0, rejected ones counted.
    event_index: u64,
    file: &'a str,
    event_id: Option<&'a str>,
    event_ids: &'a [String],
    time: Timestamp,
    identity: &'a str,
    detector: Detector,
    rule_id: &'a str,
    title: &'a str,
    severity: Severity,
    score: u8,
    /// How many activities were folded into it.
    count: u64,
    reasons: &'a [String],
    attack: &'a [String],
    owasp: &'a [String],
}

impl Show for Line<'_> {
    fn table(&self) -> String {
        let more =
            if self.count > 1 { format!(" ({} times within the hour)", self.count) } else { String::new() };
        let reasons: String =
            self.reasons.iter().map(|reason| format!("\n    {}", escaped(reason, false))).collect();
        format!(
            "{:13}  {}  {}{more}\n    {}, {}:{}{reasons}",
            self.severity,
            self.time,
            escaped(self.title, false),
            escaped(self.identity, false),
            escaped(self.file, false),
            self.event_index,
        )
    }
}

/// Prints a finding.
pub(super) fn finding(output: Output, found: &Found, names: &[String]) -> Result<(), Failure> {
    let Found { finding, identity, place, event_ids, .. } = found;
    let file = usize::try_from(place.file).ok().and_then(|file| names.get(file));
    output.line(&Line {
        event_index: place.index,
        file: file.map_or("", String::as_str),
        event_id: event_ids.first().map(String::as_str),
        event_ids,
        time: finding.first_seen,
        identity: identity.as_deref().unwrap_or(&finding.principal),
        detector: finding.detector,
        rule_id: &finding.rule,
        title: &finding.title,
        severity: finding.severity,
        score: finding.score,
        count: finding.count,
        reasons: &finding.reasons,
        attack: &finding.attack,
        owasp: &finding.owasp,
    })
}

/// Says what came of the whole, on standard error. What was spilled is the count of runs and their bytes.
pub(super) fn summary(
    hunter: &Hunter,
    events: u64,
    spilled: Option<(usize, u64)>,
    findings: &[Finding],
    began: Timestamp,
) {
    let (output, amiss) = (hunter.output, &hunter.amiss);
    let micros = node::MachineClock.now().micros().saturating_sub(began.micros()).max(1);
    let rejected: u64 = amiss.rejected.values().sum();
    output.say(&format!("{events} events, {rejected} rejected, {} identities", hunter.known.len()));
    for (code, count) in &amiss.rejected {
        output.say(&format!("  rejected: {count} {code}"));
    }
    if amiss.ancient > 0 {
        output.say(&format!("  by rules alone: {} without a time, or from before 2010", amiss.ancient));
    }
    if amiss.ahead > 0 {
        output.say(&format!("  by rules alone: {} whose time lies ahead", amiss.ahead));
    }
    if amiss.files > 0 {
        output.say(&format!("  {} files could not be read to their end", amiss.files));
    }
    if let Some((runs, bytes)) = spilled {
        output.say(&format!("  sorted on disk: {runs} runs, {bytes} bytes"));
    }
    let by_severity = Severity::ALL.iter().rev().map(|severity| {
        let count = findings.iter().filter(|finding| finding.severity == *severity).count();
        format!("{count} {severity}")
    });
    let by_severity: Vec<_> = by_severity.collect();
    let incidents = incident::group(findings).len();
    output.say(&format!("{} findings ({}), {incidents} incidents", findings.len(), by_severity.join(", ")));
    output.say(&format!(
        "{} identities had no baseline ({} activities over {} days)",
        hunter.without_baseline(),
        detect::ESTABLISHED_ACTIVITIES,
        detect::ESTABLISHED_MICROS / 86_400_000_000,
    ));
    let rate = i128::from(events).saturating_mul(1_000_000) / i128::from(micros);
    output.say(&format!(
        "{}.{:03} seconds, {rate} events per second",
        micros / 1_000_000,
        micros / 1_000 % 1_000
    ));
}
