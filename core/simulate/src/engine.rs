//! Lets time pass: an agenda of what happens next, from which events come in order.
//!
//! Work arrives as one Poisson process over the whole world, thinned by the hour of the day, and each
//! arrival draws the identity that works: an idle identity costs nothing. Only cron jobs stand in the
//! agenda by themselves, beside the runs, intrusions and outages that are under way.

use crate::attacks::Plot;
use crate::calls::{
    BROWSERS, Call, KITS, ON_CALL_WORK, OPENING_SHARE, Opening, Workload, read, workloads, write,
};
use crate::cast::{Cast, Kind, Member};
use crate::event::{Guise, Record};
use crate::intrusion::Intrusion;
use crate::label::{Chain, Label};
use crate::random::{Random, Zipf, fraction, mix};
use crate::scenario::{Attacks, Scenario, Spread};
use crate::template::Thread;
use base::Timestamp;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

/// One event as its provider delivers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place in the simulation, from 0.
    pub index: u64,
    /// When it happened; the log shows it to the second.
    pub time: Timestamp,
    /// The provider's id (`eventID`).
    pub id: String,
    /// One CloudTrail record as JSON, on one line, without a line end.
    pub json: String,
    /// What is known of it, where it belongs to an attack.
    pub label: Option<Label>,
}

/// A running simulation: an iterator over its events in the order of time.
#[derive(Debug)]
pub struct Simulation {
    cast: Cast,
    random: Random,
    agenda: BinaryHeap<Reverse<Due>>,
    start: Timestamp,
    end: Timestamp,
    /// Candidate arrivals a microsecond.
    arrivals: f64,
    zipf: Option<Zipf>,
    /// Until when each account is in trouble.
    trouble: Vec<Timestamp>,
    chains: Vec<Chain>,
    /// Of cron jobs.
    period: Duration,
    scheduled: u64,
    told: u64,
}

#[derive(Debug)]
struct Due {
    time: Timestamp,
    /// Breaks ties, so that the order is one.
    number: u64,
    task: Task,
}

#[derive(Debug)]
enum Task {
    Arrival,
    Cron(u32),
    Run(Box<Run>),
    Intrusion(Box<Intrusion>),
    /// An account is in trouble for a while.
    Outage(usize),
    /// Somebody outside tries a door.
    Knock,
}

/// A workload under way.
#[derive(Debug)]
struct Run {
    member: Member,
    workload: &'static Workload,
    opening: Opening,
    /// The next call, where they come in order.
    at: usize,
    left: u8,
    session: Timestamp,
    thread: u64,
}

const DAY: Duration = Duration::from_secs(86_400);
const HOUR_MICROS: i64 = 3_600_000_000;
/// The greatest share of candidate arrivals that any identity can have, in runs a day per activity a day.
const MOST: f64 = 0.6;
/// How often a call fails in quiet times.
const FAILING: f64 = 0.006;
/// How often a call fails in an account in trouble.
const FAILING_IN_TROUBLE: f64 = 0.3;
/// Periods of cron jobs, in minutes.
const PERIODS: [u32; 12] = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1_440];

