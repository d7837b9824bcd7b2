//! An attack under way: one chain, step by step, with its labels.

use crate::attacks::{Plot, Step};
use crate::calls::KITS;
use crate::cast::Member;
use crate::event::{Guise, Record};
use crate::label::Label;
use crate::random::Random;
use crate::template::{Thread, new_key};
use base::Timestamp;
use std::time::Duration;

/// See the module. It draws from a stream of its own.
#[derive(Debug)]
pub(crate) struct Intrusion {
    name: String,
    steps: &'static [Step],
    member: Member,
    foreign: String,
    session: Timestamp,
    address: String,
    agent: &'static str,
    /// What shrinks every pause, in short worlds.
    haste: f64,
    run: u64,
    random: Random,
    at: usize,
    left: u8,
    /// The step at hand has not begun.
    fresh: bool,
}

impl Intrusion {
    pub(crate) fn new(
        plot: Plot,
        name: String,
        member: Member,
        session: Timestamp,
        foreign: String,
        haste: f64,
        run: u64,
    ) -> Self {
        let mut random = Random::new(run);
        let address = format!("198.19.{}.{}", random.below(256), random.between(1, 254));
        let agent = *random.pick(&KITS);
        let steps = plot.steps();
        let mut intrusion = Self {
            name,
            steps,
            member,
            foreign,
            session,
            address,
            agent,
            haste,
            run,
            random,
            at: 0,
            left: 0,
            fresh: true,
        };
        intrusion.draw();
        intrusion
    }

    /// How often the step at hand will be tried.
    fn draw(&mut self) {
        if let Some(step) = self.steps.get(self.at) {
            self.fresh = true;
            self.left = self.random.between_u8(step.times.0, step.times.1);
        }
    }

    /// One call, appended to `json`: its event id and label. `None` once all is done.
    pub(crate) fn act(&mut self, json: &mut String, now: Timestamp, index: u64) -> Option<(String, Label)> {
        let step = self.steps.get(self.at)?;
        let denied = self.random.happens(f64::from(step.denied) / 100.0);
        let record = Record {
            time: now,
            guise: step.guise,
            member: &self.member,
            thread: Thread { run: self.run, foreign: &self.foreign },
            session: self.session,
            address: &self.address,
            agent: self.agent,
            call: &step.call,
            error: denied.then_some(("AccessDenied", "The caller is not authorized to perform this action")),
        };
        let event_id = record.write(json, &mut self.random);
        let label = Label {
            event_index: index,
            event_id: event_id.clone(),
            chain: self.name.clone(),
            step: u32::try_from(self.at).unwrap_or(u32::MAX),
            last: self.at + 1 == self.steps.len(),
            technique: step.technique.to_owned(),
            identity: self.identity(step.guise),
        };
        self.fresh = false;
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.at += 1;
            self.draw();
        }
        Some((event_id, label))
    }

    /// How long until the next call; `None` once all is done.
    pub(crate) fn pause(&mut self) -> Option<Duration> {
        self.steps.get(self.at)?;
        // Within a step a script is at work; between steps somebody thinks.
        let seconds = if self.fresh { self.random.between(20, 600) } else { self.random.between(1, 12) };
        Some(Duration::from_secs(seconds).mul_f64(self.haste))
    }

    fn identity(&self, guise: Guise) -> String {
        let Member { account, name, .. } = &self.member;
        match guise {
            Guise::Created => new_key(self.run),
            Guise::Foreign => self.foreign.clone(),
            Guise::SigningIn { .. } => format!("arn:aws:iam::{account}:user/{name}"),
            _ => self.member.native(),
        }
    }
}
