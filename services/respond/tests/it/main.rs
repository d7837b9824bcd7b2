//! The response over a real store: who is cut off, who never is, and what a crash or a repeat changes.
#![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

mod house;

use base::{Fault, Id, Kind as Failure, Severity};
use detect::{Detector, Finding};
use house::{House, NOW, ORGANIZATION, finding, identity, later};
use identities::Nature;
use respond::{Change, Decision, Error, Mode, OBSERVATION, Reason, Worked};
use standing::{By, Refusal, Standing};
use std::num::NonZeroU32;

#[tokio::test]
async fn a_high_finding_quarantines_before_the_step_returns() {
    let house = House::automatic().await;
    let finding = finding(1, 1, Severity::High);
    house.record(vec![finding.clone()]).await;
    let worked = house.step(NOW).await;
    assert_eq!(worked.acted.len(), 1);
    let acted = worked.acted[0];
    assert_eq!((acted.identity, acted.finding, acted.arrival), (identity(1), finding.id, finding.arrival));
    let refusal = house.standings.view().check(ORGANIZATION, identity(1), NOW).expect_err("it is cut off");
    let Refusal::Quarantined(quarantine) = refusal else { unreachable!("that is the reason") };
    assert_eq!((quarantine.finding, quarantine.by), (Some(finding.id), By::Nexora));
    assert_eq!(quarantine.reason, standing::Reason::Automatic);
    assert_eq!(house.answer(&finding).await, (Decision::Quarantined, Reason::Automatic));
    let entry = house.entries("identity.quarantined").await;
    assert_eq!(entry.len(), 1);
    assert!(entry[0].contains(&finding.id.to_string()) && entry[0].contains("idn_"), "{}", entry[0]);
}

#[tokio::test]
async fn forged_and_failed_events_quarantine_nobody() {
    let house = House::automatic().await;
    let forge = |number: u8, change: fn(&mut Finding)| {
        let mut forged = finding(number, number, Severity::Critical);
        change(&mut forged);
        forged
    };
    let cases = [
        (forge(1, |forged| forged.trigger.authenticated = false), Reason::Unauthenticated),
        (forge(2, |forged| forged.trigger.failed = true), Reason::Failed),
        (forge(3, |forged| forged.trigger.cross_account = true), Reason::CrossAccount),
        (forge(4, |forged| forged.trigger.interactive = true), Reason::Interactive),
        (forge(5, |forged| forged.trigger.provider_owned = true), Reason::ProviderOwned),
        (forge(6, |forged| forged.severity = Severity::Medium), Reason::BelowHigh),
        (forge(7, |forged| forged.identity = None), Reason::NoIdentity),
        (forge(8, |forged| forged.detector = Detector::System), Reason::NoIdentity),
        // A name that only failed requests ever used is not in the inventory.
        (forge(200, |_| {}), Reason::UnknownIdentity),
    ];
    house.record(cases.iter().map(|(finding, _)| finding.clone()).collect()).await;
    assert!(house.work(NOW).await.acted.is_empty());
    for (finding, reason) in &cases {
        assert_eq!(house.answer(finding).await, (Decision::Left, *reason));
    }
    assert!(house.standings.view().quarantined(ORGANIZATION).is_empty());
    assert!(house.entries("identity.quarantined").await.is_empty());
    assert_eq!(house.entries("responses.decided").await.len(), 1, "one entry for the batch");
}

#[tokio::test]
async fn people_provider_owned_and_protected_identities_are_never_cut_automatically() {
    let house = House::automatic().await;
    house.discover(1, Nature::Person, false).await;
    house.discover(101, Nature::Machine, true).await;
    house.identities.protect(&house.admin(), identity(2), true).await.expect("it is there");
    let cases = [(1, Reason::Person), (101, Reason::ProviderOwned), (2, Reason::Protected)];
    let findings: Vec<_> =
        cases.iter().map(|(number, _)| finding(*number, *number, Severity::Critical)).collect();
    house.record(findings.clone()).await;
    assert!(house.work(NOW).await.acted.is_empty());
    for (finding, (_, reason)) in findings.iter().zip(cases) {
        assert_eq!(house.answer(finding).await, (Decision::Left, reason));
    }
    // A person may, by hand.
    let cut = house.quarantine(identity(1), None, NOW).await.expect("a person decides");
    assert!(
        matches!(cut.standing, Standing::Quarantined(quarantine) if matches!(quarantine.by, By::Person(_)))
    );
}

