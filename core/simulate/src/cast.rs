//! Who is at work: the identities of a world, each a function of the seed and its number, so that a
//! million of them cost no memory.

use crate::calls::{self, Workload};
use crate::random::{derive, fraction};
use base::Timestamp;
use std::fmt::Write;

/// What sort of identity it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program with a long-lived access key of an IAM user.
    Key,
    /// A role that a service of ours runs as: a function, a container, an instance.
    Service,
    /// A role that works by the clock.
    Cron,
    /// A role that a pipeline assumes by web identity.
    Pipeline,
    /// A person who signs in through the identity center.
    Employee,
    /// A person who signs in to the console as an IAM user.
    Operator,
}

/// One of twenty, so that a small world has every kind in proportion.
const KINDS: [Kind; 20] = {
    use Kind::{Cron, Employee, Key, Operator, Pipeline, Service};
    [
        Key, Service, Employee, Cron, Service, Key, Pipeline, Service, Key, Cron, Employee, Service, Key,
        Service, Pipeline, Key, Service, Employee, Cron, Operator,
    ]
};

const TEAMS: [&str; 24] = [
    "payments",
    "search",
    "billing",
    "ledger",
    "catalog",
    "identity",
    "shipping",
    "pricing",
    "fraud",
    "media",
    "support",
    "analytics",
    "mobile",
    "partner",
    "inventory",
    "notify",
    "reports",
    "returns",
    "loyalty",
    "tax",
    "risk",
    "content",
    "orders",
    "data",
];
const PROGRAMS: [&str; 16] = [
    "exporter",
    "sync",
    "uploader",
    "importer",
    "connector",
    "mailer",
    "agent",
    "bridge",
    "collector",
    "scraper",
    "relay",
    "archiver",
    "feeder",
    "publisher",
    "replicator",
    "gateway",
];
const SERVICES: [&str; 16] = [
    "api",
    "worker",
    "consumer",
    "indexer",
    "renderer",
    "scorer",
    "router",
    "resizer",
    "matcher",
    "webhook",
    "projector",
    "stream",
    "planner",
    "session",
    "cache",
    "frontend",
];
const CHORES: [&str; 16] = [
    "nightly-report",
    "rollup",
    "backup",
    "cleanup",
    "rotation",
    "snapshot",
    "reconcile",
    "digest",
    "compaction",
    "expiry",
    "inventory",
    "export",
    "sweep",
    "warmup",
    "billing-run",
    "audit",
];
const PIPELINES: [&str; 16] = [
    "deploy",
    "release",
    "infra",
    "build",
    "publish",
    "promote",
    "staging-deploy",
    "canary",
    "image",
    "terraform",
    "preview",
    "migrations",
    "schema",
    "assets",
    "rollout",
    "integration",
];
const GIVEN: [&str; 24] = [
    "ada", "bruno", "chiara", "dmitri", "elena", "farid", "greta", "hiro", "ines", "jonas", "keiko", "liam",
    "mara", "nils", "olga", "pablo", "quinn", "rosa", "sven", "tara", "umar", "vera", "wen", "yara",
];
const FAMILY: [&str; 16] = [
    "arndt",
    "bellini",
    "costa",
    "dahl",
    "eriksen",
    "fischer",
    "garcia",
    "haddad",
    "ivanov",
    "jansen",
    "kimura",
    "lindqvist",
    "moreau",
    "novak",
    "okafor",
    "petrov",
];
const REGIONS: [&str; 4] = ["eu-central-1", "eu-west-1", "us-east-1", "us-west-2"];

/// Salts: which property of a thing a derived number decides.
mod salt {
    pub(super) const ACCOUNT: u64 = 1;
    pub(super) const HOME: u64 = 2;
    pub(super) const REGION: u64 = 3;
    pub(super) const KEY: u64 = 4;
    pub(super) const ADDRESS: u64 = 6;
    pub(super) const AGENT: u64 = 7;
    pub(super) const WORK: u64 = 8;
    pub(super) const DEPLOYED: u64 = 9;
    pub(super) const SESSION: u64 = 10;
    pub(super) const SECOND: u64 = 12;
    pub(super) const BEGUN: u64 = 13;
    pub(super) const MOVED: u64 = 14;
    pub(super) const REWRITTEN: u64 = 15;
}

/// The identities of one world.
#[derive(Debug, Clone)]
pub(crate) struct Cast {
    pub(crate) seed: u64,
    pub(crate) size: u32,
    accounts: u64,
    /// Whether identities change with time: see [`Simulation::changing`](crate::Simulation::changing).
    pub(crate) changing: bool,
}

impl Cast {
    pub(crate) fn new(seed: u64, size: u32) -> Self {
        Self { seed, size, accounts: u64::from(size / 40).clamp(2, 64), changing: false }
    }

    /// What property `salt` of identity `who` follows from.
    pub(crate) const fn derive(&self, salt: u64, who: u32) -> u64 {
        derive(self.seed, salt, who as u64)
    }

