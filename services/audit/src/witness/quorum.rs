//! The log's side: asks the witnesses of a policy, and counts whose word came back.

use super::{Settings, Unanswered, Witness, setting::TooLarge};
use crate::ports::{Cosigners, Memory, Own, Sighting, Signed, Unmet, Unreachable};
use crate::{Chain, Error, Signatures};
use base::Context;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Store;
use tokio::time::timeout;
use verify::quorum::{Policy, WrongPolicy};
use verify::witness::{Refusal, Request, cosignatures};
use verify::{Checkpoint, Hash, VerifiedCheckpoint, VerifierKey, note};

/// How long one witness may take to answer everything that it is asked about one checkpoint.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the others are waited for once the quorum is met.
const GRACE: Duration = Duration::from_millis(300);

/// How often one witness is asked about one checkpoint: with what we believe it knows, and with what it says.
const TRIES: usize = 3;

/// Reaches the witness at an address.
pub type Connect<'c> = &'c mut dyn FnMut(&str) -> Result<Arc<dyn Witness>, String>;

/// The witnesses of a policy file.
pub struct Quorum {
    policy: Policy,
    endpoints: Vec<Endpoint>,
    settings: Settings,
    signatures: Signatures,
}

/// One address: a witness has a line in the policy for each of its keys, and is asked once.
struct Endpoint {
    witness: Arc<dyn Witness>,
    keys: Vec<VerifierKey>,
    /// What the policy calls it, in the order of the keys.
    names: Vec<String>,
    /// The size that it knew last, by origin.
    known: Mutex<HashMap<String, u64>>,
}

