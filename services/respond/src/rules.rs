//! The decision about a finding, pure: what may be cut off, by itself or at all.
//!
//! Whatever a caller can forge must never cut anyone off. So what is asked first is what the provider
//! vouches for: an authenticated actor of the reporting account, in a call that went through.

use crate::{BRAKE_WINDOW, Decision, Mode, Reason};
use base::{Id, Severity, Timestamp, digest, noun};
use detect::{Detector, Finding, finding::Trigger};

/// What the finding alone rules out, asked before anything is looked up: the identity it may cut off.
pub(crate) fn candidate(finding: &Finding) -> Result<Id<noun::Identity>, Reason> {
    if finding.severity < Severity::High {
        return Err(Reason::BelowHigh);
    }
    let identity =
        finding.identity.filter(|_| finding.detector != Detector::System).ok_or(Reason::NoIdentity)?;
    let Trigger { authenticated, failed, cross_account, interactive, provider_owned } = finding.trigger;
    let hindrance = [
        (!authenticated, Reason::Unauthenticated),
        (failed, Reason::Failed),
        (cross_account, Reason::CrossAccount),
        (interactive, Reason::Interactive),
        (provider_owned, Reason::ProviderOwned),
    ];
    match hindrance.into_iter().find(|(holds, _)| *holds) {
        Some((_, reason)) => Err(reason),
        // Should a trigger ever learn another reason not to tip, it holds here too.
        None if !finding.trigger.may_tip() => Err(Reason::Unauthenticated),
        None => Ok(identity),
    }
}

/// What is known of the identity that a finding would cut off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) person: bool,
    pub(crate) provider_owned: bool,
    pub(crate) protected: bool,
    pub(crate) quarantined: bool,
    pub(crate) released_at: Option<Timestamp>,
}

/// What the identity rules out; `None` where the inventory does not hold it.
pub(crate) fn may_cut(subject: Option<Subject>, arrival: Timestamp) -> Result<(), Reason> {
    let subject = subject.ok_or(Reason::UnknownIdentity)?;
    let hindrance = [
        (subject.person, Reason::Person),
        (subject.provider_owned, Reason::ProviderOwned),
        (subject.protected, Reason::Protected),
        (subject.quarantined, Reason::AlreadyQuarantined),
        (subject.released_at.is_some_and(|released| arrival <= released), Reason::Released),
    ];
    hindrance.into_iter().find(|(holds, _)| *holds).map_or(Ok(()), |(_, reason)| Err(reason))
}

/// What the mode and the brake make of a finding that may cut its identity off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Do it.
    Quarantine,
    /// Leave a proposal.
    Propose,
    /// Record that it would have been.
    Observe,
    /// One too many: switch to `ask`, and leave a proposal.
    Brake,
}

/// `recent` is how many automatic quarantines stand within [`BRAKE_WINDOW`] of arrival time; the brake lets
/// `limit` of them pass.
pub(crate) fn plan(mode: Mode, recent: u64, limit: u64) -> Plan {
    match mode {
        Mode::Observe => Plan::Observe,
        Mode::Ask => Plan::Propose,
        Mode::Automatic if recent >= limit => Plan::Brake,
        Mode::Automatic => Plan::Quarantine,
    }
}

/// The arrivals that count beside one at `arrival`: within the window on either side, so that no order of
/// arrival lets more pass.
pub(crate) fn window(arrival: Timestamp) -> (Timestamp, Timestamp) {
    (arrival.minus(BRAKE_WINDOW), arrival + BRAKE_WINDOW)
}

/// Whether a finding that comes again has its answer already: it was acted on, proposed or observed, and no later
/// activity may tip it. So a failed or forged hit, which only makes it grow, decides nothing anew, whatever the
/// mode has become meanwhile.
pub(crate) fn settled(earlier: Option<(Decision, Timestamp)>, arrival: Timestamp) -> bool {
    earlier.is_some_and(|(decision, answered)| decision != Decision::Left && arrival <= answered)
}

/// Whether a later answer takes the place of an earlier one: a quarantine gives way only to an act or a
/// proposal, for that nothing further was done is no news.
pub(crate) fn replaces(earlier: Option<Decision>, later: Decision) -> bool {
    earlier != Some(Decision::Quarantined) || later != Decision::Left
}

/// What an audit entry's hash covers of one decision.
pub(crate) fn digest(finding: Id<noun::Finding>, decision: Decision, reason: Reason) -> [u8; 32] {
    let parts: [&[u8]; 3] = [finding.as_bytes(), decision.as_str().as_bytes(), reason.as_str().as_bytes()];
    digest::of_parts("nexora/response-digest/1", &parts)
}

