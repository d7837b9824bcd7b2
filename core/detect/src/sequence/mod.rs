//! Sequences: the steps of an attack, in order, as one finding.
//!
//! A [`Stage`] is what a call does ([`table`]), or that its identity calls from a network it never called from. A
//! sequence is a list of stages; it is told when enough of them were reached in its order within its time, the last of
//! them now, and among them one that is no routine. How many decides how severe it is: three are medium, four high,
//! five critical.
//!
//! Stages are kept by identity. Where an event names the credential that it made, the credential's identity continues
//! what its maker began: at once within a shard, and over [`deliver`] or an epoch in another. To a new credential every
//! network is new; for it the one that counts is another than its maker called from.
//!
//! Bounded: [`MAX_CHAINS`] identities of a shard are followed; the sixteenth that is longest quiet goes first. Only
//! calls of authenticated identities that succeeded count, at a credible time.

mod table;

use crate::behaviour::{RulesOnly, Verdict, moment};
use crate::shard_of;
use crate::siphash;
use crate::state::ShardState;
use base::{Id, Severity, Timestamp, noun};
use events::{Activity, FieldSet, Value};
use std::collections::BTreeMap;

/// How many identities of a shard are followed.
pub(crate) const MAX_CHAINS: usize = 4_096;
/// How many credentials wait to be handed to another shard.
pub(crate) const MAX_HANDED: usize = 1_024;

/// One step of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A credential was made.
    CredentialMade,
    /// It was used from a network that its identity never called from.
    NewNetwork,
    /// Somebody was given more rights.
    PrivilegeRaised,
    /// Secrets were read.
    SecretsRead,
    /// Data were read.
    DataRead,
    /// Backups were removed.
    BackupsRemoved,
    /// Data were destroyed.
    DataDestroyed,
    /// Logs were stopped.
    LogsStopped,
}

/// How many stages there are.
pub(crate) const STAGES: usize = 8;

impl Stage {
    /// Every stage, by its place.
    pub const ALL: [Self; STAGES] = [
        Self::CredentialMade,
        Self::NewNetwork,
        Self::PrivilegeRaised,
        Self::SecretsRead,
        Self::DataRead,
        Self::BackupsRemoved,
        Self::DataDestroyed,
        Self::LogsStopped,
    ];

    const fn words(self) -> &'static str {
        match self {
            Self::CredentialMade => "a credential was made",
            Self::NewNetwork => "used from a network it never called from",
            Self::PrivilegeRaised => "rights were raised",
            Self::SecretsRead => "secrets were read",
            Self::DataRead => "data were read",
            Self::BackupsRemoved => "backups were removed",
            Self::DataDestroyed => "data were destroyed",
            Self::LogsStopped => "logs were stopped",
        }
    }

    /// What takes a chain up where none is: the others happen all day.
    const fn begins(self) -> bool {
        !matches!(self, Self::SecretsRead | Self::DataRead | Self::DataDestroyed)
    }
}

/// One kind of attack.
struct Sequence {
    id: &'static str,
    title: &'static str,
    stages: &'static [Stage],
    /// Of which at least one must be among those reached.
    telling: &'static [Stage],
    /// Seconds from the first stage to the last.
    within: u32,
    attack: &'static [&'static str],
}

const DAY: u32 = 86_400;
/// How many stages make a finding.
const LEAST: usize = 3;

