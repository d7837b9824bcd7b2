//! A small benign world, from a seed: identities with habits of their own, as activities without the detour through
//! JSON.

use base::{Id, Severity, Timestamp, noun};
use detect::behaviour::{RulesOnly, Verdict, merge};
use detect::{SHARDS, ShardState, shard_of};
use events::{
    Activity, Class, Facts, IdentityKey, IdentityKind, Logsource, Outcome, Principal, PrincipalKind, Session,
    Slots,
};
use std::borrow::Cow;

/// Monday, 2 March 2026, 00:00 UTC, in seconds.
pub(crate) const START: i64 = 1_772_409_600;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Numbers that look like chance (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let one = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let two = (one ^ (one >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        two ^ (two >> 31)
    }

    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// How long until the next of something that happens once in `mean`.
    pub(crate) fn wait(&mut self, mean: f64) -> f64 {
        -(1.0 - self.fraction()).ln() * mean
    }
}

/// One call, in words.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    pub(crate) time: i64,
    pub(crate) who: u64,
    pub(crate) service: &'static str,
    pub(crate) action: String,
    pub(crate) writes: bool,
    pub(crate) from: String,
    pub(crate) region: &'static str,
    pub(crate) agent: &'static str,
    pub(crate) target: Option<String>,
    pub(crate) kind: IdentityKind,
}

pub(crate) const ORGANIZATION: [u8; 16] = [9; 16];

pub(crate) fn organization() -> Id<noun::Organization> {
    Id::from_bytes(ORGANIZATION)
}

impl Act {
    /// An ordinary call of an identity: it uploads, from its network, by its client.
    pub(crate) fn of(who: u64, time: i64) -> Self {
        Self {
            time,
            who,
            service: "s3.amazonaws.com",
            action: "PutObject".to_owned(),
            writes: true,
            from: format!("198.18.{}.{}", who % 200, who / 200 % 200),
            region: "eu-central-1",
            agent: "Boto3/1.35.36",
            target: None,
            kind: IdentityKind::AccessKey,
        }
    }

    pub(crate) fn calls(self, service: &'static str, action: &str) -> Self {
        Self { service, action: action.to_owned(), ..self }
    }

    pub(crate) fn identity(&self) -> Id<noun::Identity> {
        key(self.who, self.kind).id(organization())
    }

    pub(crate) fn with<T>(&self, then: impl FnOnce(&Activity<'_>) -> T) -> T {
        let name = format!("AKIA{:016}", self.who);
        let raw = format!(r#"{{"eventName":"{}"}}"#, self.action);
        let activity = Activity {
            time: Timestamp::from_millis(self.time * 1_000),
            class: Class::ApiActivity,
            logsource: Logsource::of("aws", "cloudtrail"),
            service: Cow::Borrowed(self.service),
            action: Cow::Borrowed(&self.action),
            actor: Principal {
                kind: PrincipalKind::AccessKey,
                identity: Some(key(self.who, self.kind)),
                owner: None,
                name: Cow::Borrowed(&name),
                creates: true,
                person_evidence: false,
                person_role: None,
                facts: Facts {
                    authenticated: true,
                    failed: false,
                    cross_account: false,
                    interactive: false,
                    provider_owned: false,
                },
                session: Session::NONE,
                delegation: Vec::new(),
            },
            outcome: Outcome::Success,
            read_only: Some(!self.writes),
            account: Some("111122223333"),
            region: Some(self.region),
            target: self.target.as_deref(),
            source_ip: Some(&self.from),
            user_agent: Some(self.agent),
            event_id: None,
            fields: Slots::default(),
            raw: &raw,
        };
        then(&activity)
    }
}

fn key(who: u64, kind: IdentityKind) -> IdentityKey<'static> {
    let name: Cow<'static, str> = Cow::Owned(format!("111122223333/AKIA{who:016}"));
    IdentityKey { provider: "aws", kind, native: name.clone(), name, account: Some("111122223333") }
}

/// The shards of one organization, with an epoch every so many activities.
pub(crate) struct Shards {
    pub(crate) states: Vec<ShardState>,
    count: u64,
    every: u64,
}

impl Shards {
    pub(crate) fn new(every: u64) -> Self {
        Self { states: vec![ShardState::default(); SHARDS], count: 0, every }
    }

    /// Has its next epoch when the other has.
    pub(crate) fn goes_on_from(&mut self, other: &Self) {
        self.count = other.count;
    }

    pub(crate) fn sees(&mut self, act: &Act) -> Result<Verdict, RulesOnly> {
        self.sees_with(act, None)
    }

    pub(crate) fn sees_with(&mut self, act: &Act, worst: Option<Severity>) -> Result<Verdict, RulesOnly> {
        self.count += 1;
        if self.count.is_multiple_of(self.every) {
            merge(&mut self.states);
        }
        let arrival = Timestamp::from_millis((act.time + 60) * 1_000);
        let state = &mut self.states[shard_of(Some(act.identity()))];
        act.with(|activity| state.observe(activity, organization(), arrival, worst))
    }
}

/// What all identities do over some days, in the order of time: each has two or three services of a few actions, works
/// more by day, touches its own things and now and then a new one.
pub(crate) fn benign(seed: u64, identities: u64, days: i64, daily: f64) -> Vec<Act> {
    let mut acts = Vec::new();
    for who in 0..identities {
        let mut random = Random(seed ^ who.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let busy = 0.5 + 1.5 * random.fraction();
        let first = random.below(6);
        let mut time = START as f64 + random.fraction() * 3_600.0;
        loop {
            time += random.wait(DAY as f64 / daily / busy / 1.4);
            #[expect(clippy::cast_possible_truncation, reason = "seconds of this century")]
            let second = time as i64;
            if second >= START + days * DAY {
                break;
            }
            let hour = second.rem_euclid(DAY) / HOUR;
            if !(7..20).contains(&hour) && random.fraction() < 0.6 {
                continue;
            }
            let (service, actions) = SERVICES[((first + random.below(2)) % 6) as usize];
            let draw = random.fraction();
            let action = actions[if draw < 0.6 {
                0
            } else if draw < 0.9 {
                1
            } else {
                2
            }];
            let target = match random.below(100) {
                0 => format!("thing-{who}-{}", random.below(10_000)),
                at => format!("thing-{who}-{}", at % 7),
            };
            let act = Act::of(who, second).calls(service, action);
            acts.push(Act { writes: draw < 0.6, target: Some(target), ..act });
        }
    }
    acts.sort_by_key(|act| (act.time, act.who));
    acts
}

const SERVICES: [(&str, [&str; 3]); 6] = [
    ("s3.amazonaws.com", ["PutObject", "GetObject", "ListObjects"]),
    ("sqs.amazonaws.com", ["SendMessage", "ReceiveMessage", "GetQueueAttributes"]),
    ("dynamodb.amazonaws.com", ["PutItem", "GetItem", "Query"]),
    ("kms.amazonaws.com", ["Decrypt", "GenerateDataKey", "DescribeKey"]),
    ("sns.amazonaws.com", ["Publish", "Subscribe", "ListTopics"]),
    ("logs.amazonaws.com", ["PutLogEvents", "CreateLogStream", "DescribeLogStreams"]),
];
