//! Findings on the wire.

use api::findings::{Finding, Response, Shown};
use api::identities::StandingState;
use findings::OnRecord;

/// A finding, without its evidence.
pub(crate) fn finding(on_record: OnRecord, response: Option<respond::Response>) -> Finding {
    let finding = on_record.finding;
    Finding {
        id: finding.id,
        detector: finding.detector.as_str().to_owned(),
        rule: finding.rule,
        title: finding.title,
        severity: finding.severity,
        score: finding.score,
        reasons: finding.reasons,
        attack: finding.attack,
        owasp: finding.owasp,
        identity: finding.identity,
        principal: finding.principal,
        first_seen: finding.first_seen,
        last_seen: finding.last_seen,
        arrival: finding.arrival,
        count: finding.count,
        response: response.map(|response| Response {
            decision: response.decision.as_str().to_owned(),
            reason: response.reason.as_str().to_owned(),
            arrival: response.arrival,
        }),
    }
}

/// A finding in full.
pub(crate) fn shown(
    mut on_record: OnRecord,
    response: Option<respond::Response>,
    standing: Option<StandingState>,
    rule_text: Option<String>,
) -> Shown {
    let event_ids = std::mem::take(&mut on_record.finding.event_ids);
    let events = std::mem::take(&mut on_record.finding.evidence);
    Shown { finding: finding(on_record, response), standing, event_ids, events, rule_text }
}