const SEQUENCES: [Sequence; 3] = [
    Sequence {
        id: "credential-chain",
        title: "A credential was made and then misused, step by step",
        stages: &[
            Stage::CredentialMade,
            Stage::NewNetwork,
            Stage::PrivilegeRaised,
            Stage::DataRead,
            Stage::LogsStopped,
        ],
        telling: &[Stage::NewNetwork, Stage::LogsStopped],
        within: 7 * DAY,
        attack: &["attack.persistence", "attack.t1098.001", "attack.collection", "attack.t1078.004"],
    },
    Sequence {
        id: "harvest-chain",
        title: "Secrets were read from a new network, and rights raised with them",
        stages: &[Stage::NewNetwork, Stage::SecretsRead, Stage::PrivilegeRaised, Stage::LogsStopped],
        telling: &[Stage::NewNetwork],
        within: DAY,
        attack: &["attack.credential-access", "attack.t1555.006", "attack.privilege-escalation"],
    },
    Sequence {
        id: "destruction-chain",
        title: "From a new network, backups were removed and then data",
        stages: &[Stage::NewNetwork, Stage::BackupsRemoved, Stage::DataDestroyed, Stage::LogsStopped],
        telling: &[Stage::NewNetwork],
        within: DAY,
        attack: &["attack.impact", "attack.t1490", "attack.t1485"],
    },
];

/// The raw fields in which events name the credential that they made.
pub(crate) const FIELDS: [&str; 2] = ["responseElements.accessKey.accessKeyId", "protoPayload.response.name"];

/// What one identity has reached. Times are moments; 0 is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// When each stage was first reached, and last.
    pub(crate) times: [[u32; 2]; STAGES],
    /// Of each sequence, how many steps were told.
    pub(crate) told: [u8; SEQUENCES.len()],
    /// How many of them its maker reached, not it.
    pub(crate) inherited: u8,
    /// Where its maker called from, in short; 0 if it has none.
    pub(crate) network: u32,
    pub(crate) touched: u32,
}

/// The identities that a shard follows, and the credentials that belong to others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chains {
    pub(crate) by_identity: BTreeMap<Id<noun::Identity>, Chain>,
    pub(crate) handed: BTreeMap<Id<noun::Identity>, Chain>,
}

/// A sequence that was reached.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reached {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) severity: Severity,
    pub(crate) attack: &'static [&'static str],
    pub(crate) reasons: Vec<String>,
}

/// Hands the chains of credentials that were made to the shards of their identities. Costs nothing where there are
/// none.
pub fn deliver(states: &mut [ShardState]) {
    let mut all = BTreeMap::new();
    for state in states.iter_mut().filter(|state| !state.chains.handed.is_empty()) {
        all.append(&mut state.chains.handed);
    }
    for (id, chain) in all {
        let count = states.len().max(1);
        if let Some(state) = states.get_mut(shard_of(Some(id)) % count) {
            state.chains.inherit(id, chain);
        }
    }
}

/// Takes an activity into its identity's chain, and says which sequences it completes.
pub(crate) fn observe(
    state: &mut ShardState,
    activity: &Activity<'_>,
    fields: &FieldSet,
    organization: Id<noun::Organization>,
    identity: Option<Id<noun::Identity>>,
    verdict: &Result<Verdict, RulesOnly>,
) -> Vec<Reached> {
    let facts = activity.actor.facts;
    let timely = !matches!(verdict, Err(RulesOnly::Ahead | RulesOnly::Ancient | RulesOnly::Late { .. }));
    let (Some(identity), true) = (identity, timely && facts.authenticated && !facts.failed) else {
        return Vec::new();
    };
    let now = moment(activity.time);
    let stage = table::stage(activity.logsource.product, &activity.service, &activity.action);
    let shard = shard_of(Some(identity));
    let known = state.chains.by_identity.get(&identity);
    let new = verdict.as_ref().is_ok_and(|verdict| verdict.new_network);
    if known.is_none() && !new && !stage.is_some_and(Stage::begins) {
        return Vec::new();
    }
    let network = activity.source_ip.map_or(0, |from| network(from, organization));
    let strange = new
        || known.is_some_and(|chain| {
            chain.network != 0 && network != 0 && chain.network != network && chain.times[1] == [0; 2]
        });
    let chain = state.chains.touch(identity, now);
    let reached = [strange.then_some(Stage::NewNetwork), stage];
    reached.into_iter().flatten().for_each(|stage| chain.reach(stage, now));
    let Some(last) = stage.or(reached[0]) else { return Vec::new() };
    let found: Vec<Reached> =
        (0..SEQUENCES.len()).filter_map(|at| SEQUENCES[at].tell(at, chain, last, now)).collect();
    let chain = *chain;
    if stage == Some(Stage::CredentialMade)
        && let Some(made) = made(activity, fields, organization)
    {
        let child = Chain { inherited: 1, network: network.max(1), ..chain };
        if shard_of(Some(made)) == shard {
            state.chains.inherit(made, child);
        } else if state.chains.handed.len() < MAX_HANDED {
            state.chains.handed.insert(made, child);
        }
    }
    found
}

