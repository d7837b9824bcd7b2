//! From grades to one verdict: probabilities, what of them is told for the first time, and the identity's risk.

use super::approx::ln;
use super::combine::Combined;
use super::group::Group;
use super::measure::Grades;
use super::record::Record;
use super::signal::{SIGNALS, Signal};
use super::tail;
use super::verdict::Verdict;
use base::Severity;

/// A grade less probable than this is not learned at once.
pub(super) const SUSPECT: f64 = 5e-3;
/// What −ln p must exceed to add to the risk: p below a hundredth.
const DRIFT: f64 = 4.605;
/// From which grade on something new is rare among peers: fewer than one in 64 have it.
const RARE: usize = 3;
/// The greatest risk there is.
const MOST_RISK: f32 = 200.0;

/// The verdict while it is made.
pub(super) struct Weighed {
    /// How probable what was not told before is, all signals together.
    pub(super) fresh: f64,
    /// The same by what is new alone, and by what there is more of.
    pub(super) parts: [f64; 2],
    pub(super) signals: [Option<f64>; SIGNALS],
    /// The middle of each grade that is not the ordinary one.
    pub(super) middles: [Option<f64>; SIGNALS],
    top: Option<Signal>,
    pub(super) risk: f32,
    pub(super) severity: Option<Severity>,
    pub(super) flooding: bool,
    pub(super) new_network: bool,
    pub(super) reasons: Vec<String>,
}

impl Weighed {
    pub(super) fn public(self) -> Verdict {
        let Self { signals, top, risk, severity, flooding, new_network, reasons, .. } = self;
        Verdict { signals, top, risk, severity, flooding, new_network, reasons }
    }
}

/// From grades to probabilities to one. Of what is ordinary a probability is worked out only `in_full`: nothing is
/// concluded from it.
pub(super) fn weigh(
    record: &Record,
    group: &Group,
    grades: &Grades,
    established: bool,
    mut chance: u64,
    in_full: bool,
) -> Weighed {
    let [mut fresh, mut news, mut more] = [Combined::default(); 3];
    let (mut signals, mut middles) = ([None; SIGNALS], [None; SIGNALS]);
    let mut top: Option<(f64, Signal)> = None;
    for signal in Signal::ALL {
        let Some(grade) = grades[signal.place()] else { continue };
        let (part, other) = match signal.asks_for_news() {
            true => (&mut news, &mut more),
            false => (&mut more, &mut news),
        };
        other.abstain(signal.weight());
        if grade == 0 && !in_full {
            fresh.abstain(signal.weight());
            part.abstain(signal.weight());
            continue;
        }
        chance = chance.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ u64::from(record.seen);
        #[expect(clippy::cast_precision_loss, reason = "53 bits")]
        let spread = (crate::siphash::mixed(chance) >> 11) as f64 / (1_u64 << 53) as f64;
        let tail = tail::tail(
            &record.own,
            (&group.counts[usize::from(established)], established),
            signal,
            grade,
            spread,
        );
        signals[signal.place()] = Some(tail.uniform);
        middles[signal.place()] = (grade > 0).then_some(tail.middle);
        let told = usize::from(record.told[signal.place()]) > grade && !signal.asks_for_news();
        if told || grade == 0 {
            fresh.abstain(signal.weight());
            part.abstain(signal.weight());
        } else {
            fresh.add(tail.middle, signal.weight());
            // What is new to it and common among its peers is told, and is no risk.
            match signal.asks_for_news() && grade < RARE {
                true => part.abstain(signal.weight()),
                false => part.add(tail.middle, signal.weight()),
            }
            if top.is_none_or(|(least, _)| tail.middle < least) {
                top = Some((tail.middle, signal));
            }
        }
    }
    Weighed {
        fresh: fresh.p(),
        parts: [news.p(), more.p()],
        signals,
        middles,
        top: top.map(|(_, signal)| signal),
        risk: 0.0,
        severity: None,
        flooding: false,
        new_network: false,
        reasons: Vec::new(),
    }
}

/// Adds what is improbable, and rules by their level; whether something new is part of it. What is new adds each time,
/// for each time it is something else; of what there is more of only what exceeds what was added within the day, for it
/// lasts.
pub(super) fn add_risk(record: &mut Record, [news, more]: [f64; 2], worst: Option<Severity>) -> bool {
    let rules = match worst {
        None => 0.0,
        Some(Severity::Informational) => 0.5,
        Some(Severity::Low) => 2.0,
        Some(Severity::Medium) => 6.0,
        Some(Severity::High) => 12.0,
        Some(Severity::Critical) => 18.0,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a few dozen")]
    let evidence = |p: f64| (-ln(p) - DRIFT).max(0.0) as f32;
    let (news, more) = (evidence(news), evidence(more));
    let exceeds = (more - record.counted).max(0.0);
    record.counted += exceeds;
    record.risk = (record.risk + rules + news + exceeds).min(MOST_RISK);
    news > 0.0
}

pub(super) fn remember_told(
    record: &mut Record,
    grades: &Grades,
    signals: &[Option<f64>; SIGNALS],
    now: u32,
) {
    for signal in Signal::ALL.into_iter().filter(|signal| !signal.asks_for_news()) {
        let place = signal.place();
        if let (Some(grade), true) = (grades[place], signals[place].is_some_and(|p| p < SUSPECT)) {
            let grade = u8::try_from(grade + 1).unwrap_or(u8::MAX);
            if grade > record.told[place] {
                record.told[place] = grade;
                record.told_at = if record.told_at == 0 { now } else { record.told_at };
            }
        }
    }
}