static SIGN_IN: Call = write("signin", "ConsoleLogin", 0, "null").gives(r#"{"ConsoleLogin":"Success"}"#);
static ASSUME: Call = read(
    "sts",
    "AssumeRole",
    0,
    r#"{"roleArn":"arn:aws:iam::$account:role/service-role/$role","roleSessionName":"$name","durationSeconds":3600}"#,
);
static ASSUME_BY_WEB: Call = read(
    "sts",
    "AssumeRoleWithWebIdentity",
    0,
    r#"{"roleArn":"arn:aws:iam::$account:role/$role","roleSessionName":"GitHubActions","durationSeconds":3600}"#,
)
.gives(r#"{"subjectFromWebIdentityToken":"repo:example/$name:ref:refs/heads/main","assumedRoleUser":{"arn":"arn:aws:sts::$account:assumed-role/$role/GitHubActions"},"provider":"arn:aws:iam::$account:oidc-provider/token.actions.githubusercontent.com","audience":"sts.amazonaws.com"}"#);

impl Simulation {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let cast = Cast::new(scenario.seed, scenario.identities);
        let start = scenario.start;
        let mut simulation = Self {
            trouble: vec![start; cast.accounts().len()],
            random: Random::new(scenario.seed),
            agenda: BinaryHeap::new(),
            start,
            end: start + scenario.duration,
            arrivals: f64::from(scenario.identities) * scenario.rate * MOST / micros(DAY),
            zipf: matches!(scenario.spread, Spread::Zipf).then(|| Zipf::new(scenario.identities)),
            chains: Vec::new(),
            period: period(scenario.rate),
            scheduled: 0,
            told: 0,
            cast,
        };
        simulation.schedule(start, Task::Arrival);
        simulation.schedule(start, Task::Knock);
        for account in 0..simulation.trouble.len() {
            simulation.schedule_outage(start, account);
        }
        for who in 0..scenario.identities {
            if simulation.cast.kind(who) == Kind::Cron {
                let offset = simulation.period.mul_f64(fraction(simulation.cast.derive(20, who)));
                simulation.schedule(start + offset, Task::Cron(who));
            }
        }
        simulation.plan(scenario);
        simulation
    }

    /// The attacks that this simulation will run, in the order in which they were planned.
    #[must_use]
    pub fn chains(&self) -> &[Chain] {
        &self.chains
    }

    /// The same world, in which identities change: one in eight begins within the first four weeks, pipelines run from
    /// wherever their host has room, and of the machines that are deployed anew half come to stand in another network and a
    /// quarter to speak with another client. To be called before the first event is taken.
    #[must_use]
    pub fn changing(mut self) -> Self {
        self.cast.changing = true;
        self
    }

    /// Plans the attacks: victims of the right kind, each once, from a quarter of the duration on.
    fn plan(&mut self, scenario: &Scenario) {
        let plots: Vec<Plot> = match &scenario.attacks {
            Attacks::None => Vec::new(),
            Attacks::Count(count) => Plot::ALL.iter().copied().cycle().take(*count as usize).collect(),
            Attacks::Each(plots) => plots.clone(),
        };
        // Their own stream: the benign world is the same with and without them.
        let mut random = Random::new(mix(scenario.seed ^ 0xA77A_C4ED));
        let mut victims: Vec<u32> = Vec::new();
        for (number, plot) in plots.into_iter().enumerate() {
            let mut who = 0;
            for tries in 0..4_000 {
                who = random.below_u32(scenario.identities);
                let fresh = tries > 2_000 || !victims.contains(&who);
                if fresh && plot.victims().contains(&self.cast.kind(who)) {
                    break;
                }
            }
            victims.push(who);
            let member = self.cast.member(who);
            let name = format!("{}/{}", plot.as_str(), number + 1);
            self.chains.push(Chain { name: name.clone(), plot, identity: member.native() });
            let begin = scenario.start + scenario.duration.mul_f64(0.25 + 0.6 * random.fraction());
            let haste = (scenario.duration.as_secs_f64() / DAY.as_secs_f64()).min(1.0);
            let session = session_of(&member, begin);
            let foreign = self.cast.foreign_account(number as u64);
            let intrusion = Intrusion::new(plot, name, member, session, foreign, haste, random.next());
            self.schedule(begin, Task::Intrusion(Box::new(intrusion)));
        }
    }

    fn schedule(&mut self, time: Timestamp, task: Task) {
        self.scheduled += 1;
        self.agenda.push(Reverse(Due { time, number: self.scheduled, task }));
    }

    fn schedule_outage(&mut self, after: Timestamp, account: usize) {
        let wait = DAY.mul_f64(3.0 * self.random.wait());
        self.schedule(after + wait, Task::Outage(account));
    }

    /// Draws who works, and whether they do at this hour.
    fn arrive(&mut self, now: Timestamp) {
        let wait = self.random.wait() / self.arrivals;
        self.schedule(now + Duration::from_secs_f64(wait / 1e6), Task::Arrival);
        let size = self.cast.size;
        let who = match self.zipf {
            // A prime step spreads the ranks over the kinds.
            Some(zipf) => {
                let rank = u64::from(zipf.rank(&mut self.random));
                u32::try_from(rank * 2_654_435_761 % u64::from(size)).unwrap_or(0)
            }
            None => self.random.below_u32(size),
        };
        let kind = self.cast.kind(who);
        let works = kind != Kind::Cron && self.random.happens(share(kind, now) / mean(kind) / MOST);
        if works && self.cast.has_begun(who, now, self.start) {
            self.begin(who, now);
        }
    }

    fn begin(&mut self, who: u32, now: Timestamp) {
        let choice = self.random.next() >> 8;
        let workload = self.cast.workload(who, now, self.start, choice);
        self.run(who, workload, now);
    }

    fn run(&mut self, who: u32, workload: &'static Workload, now: Timestamp) {
        let mut member = self.cast.member(who);
        let opening = match workload.opening {
            Opening::Service(_) if !self.random.happens(OPENING_SHARE) => Opening::None,
            opening => opening,
        };
        let left = if workload.ordered {
            u8::try_from(workload.calls.len()).unwrap_or(u8::MAX)
        } else {
            self.random.between_u8(workload.length.0, workload.length.1)
        };
        let session = session_of(&member, now);
        let thread = self.random.next();
        self.cast.place(&mut member, now, self.start, thread);
        let run = Run { member, workload, opening, at: 0, left, session, thread };
        self.schedule(now, Task::Run(Box::new(run)));
    }

    /// One event of a run; `None` if this call does not happen this time.
    fn step(&mut self, mut run: Box<Run>, now: Timestamp) -> Option<Event> {
        let (guise, call) = match std::mem::replace(&mut run.opening, Opening::None) {
            Opening::Service(service) => (Guise::Cloud(service), Some(&ASSUME)),
            Opening::WebIdentity => (Guise::WebIdentity, Some(&ASSUME_BY_WEB)),
            Opening::SignIn => (Guise::SigningIn { mfa: true }, Some(&SIGN_IN)),
            Opening::None => (Guise::Itself, self.call(&mut run)),
        };
        let event = call.map(|call| {
            let (address, agent) = match guise {
                Guise::Cloud(service) => (service, service),
                _ => (run.member.address.as_str(), run.member.agent),
            };
            let error = self.failure(&run.member, call, guise, now);
            let thread = Thread { run: run.thread, foreign: "" };
            let record = Record {
                time: now,
                guise,
                member: &run.member,
                thread,
                session: run.session,
                address,
                agent,
                call,
                error,
            };
            self.tell(&record, None)
        });
        if run.left > 0 {
            let pause = self.random.between(u64::from(run.workload.pace.0), u64::from(run.workload.pace.1));
            self.schedule(now + Duration::from_millis(pause), Task::Run(run));
        }
        event
    }

    /// The next call of a run, if it happens.
    fn call(&mut self, run: &mut Run) -> Option<&'static Call> {
        run.left = run.left.checked_sub(1)?;
        if run.workload.ordered {
            let call = run.workload.calls.get(run.at)?;
            run.at += 1;
            return self.random.happens(f64::from(call.often) / 100.0).then_some(call);
        }
        let mut point = self.random.between_u8(0, 99);
        run.workload.calls.iter().find(|call| {
            let here = point < call.often;
            point = point.saturating_sub(call.often);
            here
        })
    }

    fn failure(
        &mut self,
        member: &Member,
        call: &Call,
        guise: Guise,
        now: Timestamp,
    ) -> Option<(&'static str, &'static str)> {
        let trouble = self.trouble.get(member.home).is_some_and(|until| now < *until);
        let likely = if trouble { FAILING_IN_TROUBLE } else { FAILING };
        if guise != Guise::Itself || !self.random.happens(likely) {
            return None;
        }
        Some(match (trouble, call.service, self.random.below(10)) {
            (true, _, 0..=5) => ("ServiceUnavailable", "Service is unavailable. Please try again shortly."),
            (_, "s3", 0..=7) if call.read_only => ("NoSuchKey", "The specified key does not exist."),
            (_, _, 0..=8) => ("ThrottlingException", "Rate exceeded"),
            _ => ("AccessDenied", "The caller is not authorized to perform this action"),
        })
    }

    /// An account is in trouble, and two people look after it.
    fn outage(&mut self, account: usize, now: Timestamp) {
        let lasting = Duration::from_secs(self.random.between(1_200, 3_600));
        self.trouble[account] = now + lasting;
        self.schedule_outage(now + lasting, account);
        let mut called = 0;
        for _ in 0..400 {
            let who = self.random.below_u32(self.cast.size);
            if self.cast.kind(who) == Kind::Employee && self.cast.member(who).home == account {
                let notice = Duration::from_secs(self.random.between(120, 900));
                self.run(who, &ON_CALL_WORK, now + notice);
                called += 1;
            }
            if called == 2 {
                break;
            }
        }
    }

    /// A stranger fails to come in: background noise of the internet.
    fn knock(&mut self, now: Timestamp) -> Event {
        let busy = self.arrivals * micros(DAY) * 0.002 + 2.0;
        let wait = DAY.mul_f64(self.random.wait() / busy);
        self.schedule(now + wait, Task::Knock);
        let member = self.cast.member(self.random.below_u32(self.cast.size));
        let bits = self.random.next();
        let address = format!("198.19.{}.{}", bits % 256, 1 + (bits >> 8) % 254);
        let foreign = self.cast.foreign_account(bits >> 40);
        let (guise, call, error, agent) = if self.random.happens(0.5) {
            let failed = ("", "Failed authentication");
            (Guise::Nobody, &SIGN_IN, failed, *self.random.pick(&BROWSERS))
        } else {
            let denied = ("AccessDenied", "The caller is not authorized to perform sts:AssumeRole");
            (Guise::Foreign, &ASSUME, denied, *self.random.pick(&KITS))
        };
        let thread = Thread { run: bits, foreign: &foreign };
        let record = Record {
            time: now,
            guise,
            member: &member,
            thread,
            session: now,
            address: &address,
            agent,
            call,
            error: Some(error),
        };
        self.tell(&record, None)
    }

    fn intrude(&mut self, mut intrusion: Box<Intrusion>, now: Timestamp) -> Option<Event> {
        let index = self.told;
        let mut json = String::with_capacity(1_536);
        let (id, label) = intrusion.act(&mut json, now, index)?;
        self.told += 1;
        if let Some(pause) = intrusion.pause() {
            self.schedule(now + pause, Task::Intrusion(intrusion));
        }
        Some(Event { index, time: now, id, json, label: Some(label) })
    }

    fn tell(&mut self, record: &Record<'_>, label: Option<Label>) -> Event {
        let mut json = String::with_capacity(1_536);
        let id = record.write(&mut json, &mut self.random);
        let index = self.told;
        self.told += 1;
        Event { index, time: record.time, id, json, label }
    }
}