impl Chains {
    fn touch(&mut self, identity: Id<noun::Identity>, now: u32) -> &mut Chain {
        if self.by_identity.len() >= MAX_CHAINS && !self.by_identity.contains_key(&identity) {
            let mut ranked: Vec<_> =
                self.by_identity.iter().map(|(id, chain)| (chain.touched, *id)).collect();
            let count = ranked.len() / 16;
            ranked.select_nth_unstable(count);
            ranked.into_iter().take(count).for_each(|(_, id)| {
                self.by_identity.remove(&id);
            });
        }
        let chain = self.by_identity.entry(identity).or_default();
        chain.touched = chain.touched.max(now);
        chain
    }

    /// A new credential goes on where its maker stands; one that already acted keeps what it did.
    fn inherit(&mut self, identity: Id<noun::Identity>, from: Chain) {
        let chain = self.touch(identity, from.touched);
        for (mine, theirs) in chain.times.iter_mut().zip(from.times) {
            *mine = if *mine == [0; 2] { theirs } else { *mine };
        }
        // The network is what its maker called from; what was new to its maker is not what is new to it.
        chain.times[1] = [0; 2];
        (chain.network, chain.inherited) = (from.network, from.inherited);
    }
}

impl Chain {
    fn reach(&mut self, stage: Stage, now: u32) {
        let [first, last] = &mut self.times[stage as usize];
        if *first == 0 || now.saturating_sub(*first) > 7 * DAY {
            *first = now;
        }
        *last = (*last).max(now);
    }
}

impl Sequence {
    /// What there is to tell that was not told: more steps than before.
    fn tell(&self, at: usize, chain: &mut Chain, last: Stage, now: u32) -> Option<Reached> {
        let (steps, reached) = self.reached(chain, last, now)?;
        let told = &mut chain.told[at];
        let new = steps > usize::from(*told);
        *told = (*told).max(u8::try_from(steps).unwrap_or(u8::MAX));
        new.then_some(reached)
    }

    /// Whether enough of its stages were reached in order, the given one the last of them.
    fn reached(&self, chain: &Chain, last: Stage, now: u32) -> Option<(usize, Reached)> {
        let end = self.stages.iter().position(|stage| *stage == last)?;
        let (mut after, mut steps) = (now.saturating_sub(self.within).max(1), Vec::new());
        for stage in self.stages.iter().take(end + 1) {
            // The first time that is not before the step before it.
            let times = chain.times[*stage as usize];
            if let Some(time) = times.into_iter().find(|time| (after..=now).contains(time)) {
                after = time;
                steps.push((*stage, time));
            }
        }
        let telling = steps.iter().any(|(stage, _)| self.telling.contains(stage));
        if steps.len() < LEAST || !telling {
            return None;
        }
        let severity = match steps.len() {
            3 => Severity::Medium,
            4 => Severity::High,
            _ => Severity::Critical,
        };
        let mut reasons: Vec<String> = vec![format!(
            "{} of {} steps in their order within {} days; expected fewer than {LEAST}",
            steps.len(),
            self.stages.len(),
            self.within / DAY
        )];
        reasons.extend(steps.iter().map(|(stage, time)| {
            let maker =
                if *stage == Stage::CredentialMade && chain.inherited > 0 { ", this one" } else { "" };
            format!("{}{maker}: {}", stage.words(), written(*time))
        }));
        Some((
            steps.len(),
            Reached { id: self.id, title: self.title, severity, attack: self.attack, reasons },
        ))
    }
}

