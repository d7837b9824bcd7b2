//! Why: what was observed against what was expected, in words.

use super::filter;
use super::group::{ENOUGH_PEERS, Peers};
use super::record::{HABITS, Record};
use super::sight::{self, Sight};
use super::signal::{SIGNALS, Signal};
use crate::finding::clip;
use events::Activity;

/// How many reasons a verdict carries.
pub(crate) const MAX_REASONS: usize = 6;

/// What was measured beside the grades.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    /// Calls within the hour, and by habit.
    pub(crate) hourly: (f32, f32),
    /// Calls within the minute, and by habit.
    pub(crate) minute: (f32, f32),
    /// Calls within the day, and by habit.
    pub(crate) daily: (f32, f32),
    /// Things touched within the hour, and on average.
    pub(crate) targets: (f32, f32),
    pub(crate) actions: (f32, f32),
    /// How busy it usually is at this hour, against its mean.
    pub(crate) share: f32,
    pub(crate) edge: f32,
    pub(crate) mixed: f32,
    pub(crate) rarity: f32,
    /// Whether this is its first activity in the hour.
    pub(crate) first_of_hour: bool,
    /// Whether the service is new to it as well.
    pub(crate) new_service: bool,
}

/// Everything a sentence is made of.
pub(crate) struct Told<'a, 'e> {
    pub(crate) activity: &'a Activity<'e>,
    pub(crate) record: &'a Record,
    pub(crate) sight: &'a Sight,
    pub(crate) peers: Option<&'a Peers>,
    pub(crate) measured: &'a Measured,
    pub(crate) now: u32,
}

/// The reasons, the most telling first: of the signals whose probability is low.
pub(crate) fn reasons(told: &Told<'_, '_>, signals: &[Option<f64>; SIGNALS]) -> Vec<String> {
    let mut ranked: Vec<(f64, Signal)> = Signal::ALL
        .into_iter()
        .filter_map(|signal| Some((signals[signal.place()].filter(|p| *p < 0.02)?, signal)))
        .collect();
    ranked.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let mut reasons: Vec<_> =
        ranked.into_iter().take(MAX_REASONS - 1).map(|(_, signal)| told.sentence(signal)).collect();
    let taken = filter::taken(&told.record.habits);
    if told.record.page == 0 && taken * 2 > HABITS {
        reasons.push(format!(
            "its memory of habits is {} % full, expected at most half: what is new to it is less certain",
            taken * 100 / HABITS
        ));
    }
    reasons
}

impl Told<'_, '_> {
    fn sentence(&self, signal: Signal) -> String {
        let activity = self.activity;
        let measured = self.measured;
        match signal {
            Signal::Action => {
                let service = activity.service.split('.').next().unwrap_or_default();
                let name = format!("{}:{}", clip(service), clip(&activity.action));
                let mut text = format!("first `{name}` in {}{}", self.days(), self.among(self.sight.action));
                if measured.new_service {
                    text.push_str(&format!("; it never called `{}` before", clip(&activity.service)));
                }
                if self.sight.writes {
                    text.push_str("; the call changes something");
                }
                text
            }
            Signal::Network => {
                let network = sight::network_name(activity.source_ip.unwrap_or_default());
                let hash = self.sight.network.unwrap_or_default();
                format!("first call from {network} in {}{}", self.days(), self.among(hash))
            }
            Signal::Region => {
                let region = clip(activity.region.unwrap_or_default());
                format!(
                    "first call in {region} in {}{}",
                    self.days(),
                    self.among(self.sight.region.unwrap_or_default())
                )
            }
            Signal::Agent => {
                let agent = clip(sight::family(activity.user_agent.unwrap_or_default()));
                format!(
                    "first call by `{agent}` in {}{}",
                    self.days(),
                    self.among(self.sight.agent.unwrap_or_default())
                )
            }
            Signal::Target => {
                format!("first touch of `{}` in {}", clip(activity.target.unwrap_or_default()), self.days())
            }
            Signal::Pair => {
                format!("`{}` never came after the call before it in {}", clip(&activity.action), self.days())
            }
            Signal::Hourly => rate("hourly", "within the hour", measured.hourly),
            Signal::Burst => rate("minute's", "within the minute", measured.minute),
            Signal::Daily => rate("daily", "within a day", measured.daily),
            Signal::Targets => {
                let (observed, expected) = measured.targets;
                format!(
                    "about {observed:.0} different things touched within the hour, {expected:.0} expected"
                )
            }
            Signal::Actions => {
                let (observed, expected) = measured.actions;
                format!("about {observed:.0} different actions within the hour, {expected:.0} expected")
            }
            Signal::Hour => format!(
                "it works at this hour of the week {:.0} % as often as at others on average",
                measured.share * 100.0
            ),
            Signal::Edge => format!(
                "a burst of `{}`: {:.0} above what this hour's mean explains (chi-squared), expected below 4",
                clip(&activity.action),
                measured.edge
            ),
            Signal::Mixed => format!(
                "this combination of action, network, client and region is rare here: {:.1}, expected below 2",
                measured.mixed
            ),
            Signal::Space => format!(
                "its measures (rates, variety, hour) stand where {:.0} times fewer of its peers do than on average",
                measured.rarity
            ),
        }
    }

    fn days(&self) -> String {
        match self.record.days(self.now) {
            0 => "its first day".to_owned(),
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        }
    }

    fn among(&self, hash: u64) -> String {
        match self.peers.filter(|peers| peers.identities >= ENOUGH_PEERS) {
            Some(peers) => format!("; {} of {} peers", peers.with(hash), peers.identities),
            None => String::new(),
        }
    }
}

fn rate(name: &str, span: &str, (observed, expected): (f32, f32)) -> String {
    let times = observed / expected.max(0.05);
    format!("{times:.0}× its {name} rate: {observed:.0} calls {span}, {expected:.1} expected")
}