#[tokio::test]
async fn observe_records_ask_proposes_and_a_person_carries_it_out() {
    let house = House::new().await;
    let (observed, proposed) = (finding(1, 1, Severity::High), finding(2, 2, Severity::High));
    house.record(vec![observed.clone()]).await;
    assert!(house.work(NOW).await.acted.is_empty());
    assert_eq!(house.answer(&observed).await, (Decision::Observed, Reason::ModeObserve));

    house.set(Change { mode: Some(Mode::Ask), ..Change::default() }).await;
    house.record(vec![proposed.clone()]).await;
    assert!(house.work(NOW).await.acted.is_empty());
    assert_eq!(house.answer(&proposed).await, (Decision::Proposed, Reason::ModeAsk));

    let other = house.quarantine(identity(1), Some(proposed.id), NOW).await;
    assert!(matches!(other, Err(Error::OtherIdentity { .. })));
    let missing = house.quarantine(identity(1), Some(Id::from_bytes([0; 16])), NOW).await;
    assert_eq!(missing.expect_err("there is none").kind(), Failure::NotFound);
    let unknown = house.quarantine(identity(200), None, NOW).await;
    assert!(matches!(unknown, Err(Error::NoIdentity(_))));

    house.quarantine(identity(2), Some(proposed.id), NOW).await.expect("carried out");
    assert!(house.standings.view().check(ORGANIZATION, identity(2), NOW).is_err());
    assert_eq!(house.answer(&proposed).await, (Decision::Quarantined, Reason::Proposal));
    house.quarantine(identity(2), Some(proposed.id), NOW).await.expect("it is so already");
    assert_eq!(house.entries("identity.quarantined").await.len(), 1, "nothing is recorded twice");

    // The finding grows and comes again: nothing changes.
    house.record(vec![proposed.clone()]).await;
    assert!(house.work(NOW).await.acted.is_empty());
    assert_eq!(house.answer(&proposed).await, (Decision::Quarantined, Reason::Proposal));
}

#[tokio::test]
async fn a_new_organization_observes_for_seven_days_then_acts() {
    let house = House::new().await;
    house.record(vec![finding(1, 1, Severity::High)]).await;
    assert!(house.work(NOW).await.acted.is_empty());
    let settings = house.respond.settings(&house.admin(), NOW).await.expect("settings");
    assert_eq!((settings.mode, settings.observes_until), (Mode::Observe, Some(NOW + OBSERVATION)));
    assert_eq!(house.entries("response.set").await.len(), 1);
    let mut grown = finding(1, 1, Severity::High);
    grown.trigger.failed = true;
    house.record(vec![grown.clone()]).await;
    let acted = house.work(NOW + OBSERVATION).await.acted;
    assert!(acted.is_empty(), "a failed call makes the finding grow, and decides nothing anew");
    grown.trigger.failed = false;
    grown.arrival = NOW + OBSERVATION;
    house.record(vec![grown]).await;
    let acted = house.work(NOW + OBSERVATION).await.acted;
    assert_eq!(acted.len(), 1, "the same finding, done again when the week is over");
}

#[tokio::test]
async fn the_brake_stops_at_exactly_its_limit_and_says_so() {
    let house = House::automatic().await;
    house.record((1..=8).map(|number| finding(number, number, Severity::High)).collect()).await;
    let worked = house.work(NOW).await;
    assert_eq!((worked.acted.len(), worked.braked), (5, true), "five of eight: 1 % of eight is less");
    let cut = house.standings.view().quarantined(ORGANIZATION);
    assert_eq!(cut.len(), 5);
    let settings = house.respond.settings(&house.admin(), NOW).await.expect("settings");
    assert_eq!(settings.effective(NOW), Mode::Ask);
    assert_eq!(house.entries("response.braked").await.len(), 1);

    let (admin, every) = (house.admin(), findings::Filter::default());
    let all = house.findings.list(&admin, &every, base::Limit::default(), None).await;
    let all = all.expect("findings").items;
    let brake: Vec<_> = all.iter().filter(|found| found.finding.detector == Detector::System).collect();
    assert_eq!(brake.len(), 1);
    assert_eq!(brake[0].finding.severity, Severity::Critical);

    let answers: Vec<_> = all.iter().map(|found| found.finding.id).collect();
    let answers = house.respond.responses(&house.admin(), &answers).await.expect("answers");
    let count = |decision, reason| {
        answers.values().filter(|answer| (answer.decision, answer.reason) == (decision, reason)).count()
    };
    assert_eq!(count(Decision::Quarantined, Reason::Automatic), 5);
    assert_eq!(count(Decision::Proposed, Reason::Braked), 1);
    assert_eq!(count(Decision::Proposed, Reason::ModeAsk), 2);
}

#[tokio::test]
async fn the_brake_counts_arrivals_of_ten_minutes_over_any_number_of_steps() {
    let house = House::automatic().await;
    let minute = |finding: Finding, minutes: u64| Finding { arrival: later(minutes * 60), ..finding };
    let limit = Change { brake_limit: Some(NonZeroU32::new(2)), ..Change::default() };
    house.set(limit).await;
    for (number, minutes, acts) in [(1, 0, true), (2, 5, true), (3, 10, true), (4, 16, true), (5, 17, false)]
    {
        house.record(vec![minute(finding(number, number, Severity::High), minutes)]).await;
        let worked = house.work(NOW).await;
        assert_eq!((worked.acted.len() == 1, worked.braked), (acts, !acts), "at minute {minutes}");
    }
}