fn written(moment: u32) -> String {
    let text = Timestamp::from_millis((i64::from(moment) + 1_262_304_000) * 1_000).to_string();
    text.get(..19).map_or_else(|| text.clone(), |text| format!("{text}Z"))
}

#[expect(clippy::cast_possible_truncation, reason = "in short")]
fn network(from: &str, organization: Id<noun::Organization>) -> u32 {
    let name = crate::behaviour::network_name(from);
    (siphash::hash(organization.as_bytes(), name.as_bytes()) as u32).max(1)
}

/// The identity of the credential that an event says it made.
fn made(
    activity: &Activity<'_>,
    fields: &FieldSet,
    organization: Id<noun::Organization>,
) -> Option<Id<noun::Identity>> {
    let text = |path: &str| {
        let slot = fields.index(path)?;
        activity.fields.get(slot).iter().find_map(|value| match value {
            Value::Str(text) if !text.is_empty() => Some(*text),
            _ => None,
        })
    };
    let (provider, native) = match activity.logsource.product {
        "aws" => ("aws", format!("{}/{}", activity.account?, text(FIELDS[0])?)),
        "gcp" => ("gcp", text(FIELDS[1])?.trim_start_matches("//iam.googleapis.com/").to_owned()),
        "okta" => ("okta", format!("token/{}", activity.target?)),
        _ => return None,
    };
    Some(Id::derived("nexora/identity/1", &[organization.as_bytes(), provider.as_bytes(), native.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::{Chain, Chains, DAY, MAX_CHAINS, SEQUENCES, Stage};
    use base::{Id, Severity};

    #[test]
    fn stages_count_in_their_order_and_within_their_time() {
        let sequence = &SEQUENCES[0];
        let mut chain = Chain::default();
        let mut now = 100 * DAY;
        let mut step = |chain: &mut Chain, stage: Stage, later: u32| {
            now += later;
            chain.reach(stage, now);
            sequence.tell(0, chain, stage, now).map(|reached| reached.severity)
        };
        assert_eq!(step(&mut chain, Stage::CredentialMade, 0), None);
        assert_eq!(step(&mut chain, Stage::NewNetwork, 60), None);
        assert_eq!(step(&mut chain, Stage::PrivilegeRaised, 60), Some(Severity::Medium));
        assert_eq!(step(&mut chain, Stage::PrivilegeRaised, 60), None, "told once");
        assert_eq!(step(&mut chain, Stage::DataRead, 60), Some(Severity::High));
        assert_eq!(step(&mut chain, Stage::LogsStopped, 60), Some(Severity::Critical));
        let mut slow = Chain::default();
        assert_eq!(step(&mut slow, Stage::CredentialMade, 0), None);
        assert_eq!(step(&mut slow, Stage::NewNetwork, 6 * DAY), None);
        assert_eq!(step(&mut slow, Stage::PrivilegeRaised, 2 * DAY), None, "over a week");
        let mut backwards = Chain::default();
        for stage in sequence.stages.iter().rev() {
            assert_eq!(step(&mut backwards, *stage, 60), None, "{stage:?}");
        }
        let mut routine = Chain::default();
        assert_eq!(step(&mut routine, Stage::CredentialMade, 0), None);
        assert_eq!(step(&mut routine, Stage::PrivilegeRaised, 60), None);
        assert_eq!(step(&mut routine, Stage::DataRead, 60), None, "an infrastructure pipeline does these");
    }

    #[test]
    fn those_followed_are_bounded() {
        let mut chains = Chains::default();
        for number in 0..20_000_u32 {
            chains.touch(Id::derived("test", &[&number.to_be_bytes()]), number);
            assert!(chains.by_identity.len() <= MAX_CHAINS);
        }
    }
}
