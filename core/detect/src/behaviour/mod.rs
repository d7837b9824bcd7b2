//! Behaviour: what an identity does against what it and its peers are known to do. Pure and deterministic given
//! (state, activity, time); on a quiet activity nothing is allocated.
//!
//! **What is remembered.** Of each identity one record of 924 bytes ([`record`]): first-seen filters with
//! generations ([`filter`]), sketches of how many different things it touches ([`sketch`]), faded counts with four
//! half-lives, the hours of the week at which it works ([`hours`]), and how often each grade of each signal occurred
//! ([`tail`]). At most two in a hundred, the wide ones, have a page of 4 KiB more ([`slab`]). Of each peer group its
//! counts, its habits and half-space trees ([`group`], [`trees`]); of each shard four sketches of bursts ([`burst`]).
//! What shards share is an immutable [`Epoch`], made by [`advance`] or [`merge`] at points of the log.
//!
//! **How an activity is judged.**
//!
//! 1. It must be vouched for by its provider, of a machine, and at a credible time ([`watermark`]); anything else is
//!    left to the rules.
//! 2. Each of the fifteen [`Signal`]s compares it with its record and gives a grade, from 0 for the ordinary to 11.
//! 3. A grade becomes a probability: how often this grade or a more extreme one occurred to this identity, leaning on
//!    its peers' where its own history is short ([`tail`]).
//! 4. The probabilities are combined ([`combine`]). What was told before is left out of what decides whether to speak:
//!    a change is told once, and again when it grows.
//! 5. What is improbable adds to the identity's risk, as do rules by their severity; risk fades by half in twelve
//!    hours. An improbable activity is a low finding, and a medium one where the risk has become great. It is never
//!    more: behaviour alone cuts nobody off.
//! 6. What is ordinary is learned at once. News that are improbable wait ([`probation`]), measures that are improbable
//!    are held back from the habit for as long; nothing is learned while a severe finding is open.
//!
//! **One activity, on paper.** A build key has called `s3:PutObject` forty times a day for 41 days from one network.
//! Now `iam:CreateAccessKey` comes from another. The action is not in its filter, and by the epoch 0 of 312 peers used
//! it in this generation: grade 5, and one more for a service that is new to it, one more because it writes: 7. Its own
//! history has no such grade among 500; its peers' two among a million, of which the guess adds 0.1: (64 · 2·10⁻⁶ + 0)
//! ÷ 564 ≈ 2·10⁻⁷. The network: grade 5, 4·10⁻⁷ likewise. Combined over all signals that had something to say, of
//! weight 24 in all, of which these two have 8: p ≈ 24 ÷ (4 ÷ 2·10⁻⁷ + 4 ÷ 4·10⁻⁷) ≈ 8·10⁻⁷. Its risk rises by
//! −ln p − 4.6 ≈ 9.4, the finding says "first `iam:CreateAccessKey` in 41 days; 0 of 312 peers", and action and network
//! wait in probation, so that their second use is no news.

mod approx;
mod burst;
mod combine;
mod epoch;
mod filter;
mod group;
mod hours;
mod measure;
mod observe;
mod probation;
mod reasons;
mod record;
mod sight;
mod signal;
mod sketch;
mod slab;
mod tail;
mod trees;
mod verdict;
mod watermark;
mod weigh;

pub(crate) mod snapshot;

pub(crate) use burst::Bursts;
pub(crate) use group::Group;
pub(crate) use observe::{accept_told as release_told, observe};
pub(crate) use probation::Probation;
pub(crate) use record::{Record, moment};
pub(crate) use sight::network_name;
pub(crate) use slab::Slab;
pub(crate) use watermark::{Watermarks, source};

pub use epoch::{advance, merge};
pub use group::Epoch;
pub use record::{ESTABLISHED_ACTIVITIES, ESTABLISHED_MICROS};
pub use signal::{GRADES, SIGNALS, Signal};
pub use slab::MAX_IDENTITIES;
pub use verdict::{Disposition, Verdict};
pub use watermark::{RulesOnly, credible};