/// A policy file that a log cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongQuorum {
    /// It is none.
    #[error(transparent)]
    Policy(#[from] WrongPolicy),
    /// It does not say where a witness is.
    #[error("witness {0} has no address: put its URL behind its key")]
    NoAddress(String),
    /// The address is none.
    #[error("the address of witness {name}: {why}")]
    Address {
        /// What the policy calls it.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// It does not fit the log.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// What one witness said.
#[derive(Default)]
struct Said {
    /// Its lines, with the key's name in the policy.
    lines: Vec<(String, String)>,
    trouble: Option<String>,
    seen: Option<Seen>,
}

struct Seen {
    /// With the root where it shows a checkpoint that the log has signed.
    sighting: Sighting,
    names: Vec<String>,
    is_split: bool,
}

/// What one witness remembers.
#[derive(Default)]
struct Recalled {
    /// A checkpoint that the log has signed.
    shown: Option<Sighting>,
    /// The largest size that it names, signed or not.
    told: u64,
}

/// What a monitoring address has.
#[derive(Clone, Copy)]
struct Latest {
    size: u64,
    root: Hash,
    /// Whether a key of the log has signed it.
    is_ours: bool,
}

impl Quorum {
    /// The witnesses of this policy file, each reached by `connect`.
    ///
    /// # Errors
    /// [`WrongQuorum`].
    pub fn new(
        store: Store,
        file: &str,
        signatures: Signatures,
        connect: Connect<'_>,
    ) -> Result<Self, WrongQuorum> {
        let policy: Policy = file.parse()?;
        let settings = Settings::of(store, file, &policy)?;
        let mut endpoints: Vec<(String, Endpoint)> = Vec::new();
        for witness in policy.witnesses() {
            let name = witness.name.clone();
            let url = witness.url.clone().ok_or_else(|| WrongQuorum::NoAddress(name.clone()))?;
            let at = match endpoints.iter().position(|(known, _)| *known == url) {
                Some(at) => at,
                None => {
                    let reached =
                        connect(&url).map_err(|why| WrongQuorum::Address { name: name.clone(), why })?;
                    let endpoint = Endpoint {
                        witness: reached,
                        keys: Vec::new(),
                        names: Vec::new(),
                        known: Mutex::default(),
                    };
                    endpoints.push((url, endpoint));
                    endpoints.len() - 1
                }
            };
            let endpoint = &mut endpoints[at].1;
            endpoint.keys.push(witness.key.clone());
            endpoint.names.push(name);
        }
        let endpoints = endpoints.into_iter().map(|(_, endpoint)| endpoint).collect();
        Ok(Self { policy, endpoints, settings, signatures })
    }

    /// What the logs are told of it.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    fn is_met(&self, by: &HashSet<String>) -> bool {
        self.policy.is_met(|witness| by.contains(&witness.name))
    }

    async fn gather_lines(&self, ctx: &Context, signed: Signed) -> Result<Vec<u8>, Unmet> {
        let absent = |why: &dyn std::fmt::Display| Unmet::Absent(why.to_string());
        let origin =
            signed.checkpoint.origin.parse().map_err(|wrong: verify::origin::WrongOrigin| absent(&wrong))?;
        let Some(settled) = self.settings.settle(ctx, origin).await.map_err(|error| absent(&error))? else {
            return Ok(Vec::new());
        };
        // Before the log has said who its witnesses are, no line of theirs may stand under its checkpoints; those
        // that it had before are asked no more, so the next checkpoint waits for the entry that says so.
        if settled.position >= signed.checkpoint.size {
            return match settled.replaces {
                true => {
                    Err(absent(&"the log's new witnesses cosign once the entry that names them is sequenced"))
                }
                false => Ok(Vec::new()),
            };
        }
        let signed = &signed;
        let mut asked: FuturesUnordered<_> =
            self.endpoints.iter().map(|endpoint| endpoint.cosign(signed, &self.signatures)).collect();
        let (mut by, mut lines, mut troubles, mut seen) =
            (HashSet::new(), String::new(), Vec::new(), Vec::new());
        loop {
            let next = match self.is_met(&by) {
                false => asked.next().await,
                true => timeout(GRACE, asked.next()).await.unwrap_or(None),
            };
            let Some(said) = next else { break };
            for (name, line) in said.lines {
                by.insert(name);
                lines.push_str(&line);
            }
            troubles.extend(said.trouble);
            seen.extend(said.seen);
        }
        for trouble in &troubles {
            tracing::warn!(origin = signed.checkpoint.origin, trouble, "a witness did not cosign");
        }
        if self.is_met(&by) {
            return Ok(lines.into_bytes());
        }
        // What nobody shows that this log has signed is their word alone: it counts where it is a quorum's.
        let claimants = seen.iter().filter(|seen| seen.sighting.root.is_none());
        let claimants = claimants.flat_map(|seen| seen.names.iter().cloned()).collect();
        let counts = self.is_met(&claimants);
        seen.retain(|seen| counts || seen.sighting.root.is_some());
        // The most that any of them knows is what an operator has to hear of.
        match seen.into_iter().max_by_key(|seen| (seen.sighting.size, seen.is_split)) {
            Some(Seen { sighting, is_split: true, .. }) => Err(Unmet::Split(sighting)),
            Some(Seen { sighting, is_split: false, .. }) => Err(Unmet::Ahead(sighting)),
            None => Err(Unmet::Absent(troubles.join("; "))),
        }
    }

    async fn recall_all(&self, ctx: &Context, own: Own<'_>) -> Result<Option<Sighting>, Unreachable> {
        if !self.settings.cover(ctx.organization()) {
            return Ok(None);
        }
        let mut asked: FuturesUnordered<_> = self
            .endpoints
            .iter()
            .map(|endpoint| async move {
                let recalled = timeout(PATIENCE, endpoint.recall(own, &self.signatures)).await;
                let late = || Err(format!("{} took longer than {} s", endpoint.name(), PATIENCE.as_secs()));
                (endpoint, recalled.unwrap_or_else(|_| late()))
            })
            .collect();
        let (mut unreached, mut troubles, mut most) = (HashSet::new(), Vec::new(), None::<Sighting>);
        let (mut claims, mut others) = (Vec::new(), HashSet::new());
        while let Some((endpoint, recalled)) = asked.next().await {
            match recalled {
                Ok(Recalled { shown, told }) => {
                    if told > own.size {
                        claims.push((told, endpoint));
                    } else {
                        others.extend(endpoint.names.iter().cloned());
                    }
                    most = most.into_iter().chain(shown).max_by_key(|shown| shown.size);
                }
                Err(trouble) => {
                    unreached.extend(endpoint.names.iter().cloned());
                    troubles.push(trouble);
                }
            }
        }
        // What the log itself has signed needs nobody's word.
        if most.as_ref().is_some_and(|shown| shown.size > own.size) || self.is_met(&HashSet::new()) {
            return Ok(most);
        }
        let silent = |why: String| Unreachable { by: self.name(), why, required: true };
        // What was published had a quorum: where those who are away make none, somebody of it is heard.
        if self.is_met(&unreached) {
            return Err(silent(troubles.join("; ")));
        }
        claims.sort_by_key(|(told, _)| std::cmp::Reverse(*told));
        let (mut suspects, mut backers) = (unreached, HashSet::new());
        for (told, endpoint) in &claims {
            suspects.extend(endpoint.names.iter().cloned());
            troubles.push(format!(
                "{} claims {told} entries of this log, and shows no checkpoint of them that the log has signed",
                endpoint.name()
            ));
        }
        if !self.is_met(&suspects) {
            // Whatever was published, one who says otherwise would have cosigned it.
            for trouble in &troubles {
                tracing::warn!(origin = own.origin, trouble, "a witness is passed over");
            }
            return Ok(most);
        }
        let mut by = Vec::new();
        for (told, endpoint) in claims {
            backers.extend(endpoint.names.iter().cloned());
            by.push(endpoint.name());
            if self.is_met(&backers) && !self.is_met(&others) {
                return Ok(Some(Sighting { by: by.join(", "), size: told, root: None }));
            }
        }
        Err(silent(troubles.join("; ")))
    }
}

impl Cosigners for Quorum {
    fn are_asked<'a>(&'a self, ctx: &'a Context) -> BoxFuture<'a, Result<bool, Error>> {
        async move { Ok(self.settings.cover(ctx.organization())) }.boxed()
    }

    fn gather<'a>(&'a self, ctx: &'a Context, signed: Signed) -> BoxFuture<'a, Result<Vec<u8>, Unmet>> {
        self.gather_lines(ctx, signed).boxed()
    }
}

impl Memory for Quorum {
    fn name(&self) -> String {
        "the quorum of witnesses".to_owned()
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn recall<'a>(
        &'a self,
        ctx: &'a Context,
        own: Own<'a>,
    ) -> BoxFuture<'a, Result<Option<Sighting>, Unreachable>> {
        self.recall_all(ctx, own).boxed()
    }
}

