//! What our models read of an activity, as numbers between 0 and 1: what a library of others is handed, which knows
//! neither identities nor names.
//!
//! Of each identity it is counted exactly what it did before: every action, network, region, client, thing and pair of
//! actions, its rates of a minute, an hour and a day, what it touched and called within the hour, its hours of the week;
//! and of its peers how many ever called the action. Nothing is rounded, forgotten or kept within a bound, as ours must.

use base::Timestamp;
use events::{Activity, IdentityKind};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// How many numbers there are.
pub(crate) const FEATURES: usize = 14;

/// What one identity did before.
#[derive(Debug, Default)]
struct Past {
    /// How often each thing of a kind.
    counts: HashMap<(u8, String), u32>,
    last: i64,
    rates: [f64; 3],
    previous: String,
    hour: i64,
    targets: HashSet<String>,
    actions: HashSet<String>,
}

/// All identities' past.
#[derive(Debug, Default)]
pub(crate) struct Features {
    past: HashMap<String, Past>,
    /// By kind of identity, how many there are, and how many ever called an action.
    peers: HashMap<IdentityKind, u32>,
    callers: HashMap<(IdentityKind, String), u32>,
}

const HALF_LIVES: [f64; 3] = [60.0, 3_600.0, 86_400.0];

impl Features {
    /// The numbers of an activity, which is then part of the past. `None` where no identity acts.
    pub(crate) fn of(&mut self, activity: &Activity<'_>) -> Option<[f64; FEATURES]> {
        let key = activity.actor.identity.as_ref()?;
        let past = self.past.entry(key.native.to_string()).or_default();
        *self.peers.entry(key.kind).or_default() += u32::from(past.counts.is_empty());
        let action = format!("{} {}", activity.service, activity.action);
        let seconds = activity.time.seconds();
        let things = [
            Some(action.clone()),
            activity.source_ip.map(network),
            activity.region.map(str::to_owned),
            activity.user_agent.map(family),
            activity.target.map(str::to_owned),
            Some(format!("{} {action}", past.previous)),
            Some(hour_of_week(activity.time).to_string()),
        ];
        let mut numbers = [0.0; FEATURES];
        for (kind, thing) in (0_u8..).zip(things) {
            let Some(thing) = thing else { continue };
            let count = past.counts.entry((kind, thing)).or_default();
            // 1 for the first time, and ever less.
            numbers[usize::from(kind)] = 1.0 / f64::from(*count + 1);
            if kind == 0 && *count == 0 {
                *self.callers.entry((key.kind, action.clone())).or_default() += 1;
            }
            *count += 1;
        }
        #[expect(clippy::cast_precision_loss, reason = "seconds of two weeks")]
        let passed = (seconds - past.last).max(0) as f64;
        for (at, half_life) in HALF_LIVES.into_iter().enumerate() {
            past.rates[at] = past.rates[at] * (-passed / half_life).exp2() + 1.0;
            numbers[7 + at] = scaled(past.rates[at], [6.0, 8.0, 11.0][at]);
        }
        if past.hour != seconds / 3_600 {
            (past.hour, past.targets, past.actions) = (seconds / 3_600, HashSet::new(), HashSet::new());
        }
        past.targets.extend(activity.target.map(str::to_owned));
        past.actions.insert(action.clone());
        numbers[10] = scaled(count(past.targets.len()), 6.0);
        numbers[11] = scaled(count(past.actions.len()), 4.0);
        numbers[12] = f64::from(u8::from(activity.read_only == Some(false)));
        let peers = self.peers.get(&key.kind).copied().unwrap_or(1).max(1);
        let callers = self.callers.get(&(key.kind, action.clone())).copied().unwrap_or(0);
        numbers[13] = 1.0 - f64::from(callers) / f64::from(peers);
        (past.last, past.previous) = (seconds, action);
        Some(numbers)
    }
}

/// A number on a logarithmic scale of so many natural logarithms.
fn scaled(value: f64, most: f64) -> f64 {
    (value.ln_1p() / most).clamp(0.0, 1.0)
}

#[expect(clippy::cast_precision_loss, reason = "things within an hour")]
fn count(things: usize) -> f64 {
    things as f64
}

/// As our models take it: /24 of an address, /16 of a private one, the name of a service.
fn network(from: &str) -> String {
    match from.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            let [one, two, three, _] = address.octets();
            let three = if address.is_private() { 0 } else { three };
            format!("{one}.{two}.{three}")
        }
        _ => from.to_owned(),
    }
}

/// The name before the first version.
fn family(agent: &str) -> String {
    agent.split(['/', ' ', ';', ',', '(']).next().unwrap_or_default().to_owned()
}

const fn hour_of_week(time: Timestamp) -> i64 {
    time.seconds().div_euclid(3_600).rem_euclid(168)
}