impl Iterator for Simulation {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            let Reverse(Due { time, task, .. }) = self.agenda.pop()?;
            if time >= self.end {
                self.agenda.clear();
                return None;
            }
            let event = match task {
                Task::Arrival => {
                    self.arrive(time);
                    None
                }
                Task::Cron(who) => {
                    self.schedule(time + self.period, Task::Cron(who));
                    let late = Duration::from_millis(self.random.below(3_000));
                    if self.cast.has_begun(who, time, self.start) {
                        self.begin(who, time + late);
                    }
                    None
                }
                Task::Outage(account) => {
                    self.outage(account, time);
                    None
                }
                Task::Run(run) => self.step(run, time),
                Task::Intrusion(intrusion) => self.intrude(intrusion, time),
                Task::Knock => Some(self.knock(time)),
            };
            if event.is_some() {
                return event;
            }
        }
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, self.number).cmp(&(other.time, other.number))
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// When the credentials in use at `now` were handed out: to machines every hour on an hour of their own,
/// to people and pipelines as they begin.
fn session_of(member: &Member, now: Timestamp) -> Timestamp {
    match member.kind {
        Kind::Service | Kind::Cron => {
            let offset = i64::from(member.who) * 977_777_777 % HOUR_MICROS;
            Timestamp::from_micros(now.micros() - (now.micros() - offset).rem_euclid(HOUR_MICROS))
        }
        _ => now,
    }
}

