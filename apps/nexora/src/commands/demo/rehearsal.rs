//! Judges the events by themselves, without a server: which accounts speak, and which activity will be the first
//! to tip a quarantine. The same `core/events` and `core/detect` as the pipeline, and nothing is kept.

use crate::failure::Failure;
use base::{Id, Kind, Severity, Timestamp, noun};
use detect::{Judge, Pack, RuleText, SHARDS, ShardState, shard_of};
use events::{Encoding, Limits, Record, Redactor};
use simulate::Scenario;
use std::{
    collections::{BTreeSet, HashSet},
    ops::Range,
    sync::Arc,
};

/// What is known of the events before they are sent.
pub(crate) struct Rehearsal {
    inflated: Vec<u8>,
    events: Vec<Range<usize>>,
    accounts: Vec<String>,
    tipping: Option<Tipping>,
}

/// The first activity that will tip a quarantine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tipping {
    /// Its place among the events.
    pub(crate) index: usize,
    /// Who will be cut off.
    pub(crate) identity: Id<noun::Identity>,
}

/// The events of the bundled scenario, as NDJSON.
pub(crate) fn bundled(seed: u64) -> Result<Vec<u8>, Failure> {
    let scenario = Scenario { seed, ..Scenario::demo() };
    let simulation = scenario.simulate().map_err(|error| Failure::ours(error.to_string()))?;
    let mut out = Vec::new();
    for event in simulation {
        out.extend_from_slice(event.json.as_bytes());
        out.push(b'\n');
    }
    Ok(out)
}

impl Rehearsal {
    /// Reads and judges the events. A file has no limit of its own but the ratio of a bomb.
    pub(crate) fn of(
        bytes: &[u8],
        organization: Id<noun::Organization>,
        arrival: Timestamp,
    ) -> Result<Self, Failure> {
        let inflated = events::inflate(bytes, Encoding::Auto, Limits::FILE)?.into_owned();
        let frames = events::frame(&inflated)?;
        let texts: Vec<_> =
            rules::ALL.iter().map(|rule| RuleText { path: rule.name, text: rule.text }).collect();
        let (pack, _) = Pack::compile(&texts);
        let judge = Judge::new(Arc::new(pack));
        let redactor = Redactor::unkeyed();
        let mut states: Vec<ShardState> = (0..SHARDS).map(|_| ShardState::default()).collect();
        let (mut accounts, mut met, mut tipping) = (BTreeSet::new(), HashSet::new(), None);
        for (index, frame) in frames.iter().enumerate() {
            let Ok(record) = Record::read(&inflated[frame.clone()], &redactor) else { continue };
            accounts.extend(record.account().map(str::to_owned));
            if tipping.is_some() {
                continue;
            }
            let Ok(activity) = record.activity(judge.pack().fields()) else { continue };
            let identity = activity.actor.identity.as_ref().map(|key| key.id(organization));
            let state = &mut states[shard_of(identity)];
            let findings = judge.judge(state, &activity, organization, arrival);
            let Some(identity) = identity else { continue };
            let tips = |finding: &detect::Finding| {
                finding.severity >= Severity::High && finding.trigger.may_tip()
            };
            // An identity whose very first activity tips could not have had a credential before it.
            if findings.iter().any(tips) && met.contains(&identity) {
                tipping = Some(Tipping { index, identity });
            }
            if activity.actor.creates {
                met.insert(identity);
            }
        }
        if accounts.is_empty() {
            return Err(Failure::new(
                Kind::BadInput,
                "no event of AWS CloudTrail is in there: the demo takes {\"Records\":[…]}, arrays or NDJSON, plain, \
                 gzip or zstd",
            ));
        }
        Ok(Self { inflated, events: frames, accounts: accounts.into_iter().collect(), tipping })
    }

    /// The accounts that the events speak for.
    pub(crate) fn accounts(&self) -> &[String] {
        &self.accounts
    }

    /// The first activity that will tip a quarantine.
    pub(crate) const fn tipping(&self) -> Option<Tipping> {
        self.tipping
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The events of a range as a body to send: a JSON array, so that an event may span lines.
    pub(crate) fn body(&self, range: Range<usize>) -> Vec<u8> {
        let mut body = vec![b'['];
        for (nth, event) in self.events[range].iter().enumerate() {
            if nth > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&self.inflated[event.clone()]);
        }
        body.push(b']');
        body
    }
}