#[tokio::test]
async fn what_a_finding_led_to_is_done_once_across_restarts_and_racing_steps() {
    let house = House::automatic().await;
    house.record((1..=3).map(|number| finding(number, number, Severity::High)).collect()).await;
    let (one, two) = tokio::join!(house.step(NOW), house.step(NOW));
    assert_eq!(one.acted.len() + two.acted.len(), 3);
    let house = house.restart().await;
    assert_eq!(house.step(NOW).await, Worked::default());
    assert_eq!(house.standings.view().quarantined(ORGANIZATION).len(), 3);
    assert_eq!(house.entries("identity.quarantined").await.len(), 3);

    // The findings grow, and another one comes against an identity that is cut off.
    house.record((1..=3).map(|number| finding(number, number, Severity::High)).collect()).await;
    let again = finding(9, 1, Severity::Critical);
    house.record(vec![again.clone()]).await;
    assert!(house.work(NOW).await.acted.is_empty());
    assert_eq!(house.answer(&again).await, (Decision::Left, Reason::AlreadyQuarantined));
    assert_eq!(house.entries("identity.quarantined").await.len(), 3);
}

#[tokio::test]
async fn a_release_holds_against_what_came_before_it_and_no_longer() {
    let house = House::automatic().await;
    let (first, waiting) = (finding(1, 1, Severity::High), finding(2, 1, Severity::High));
    house.record(vec![first.clone()]).await;
    assert_eq!(house.work(NOW).await.acted.len(), 1);
    // Recorded before the release, read after it.
    house.record(vec![waiting.clone()]).await;
    let released = house.release(identity(1), later(60)).await.expect("released");
    assert_eq!(released.standing, Standing::Good);
    assert_eq!(house.standings.view().check(ORGANIZATION, identity(1), NOW), Ok(()));
    house.release(identity(1), later(60)).await.expect("it is so already");
    assert_eq!(house.entries("identity.released").await.len(), 1);

    house.record(vec![first.clone()]).await;
    assert!(house.work(later(61)).await.acted.is_empty());
    assert_eq!(house.answer(&first).await, (Decision::Quarantined, Reason::Automatic));
    assert_eq!(house.answer(&waiting).await, (Decision::Left, Reason::Released));

    let after = Finding { arrival: later(120), ..finding(3, 1, Severity::High) };
    house.record(vec![after]).await;
    assert_eq!(house.work(later(121)).await.acted.len(), 1, "news after the release cuts it off again");
}

#[tokio::test]
async fn whoever_does_it_again_within_the_hour_is_cut_off_again() {
    let house = House::automatic().await;
    let first = finding(1, 1, Severity::High);
    house.record(vec![first.clone()]).await;
    assert_eq!(house.work(NOW).await.acted.len(), 1);
    // It goes on while it is cut off: the finding grows, and keeps its answer.
    house.record(vec![Finding { arrival: later(30), ..first.clone() }]).await;
    assert!(house.work(later(31)).await.acted.is_empty());
    assert_eq!(house.answer(&first).await, (Decision::Quarantined, Reason::Automatic));

    house.release(identity(1), later(60)).await.expect("released");
    let again = Finding { arrival: later(120), ..first.clone() };
    assert_eq!(again.id, first.id, "the same finding");
    house.record(vec![again]).await;
    assert_eq!(house.work(later(121)).await.acted.len(), 1);
    assert!(house.standings.view().check(ORGANIZATION, identity(1), NOW).is_err());
}

#[tokio::test]
async fn another_acts_permit_opens_nothing() {
    let house = House::automatic().await;
    let permit = house.permit(base::Action::IdentitiesRelease, identity(1));
    let refused = house.respond.quarantine(&house.admin(), &permit, identity(1), None, NOW).await;
    assert!(matches!(refused, Err(Error::Refused(_))));
    let permit = house.permit(base::Action::IdentitiesQuarantine, identity(2));
    let refused = house.respond.quarantine(&house.admin(), &permit, identity(1), None, NOW).await;
    assert!(matches!(refused, Err(Error::Refused(_))));
    let stale = NOW + policy::EXPIRY + std::time::Duration::from_micros(1);
    let permit = house.permit(base::Action::IdentitiesQuarantine, identity(1));
    let refused = house.respond.quarantine(&house.admin(), &permit, identity(1), None, stale).await;
    assert!(matches!(refused, Err(Error::Refused(refused)) if refused.reason() == policy::Reason::Expired));
}

#[tokio::test]
async fn identities_are_listed_by_their_standing() {
    let house = House::automatic().await;
    house.record((1..=3).map(|number| finding(number, number, Severity::High)).collect()).await;
    assert_eq!(house.work(NOW).await.acted.len(), 3);
    let admin = house.admin();
    for (quarantined, expected) in [(Some(true), 3), (Some(false), 97), (None, 100)] {
        let filter = identities::Filter { quarantined, ..identities::Filter::default() };
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let limit = base::Limit::try_from(2).expect("a limit");
            let page = house.identities.list(&admin, &filter, limit, after.as_deref()).await.expect("a page");
            seen.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), expected);
        let cut = seen.iter().filter(|identity| identity.standing != Standing::Good).count();
        assert_eq!(cut, if quarantined == Some(false) { 0 } else { 3 });
    }
}