    pub(crate) fn accounts(&self) -> Vec<String> {
        (0..self.accounts).map(|number| self.account_number(number)).collect()
    }

    fn account_number(&self, number: u64) -> String {
        format!("{}", 100_000_000_000 + derive(self.seed, salt::ACCOUNT, number) % 900_000_000_000)
    }

    /// An account that is none of the organization's.
    pub(crate) fn foreign_account(&self, number: u64) -> String {
        self.account_number(1_000_000 + number)
    }

    pub(crate) const fn kind(&self, who: u32) -> Kind {
        KINDS[who as usize % KINDS.len()]
    }

    #[expect(clippy::cast_possible_truncation, reason = "small remainders")]
    /// Everything that a template or the writer of events needs to know of one identity.
    pub(crate) fn member(&self, who: u32) -> Member {
        let kind = self.kind(who);
        let number = self.derive(salt::HOME, who) % self.accounts;
        let region = REGIONS[(self.derive(salt::REGION, who) % 4) as usize];
        Member {
            who,
            kind,
            home: number as usize,
            account: self.account_number(number),
            region,
            name: self.name(who),
            session_name: self.session_name(who),
            key_id: match kind {
                Kind::Key => key_text("AKIA", self.derive(salt::KEY, who), 16),
                _ => String::new(),
            },
            principal_id: key_text(
                if matches!(kind, Kind::Key | Kind::Operator) { "AIDA" } else { "AROA" },
                self.derive(salt::SECOND, who),
                17,
            ),
            address: self.address(who),
            agent: self.agent(who),
        }
    }

    /// The name: unique in the world.
    fn name(&self, who: u32) -> String {
        let (pair, generation) = (who as usize % 384, who / 384);
        let kind = self.kind(who);
        let (first, second) = (pair % 24, (pair / 24 + pair) % 16);
        let mut name = match kind {
            Kind::Employee | Kind::Operator => format!("{}.{}", GIVEN[first], FAMILY[second]),
            Kind::Key => format!("{}-{}", TEAMS[first], PROGRAMS[second]),
            Kind::Service => format!("{}-{}", TEAMS[first], SERVICES[second]),
            Kind::Cron => format!("{}-{}", TEAMS[first], CHORES[second]),
            Kind::Pipeline => format!("{}-{}", TEAMS[first], PIPELINES[second]),
        };
        if generation > 0 {
            // A `String` takes every write.
            let _ = write!(name, "-{generation}");
        }
        name
    }

    fn session_name(&self, who: u32) -> String {
        let bits = self.derive(salt::SESSION, who);
        match self.kind(who) {
            Kind::Employee => format!("{}@example.com", self.name(who)),
            Kind::Pipeline => "GitHubActions".to_owned(),
            Kind::Service if bits.is_multiple_of(3) => format!("i-0{bits:016x}"),
            Kind::Service if bits % 3 == 1 => format!("{:032x}", u128::from(bits) << 61 | u128::from(bits)),
            _ => self.name(who),
        }
    }

    /// People from the offices (RFC 2544's range stands for public addresses, so that no real one is
    /// named), machines from the private network, programs with keys from a data center.
    fn address(&self, who: u32) -> String {
        self.address_of(who, self.derive(salt::ADDRESS, who))
    }

    fn address_of(&self, who: u32, bits: u64) -> String {
        match self.kind(who) {
            Kind::Employee | Kind::Operator => format!("198.18.{}.{}", bits % 8, 1 + (bits >> 8) % 254),
            Kind::Key => format!("198.18.{}.{}", 64 + bits % 64, 1 + (bits >> 8) % 254),
            Kind::Pipeline => format!("198.18.{}.{}", 32 + bits % 16, 1 + (bits >> 8) % 254),
            _ => format!("10.{}.{}.{}", bits % 32, (bits >> 8) % 256, 1 + (bits >> 16) % 254),
        }
    }