/// What an audit entry's hash covers of a batch of decisions (`docs/formats/batch-hash.md`).
pub(crate) fn batch(decided: &[[u8; 32]]) -> [u8; 32] {
    let parts: Vec<&[u8]> = decided.iter().map(<[u8; 32]>::as_slice).collect();
    digest::of_parts("nexora/responses-batch/1", &parts)
}

/// The finding that tells of the brake.
pub(crate) fn brake_finding(
    organization: Id<noun::Organization>,
    recent: u64,
    limit: u64,
    now: Timestamp,
) -> Finding {
    const RULE: &str = "response-brake";
    let reason = format!(
        "{recent} automatic quarantines within ten minutes; the limit is {limit}. The response mode is now \
         `ask`: look at the proposals, then set it again"
    );
    Finding {
        id: Finding::id_of(organization, Detector::System, RULE, None, now),
        detector: Detector::System,
        rule: RULE.to_owned(),
        title: "The brake stopped a burst of automatic quarantines".to_owned(),
        severity: Severity::Critical,
        score: 100,
        reasons: vec![reason],
        attack: Vec::new(),
        owasp: Vec::new(),
        identity: None,
        principal: "nexora".to_owned(),
        trigger: Trigger {
            authenticated: false,
            failed: false,
            cross_account: false,
            interactive: false,
            provider_owned: false,
        },
        first_seen: now,
        last_seen: now,
        arrival: now,
        count: 1,
        event_ids: Vec::new(),
        evidence: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Plan, Subject, batch, brake_finding, candidate, digest, may_cut, plan, replaces, settled, window,
    };
    use crate::{Decision, Mode, Reason, Settings};
    use base::{Id, Severity, Timestamp};
    use detect::{Detector, Finding, finding::Trigger};
    use std::{num::NonZeroU32, time::Duration};

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn finding() -> Finding {
        let mut finding = brake_finding(Id::from_bytes([1; 16]), 5, 5, NOW);
        finding.detector = Detector::Rule;
        finding.severity = Severity::High;
        finding.identity = Some(Id::from_bytes([2; 16]));
        finding.trigger.authenticated = true;
        finding
    }

    #[test]
    fn a_high_finding_with_an_authenticated_success_may_tip() {
        assert_eq!(candidate(&finding()), Ok(Id::from_bytes([2; 16])));
        let critical = Finding { severity: Severity::Critical, ..finding() };
        assert!(candidate(&critical).is_ok());
    }

    #[test]
    fn nothing_that_can_be_forged_or_failed_tips() {
        let base = finding().trigger;
        let cases = [
            (Trigger { authenticated: false, ..base }, Reason::Unauthenticated),
            (Trigger { failed: true, ..base }, Reason::Failed),
            (Trigger { cross_account: true, ..base }, Reason::CrossAccount),
            (Trigger { interactive: true, ..base }, Reason::Interactive),
            (Trigger { provider_owned: true, ..base }, Reason::ProviderOwned),
        ];
        for (trigger, reason) in cases {
            for severity in [Severity::High, Severity::Critical] {
                assert_eq!(candidate(&Finding { trigger, severity, ..finding() }), Err(reason));
            }
        }
        // Over all facts, exactly one combination may tip.
        let tipping = (0..32u8).filter(|bits| {
            let bit = |at: u8| bits & (1 << at) != 0;
            let trigger = Trigger {
                authenticated: bit(0),
                failed: bit(1),
                cross_account: bit(2),
                interactive: bit(3),
                provider_owned: bit(4),
            };
            candidate(&Finding { trigger, ..finding() }).is_ok()
        });
        assert_eq!(tipping.collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn mild_findings_and_findings_about_nobody_tip_nothing() {
        for severity in [Severity::Informational, Severity::Low, Severity::Medium] {
            assert_eq!(candidate(&Finding { severity, ..finding() }), Err(Reason::BelowHigh));
        }
        assert_eq!(candidate(&Finding { identity: None, ..finding() }), Err(Reason::NoIdentity));
        let system = Finding { detector: Detector::System, ..finding() };
        assert_eq!(candidate(&system), Err(Reason::NoIdentity));
        assert!(candidate(&brake_finding(Id::from_bytes([1; 16]), 5, 5, NOW)).is_err());
    }

    const PLAIN: Subject = Subject {
        person: false,
        provider_owned: false,
        protected: false,
        quarantined: false,
        released_at: None,
    };

    #[test]
    fn a_quarantine_settles_a_finding_until_a_later_activity_tips_it() {
        let before = Some((Decision::Quarantined, NOW));
        assert!(settled(before, NOW));
        assert!(!settled(before, NOW + Duration::from_micros(1)));
        assert!(
            settled(Some((Decision::Proposed, NOW)), NOW) && settled(Some((Decision::Observed, NOW)), NOW)
        );
        assert!(!settled(Some((Decision::Left, NOW)), NOW));
        assert!(!settled(None, NOW));
        assert!(!replaces(Some(Decision::Quarantined), Decision::Left));
        assert!(replaces(Some(Decision::Quarantined), Decision::Quarantined));
        assert!(replaces(Some(Decision::Proposed), Decision::Left) && replaces(None, Decision::Left));
    }

    #[test]
    fn people_and_what_is_protected_are_never_cut() {
        let cases = [
            (Subject { person: true, ..PLAIN }, Reason::Person),
            (Subject { provider_owned: true, ..PLAIN }, Reason::ProviderOwned),
            (Subject { protected: true, ..PLAIN }, Reason::Protected),
            (Subject { quarantined: true, ..PLAIN }, Reason::AlreadyQuarantined),
        ];
        for (subject, reason) in cases {
            assert_eq!(may_cut(Some(subject), NOW), Err(reason));
        }
        assert_eq!(may_cut(None, NOW), Err(Reason::UnknownIdentity));
        assert_eq!(may_cut(Some(PLAIN), NOW), Ok(()));
    }

    #[test]
    fn what_came_before_a_release_does_not_cut_again() {
        let released = Subject { released_at: Some(NOW), ..PLAIN };
        assert_eq!(may_cut(Some(released), NOW), Err(Reason::Released));
        assert_eq!(may_cut(Some(released), NOW.minus(Duration::from_secs(60))), Err(Reason::Released));
        assert_eq!(may_cut(Some(released), NOW + Duration::from_micros(1)), Ok(()));
    }

    #[test]
    fn the_brake_lets_exactly_its_limit_pass() {
        for limit in [1, 5, 37] {
            let passed =
                (0..100).take_while(|recent| plan(Mode::Automatic, *recent, limit) == Plan::Quarantine);
            assert_eq!(passed.count() as u64, limit);
            assert_eq!(plan(Mode::Automatic, limit, limit), Plan::Brake);
        }
        for recent in [0, 1_000] {
            assert_eq!(plan(Mode::Observe, recent, 5), Plan::Observe);
            assert_eq!(plan(Mode::Ask, recent, 5), Plan::Propose);
        }
        let (from, to) = window(NOW);
        assert_eq!((NOW.since(from).as_secs(), to.since(NOW).as_secs()), (600, 600));
    }

    #[test]
    fn the_limit_is_five_or_a_hundredth_or_as_set() {
        let settings = Settings::initial(NOW);
        for (identities, limit) in [(0, 5), (599, 5), (600, 6), (1_000_000, 10_000)] {
            assert_eq!(settings.limit(identities), limit);
        }
        let set = Settings { brake_limit: NonZeroU32::new(2), ..settings };
        assert_eq!(set.limit(1_000_000), 2);
    }

    #[test]
    fn a_new_organization_observes_for_seven_days_then_acts() {
        let settings = Settings::initial(NOW);
        let week = Duration::from_secs(7 * 86_400);
        assert_eq!(settings.effective(NOW), Mode::Observe);
        assert_eq!(settings.effective((NOW + week).minus(Duration::from_micros(1))), Mode::Observe);
        assert_eq!(settings.effective(NOW + week), Mode::Automatic);
        let chosen = Settings { observes_until: None, ..settings };
        assert_eq!(chosen.effective(NOW + week * 100), Mode::Observe, "a choice does not lapse");
    }

    #[test]
    fn the_hash_of_a_batch_is_the_documented_one() {
        let decided = [
            digest(Id::from_bytes([1; 16]), Decision::Proposed, Reason::ModeAsk),
            digest(Id::from_bytes([2; 16]), Decision::Left, Reason::Person),
        ];
        // Computed from `docs/formats/batch-hash.md` with Python's hashlib.
        assert_eq!(
            base::digest::hex(&batch(&decided)),
            "b275e51ffc769944482fc8f1096432070db49c75e6d3b0f86701e1b5fdafccc7"
        );
    }
}