impl Endpoint {
    fn name(&self) -> String {
        format!("witness {}", self.names.join(", "))
    }

    async fn cosign(&self, signed: &Signed, signatures: &Signatures) -> Said {
        let late = |_| Said {
            trouble: Some(format!("{} took longer than {} s", self.name(), PATIENCE.as_secs())),
            ..Said::default()
        };
        timeout(PATIENCE, self.ask(signed, signatures)).await.unwrap_or_else(late)
    }

    async fn ask(&self, signed: &Signed, signatures: &Signatures) -> Said {
        let Checkpoint { origin, size, .. } = &signed.checkpoint;
        let trouble =
            |why: String| Said { trouble: Some(format!("{}: {why}", self.name())), ..Said::default() };
        // A witness that was never asked says itself what it knows.
        let mut old = self.known(origin).unwrap_or(0).min(*size);
        for _ in 0..TRIES {
            let proof = match self.proof(signed, old).await {
                Ok(proof) => proof,
                Err(why) => return trouble(why),
            };
            let request = Request { old, proof, note: signed.note.clone() };
            match self.witness.add_checkpoint(&request).await {
                Ok(answer) => {
                    let found = cosignatures(&signed.checkpoint, &answer, &self.keys, signatures);
                    if found.is_empty() {
                        return trouble("its answer holds no cosignature by a key of the policy".to_owned());
                    }
                    self.knows(origin, *size);
                    let named = |at: usize| self.names.get(at).cloned().unwrap_or_default();
                    let lines = found.into_iter().map(|found| (named(found.key), found.line)).collect();
                    return Said { lines, ..Said::default() };
                }
                Err(Unanswered::Refused(Refusal::Stale { known })) if known > *size => {
                    return self.seen(signed, known, false, signatures).await;
                }
                // Before July 2026 a split view was 409 as well.
                Err(Unanswered::Refused(Refusal::Stale { known })) if known == old => {
                    return self.seen(signed, known, true, signatures).await;
                }
                Err(Unanswered::Refused(Refusal::Stale { known })) => {
                    self.knows(origin, known);
                    old = known;
                }
                Err(Unanswered::Refused(Refusal::Inconsistent | Refusal::Split { .. })) => {
                    return self.seen(signed, old, true, signatures).await;
                }
                Err(other) => return trouble(other.to_string()),
            }
        }
        trouble("it changes its mind about what it knows".to_owned())
    }