    fn agent(&self, who: u32) -> &'static str {
        self.agent_of(who, self.derive(salt::AGENT, who))
    }

    #[expect(clippy::cast_possible_truncation, reason = "a small remainder")]
    fn agent_of(&self, who: u32, bits: u64) -> &'static str {
        let choices: &[&str] = match self.kind(who) {
            Kind::Employee | Kind::Operator => &calls::BROWSERS,
            Kind::Pipeline => &calls::DEPLOYERS,
            Kind::Key | Kind::Service | Kind::Cron => &calls::KITS,
        };
        choices[(bits % choices.len() as u64) as usize]
    }

    /// When it is deployed anew, in seconds from the beginning of the world.
    fn deployed(&self, who: u32) -> f64 {
        fraction(self.derive(salt::DEPLOYED, who)) * 56.0 * 86_400.0
    }

    /// Whether it is at work by now: in a world that changes, one in eight begins within the first four weeks.
    pub(crate) fn has_begun(&self, who: u32, now: Timestamp, start: Timestamp) -> bool {
        let bits = self.derive(salt::BEGUN, who);
        !self.changing
            || !bits.is_multiple_of(8)
            || now.since(start).as_secs_f64() >= fraction(bits) * 28.0 * 86_400.0
    }

    /// Where it works from in this run, and with what, in a world that changes: a pipeline wherever its host has room; of
    /// the machines that were deployed anew, half from elsewhere, and a quarter rewritten with another client.
    pub(crate) fn place(&self, member: &mut Member, now: Timestamp, start: Timestamp, run: u64) {
        if !self.changing {
            return;
        }
        let who = member.who;
        match member.kind {
            Kind::Pipeline => member.address = self.address_of(who, crate::random::mix(run)),
            Kind::Key | Kind::Service | Kind::Cron if now.since(start).as_secs_f64() > self.deployed(who) => {
                let (moved, rewritten) = (self.derive(salt::MOVED, who), self.derive(salt::REWRITTEN, who));
                if moved.is_multiple_of(2) {
                    member.address = self.address_of(who, moved >> 8);
                }
                if rewritten.is_multiple_of(4) {
                    member.agent = self.agent_of(who, rewritten >> 8);
                }
            }
            _ => {}
        }
    }

    /// What this identity does at `now`: one or two workloads of its kind, and one more after the day it
    /// was deployed anew (one in four is, within a world of two weeks).
    #[expect(clippy::cast_possible_truncation, reason = "a small remainder")]
    pub(crate) fn workload(
        &self,
        who: u32,
        now: Timestamp,
        start: Timestamp,
        choice: u64,
    ) -> &'static Workload {
        let pool = calls::workloads(self.kind(who));
        let bits = self.derive(salt::WORK, who);
        let second = (bits >> 20) % 2;
        let third = u64::from(now.since(start).as_secs_f64() > self.deployed(who));
        let at = bits % 1_024 + choice % (1 + second + third);
        &pool[(at % pool.len() as u64) as usize]
    }
}

/// One identity, spelled out.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) who: u32,
    pub(crate) kind: Kind,
    /// The number of its account.
    pub(crate) home: usize,
    pub(crate) account: String,
    pub(crate) region: &'static str,
    /// Of the user, the role or the person.
    pub(crate) name: String,
    pub(crate) session_name: String,
    /// The long-lived access key, where it has one.
    pub(crate) key_id: String,
    /// `AIDA…` or `AROA…`.
    pub(crate) principal_id: String,
    pub(crate) address: String,
    pub(crate) agent: &'static str,
}

impl Member {
    /// The path and name of the role, as after `role/`.
    pub(crate) fn role_path(&self) -> String {
        match self.kind {
            Kind::Employee => format!("aws-reserved/sso.amazonaws.com/eu-central-1/{}", self.role_name()),
            Kind::Service | Kind::Cron => format!("service-role/{}", self.role_name()),
            _ => self.role_name(),
        }
    }

    /// The name of the role. Employees share one permission set for each account.
    pub(crate) fn role_name(&self) -> String {
        match self.kind {
            Kind::Employee => {
                format!("AWSReservedSSO_PowerUserAccess_{}", &self.account_hash())
            }
            _ => self.name.clone(),
        }
    }

    fn account_hash(&self) -> String {
        let number: u64 = self.account.parse().unwrap_or(0);
        format!("{:016x}", crate::random::mix(number))
    }

    /// What the log calls the identity: the access key, or the ARN of the role or user.
    pub(crate) fn native(&self) -> String {
        match self.kind {
            Kind::Key => self.key_id.clone(),
            Kind::Operator => format!("arn:aws:iam::{}:user/{}", self.account, self.name),
            _ => format!("arn:aws:iam::{}:role/{}", self.account, self.role_path()),
        }
    }
}

/// `prefix` and `length` characters of the alphabet that AWS uses in key and principal ids.
pub(crate) fn key_text(prefix: &str, bits: u64, length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::from(prefix);
    let mut pool = bits;
    for place in 0..length {
        if place % 12 == 0 {
            pool = crate::random::mix(bits ^ place as u64);
        }
        text.push(char::from(ALPHABET[(pool % 32) as usize]));
        pool >>= 5;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Cast, Kind};
    use std::collections::HashSet;

    #[test]
    fn names_and_keys_are_unique_and_every_kind_is_there() {
        let cast = Cast::new(3, 5_000);
        let members: Vec<_> = (0..5_000).map(|who| cast.member(who)).collect();
        let names: HashSet<_> = members.iter().map(|member| (member.kind as u8, &member.name)).collect();
        assert_eq!(names.len(), 5_000);
        let keys: HashSet<_> =
            members.iter().map(|member| &member.key_id).filter(|key| !key.is_empty()).collect();
        assert_eq!(keys.len(), 1_250);
        assert!(keys.iter().all(|key| key.len() == 20 && key.starts_with("AKIA")));
        for kind in [Kind::Key, Kind::Service, Kind::Cron, Kind::Pipeline, Kind::Employee, Kind::Operator] {
            assert!((0..20).any(|who| cast.kind(who) == kind), "{kind:?}");
        }
    }
}