/// How busy a kind is at this hour, against its mean over a week.
fn share(kind: Kind, now: Timestamp) -> f64 {
    let hour = now.seconds().div_euclid(3_600);
    // 1 January 1970 was a Thursday.
    let weekday = (hour.div_euclid(24) + 3).rem_euclid(7) < 5;
    let hour = hour.rem_euclid(24);
    match kind {
        Kind::Employee | Kind::Operator if weekday && (8..18).contains(&hour) => 3.3,
        Kind::Employee | Kind::Operator => 0.025,
        Kind::Pipeline if weekday && (7..20).contains(&hour) => 2.3,
        Kind::Pipeline => 0.18,
        Kind::Key | Kind::Service | Kind::Cron if (7..22).contains(&hour) => 1.15,
        Kind::Key | Kind::Service | Kind::Cron => 0.75,
    }
}

/// Activities of one run, in the mean over a kind's workloads.
#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn mean(kind: Kind) -> f64 {
    let pool = workloads(kind);
    pool.iter().map(Workload::mean).sum::<f64>() / pool.len() as f64
}

/// The period of cron jobs that comes nearest to the rate.
fn period(rate: f64) -> Duration {
    let wanted = 1_440.0 * mean(Kind::Cron) / rate;
    let minutes = PERIODS.into_iter().rev().find(|minutes| f64::from(*minutes) <= wanted * 1.4).unwrap_or(1);
    Duration::from_secs(u64::from(minutes) * 60)
}