    /// What it knows that is not ours.
    async fn seen(&self, signed: &Signed, size: u64, is_split: bool, signatures: &Signatures) -> Said {
        let latest = self.latest(&signed.checkpoint.origin, &signed.chain, signatures).await.ok().flatten();
        let shown = latest.filter(|latest| latest.is_ours && latest.size == size);
        let sighting = Sighting { by: self.name(), size, root: shown.map(|latest| latest.root) };
        let what = if is_split { "another history of this log" } else { "more of this log" };
        let trouble = Some(format!("{} says that it has cosigned {what}: {size} entries", self.name()));
        let seen = Some(Seen { sighting, names: self.names.clone(), is_split });
        Said { trouble, seen, lines: Vec::new() }
    }

    /// What it remembers of a log; an error where it cannot be asked, or would not cosign at all.
    async fn recall(&self, own: Own<'_>, signatures: &Signatures) -> Result<Recalled, String> {
        let latest = self.latest(own.origin, own.chain, signatures).await;
        let mut recalled = Recalled::default();
        if let Ok(Some(Latest { size, root, is_ours })) = latest {
            let sighting = || Sighting { by: self.name(), size, root: Some(root) };
            recalled = Recalled { shown: is_ours.then(sighting), told: size };
        }
        let Some(note) = own.published else { return latest.map(|_| recalled) };
        // Its monitoring address may be behind, or there may be none: it also says what it knows when it is asked.
        let request = Request { old: 0, proof: Vec::new(), note: note.to_vec() };
        match self.witness.add_checkpoint(&request).await {
            Ok(_) => {}
            Err(Unanswered::Refused(Refusal::Stale { known })) => {
                self.knows(own.origin, known);
                recalled.told = recalled.told.max(known);
            }
            Err(other) => return Err(format!("{}: {other}", self.name())),
        }
        Ok(recalled)
    }

    /// What its monitoring address has, once one of its keys was found under it.
    async fn latest(
        &self,
        origin: &str,
        chain: &Chain,
        signatures: &Signatures,
    ) -> Result<Option<Latest>, String> {
        let note = self.witness.latest(origin).await.map_err(|error| format!("{}: {error}", self.name()))?;
        let Some(bytes) = note else { return Ok(None) };
        let read = note::read(&bytes).ok();
        let checkpoint = read.as_ref().and_then(|read| Checkpoint::read(read.text));
        let (Some(read), Some(checkpoint)) = (read, checkpoint) else {
            return Err(format!("{}: its monitoring address holds no checkpoint", self.name()));
        };
        let holds =
            self.keys.iter().any(|key| checkpoint.cosigned(&read.signatures, key, signatures).is_some());
        if !holds || checkpoint.origin != origin {
            return Err(format!(
                "{}: its monitoring address holds a checkpoint that it has not cosigned",
                self.name()
            ));
        }
        let Checkpoint { size, root, .. } = checkpoint;
        // A witness may show the log's lines of those types only that it knows.
        let is_ours = chain.at(size).iter().any(|key| {
            VerifiedCheckpoint::open_known(&bytes, std::slice::from_ref(key), &[], signatures).is_ok()
        });
        Ok(Some(Latest { size, root, is_ours }))
    }

    async fn proof(&self, signed: &Signed, old: u64) -> Result<Vec<Hash>, String> {
        if old == 0 || old == signed.checkpoint.size {
            return Ok(Vec::new());
        }
        let from = Arc::clone(&signed.proof);
        let proof = tokio::task::spawn_blocking(move || from(old)).await;
        proof
            .map_err(|_| Error::Interrupted)
            .flatten()
            .map_err(|error| format!("no proof from size {old}: {error}"))
    }

    fn known(&self, origin: &str) -> Option<u64> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(origin).copied()
    }

    fn knows(&self, origin: &str, size: u64) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(origin.to_owned(), size);
    }
}
