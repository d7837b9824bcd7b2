//! Whose word is taken for a log: what the command line names, what the user's pins say, and what is remembered after.
//!
//! A first use is believed only where nothing speaks against it. A log of an organization of which another log is
//! pinned, and a log that stands where another one was verified, are not first uses: whoever would replace a log by one
//! of their own making would otherwise only have to give it a new name.

use super::book::{Book, Head, Known, Why, read_checkpoint};
use crate::cli::Trusted;
use crate::connect::Surroundings;
use crate::failure::Failure;
use base::{Clock as _, Kind, Timestamp, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::fs;
use std::path::PathBuf;
use verify::origin::Origin;
use verify::quorum::Policy;
use verify::{Checkpoint, Pins, VerifierKey, note};

/// How many checkpoints of proofs, and how many places, are remembered of one log.
const REMEMBERED: usize = 64;

/// What the command line names, beside the user's pins.
pub(super) struct Trust {
    book: Option<Book>,
    keys: Vec<VerifierKey>,
    policy: Option<(PathBuf, Policy)>,
    require_pin: bool,
    forget_platform: bool,
    now: Timestamp,
}

/// Why a log's keys are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Basis {
    /// `--key` names one.
    Key,
    /// A `log` line of `--policy` does.
    Policy(PathBuf),
    /// One is pinned.
    Pinned(Why, Timestamp),
    /// Nothing: they stand in the log itself.
    Unpinned,
}

/// What is known of a log before it is looked at.
pub(super) struct Before {
    /// What the check is handed.
    pub(super) pins: Pins,
    /// Why its keys will be believed.
    pub(super) basis: Basis,
    /// Its row of the pins.
    pub(super) known: Option<Known>,
}

impl Trust {
    /// Reads what the command line names.
    ///
    /// # Errors
    /// A key or a policy that is none.
    pub(super) fn read(named: &Trusted, surroundings: &Surroundings) -> Result<Self, Failure> {
        let keys = named.key.iter().map(|key| parse_key(key)).collect::<Result<Vec<_>, _>>()?;
        let policy = match &named.policy {
            None => None,
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
                let wrong = |error| Failure::new(Kind::BadInput, format!("{}: {error}", path.display()));
                Some((path.clone(), text.parse().map_err(wrong)?))
            }
        };
        let now = node::MachineClock.now();
        let (book, require_pin) = (Book::of(surroundings), named.require_pin);
        Ok(Self { book, keys, policy, require_pin, forget_platform: false, now })
    }

    /// Takes the user's word that the platform's log may be another one than before, or not be shown.
    pub(super) fn forgetting_platform(self, forget: bool) -> Self {
        Self { forget_platform: forget, ..self }
    }

    /// Whether it is taken.
    pub(super) const fn forgets_platform(&self) -> bool {
        self.forget_platform
    }

    /// Whether the policy is one of the command line: it may be about any of the logs that are looked at.
    pub(super) const fn names_policy(&self) -> bool {
        self.policy.is_some()
    }

    /// The user's pins, where there is a place for them.
    pub(super) const fn book(&self) -> Option<&Book> {
        self.book.as_ref()
    }

    /// What is known of the log of this name, which stands at this place, and of the platform's log above it.
    ///
    /// # Errors
    /// A log of which nothing is known where a pin is required, or where something else is known than a first use
    /// would find.
    pub(super) fn of(
        &self,
        origin: &str,
        above: Option<&str>,
        place: Option<&str>,
    ) -> Result<Before, Failure> {
        let mut rows = self.book.as_ref().map_or_else(|| Ok(Vec::new()), Book::read)?;
        let at = rows.iter().position(|row| row.origin == origin);
        let known = at.map(|at| rows.swap_remove(at));
        let over = above.and_then(|above| rows.iter().find(|row| row.origin == above));

        let of_log = |keys: &[VerifierKey]| -> Vec<VerifierKey> {
            keys.iter().filter(|key| key.name() == origin).cloned().collect()
        };
        let given = of_log(&self.keys);
        let named = self
            .policy
            .as_ref()
            .filter(|(_, policy)| policy.logs().iter().any(|log| log.key.name() == origin));
        let basis = match (&given[..], named, &known) {
            ([_, ..], _, _) => Basis::Key,
            ([], Some((path, _)), _) => Basis::Policy(path.clone()),
            ([], None, Some(known)) => Basis::Pinned(known.why, known.since),
            ([], None, None) => Basis::Unpinned,
        };
        if basis == Basis::Unpinned {
            self.first_use(origin, place, &rows)?;
        }
        // What is named now counts; a pin beside it is held against the log afterwards.
        let mut keys = match basis {
            Basis::Key => given,
            Basis::Policy(_) | Basis::Unpinned => Vec::new(),
            Basis::Pinned(..) => known.as_ref().map(|known| known.keys.clone()).unwrap_or_default(),
        };
        if let Some(above) = above {
            let given: Vec<_> = self.keys.iter().filter(|key| key.name() == above).cloned().collect();
            keys.extend(if given.is_empty() {
                over.map(|row| row.keys.clone()).unwrap_or_default()
            } else {
                given
            });
        }
        let remembered = || {
            let texts = [known.as_ref(), over].into_iter().flatten().filter_map(|row| row.policy.as_deref());
            texts.filter_map(|text| text.parse().ok()).next()
        };
        let policy = self.policy.as_ref().map(|(_, policy)| policy.clone()).or_else(remembered);
        let heads = |row: &Known| {
            row.head.iter().chain(&row.seen).map(|head| head.checkpoint.clone()).collect::<Vec<_>>()
        };
        let mut earlier: Vec<Checkpoint> = known
            .as_ref()
            .map(|row| row.seen.iter().map(|head| head.checkpoint.clone()).collect())
            .unwrap_or_default();
        earlier.extend(over.map(heads).unwrap_or_default());
        let checkpoint = known.as_ref().and_then(|row| row.head.as_ref()).map(|head| head.checkpoint.clone());
        Ok(Before { pins: Pins { keys, checkpoint, earlier, policy, ..Pins::default() }, basis, known })
    }

    /// Refuses keys of `--key` of which none is of the log that is asked about, nor all of the platform's above it.
    ///
    /// # Errors
    /// [`Kind::CheckFailed`].
    pub(super) fn is_about(&self, origin: &str, above: Option<&str>) -> Result<(), Failure> {
        if self.keys_of(origin).next().is_none() && !self.keys.iter().all(|key| Some(key.name()) == above) {
            let what = format!("this is the log {origin}, and no key of --key is its");
            return Err(Failure::new(Kind::CheckFailed, what));
        }
        Ok(())
    }

    /// Whether a log of which no key is known may be taken at its word.
    fn first_use(&self, origin: &str, place: Option<&str>, rows: &[Known]) -> Result<(), Failure> {
        let refused = |why: String| Err(Failure::new(Kind::CheckFailed, why));
        let pin = "pin a key that you have from elsewhere (nexora ledger pins add), or give it with --key";
        if self.require_pin {
            return refused(format!("key: UNPINNED: no key of {origin} is pinned: {pin}"));
        }
        let organization = |origin: &str| origin.parse::<Origin>().ok().map(|origin| origin.organization);
        let same = |row: &&Known| {
            organization(origin).is_some() && organization(&row.origin) == organization(origin)
        };
        if let Some(other) = rows.iter().find(same) {
            return refused(format!(
                "key: UNPINNED: {origin} is another log of the organization whose log {} is pinned, and nothing that \
                 you know vouches for its keys: ask its operator why there is a new one, and {pin}",
                other.origin
            ));
        }
        let here = |row: &&Known| place.is_some_and(|place| row.places.iter().any(|known| known == place));
        if let Some(other) = rows.iter().find(here) {
            return refused(format!(
                "key: UNPINNED: where {origin} stands now, another log was verified: {}. If that is as it should be, \
                 {pin}, or forget the other one: nexora ledger pins rm {}",
                other.origin, other.origin
            ));
        }
        Ok(())
    }

    /// Remembers a log whose checkpoint was verified under these keys. `whole`: every entry was, so that whatever was
    /// seen of it before is compared.
    ///
    /// # Errors
    /// Pins that cannot be written, or that another command changed to something else meanwhile.
    pub(super) fn remember(&self, verified: &Verified<'_>) -> Result<bool, Failure> {
        let Some(book) = &self.book else { return Ok(false) };
        let checkpoint = read_checkpoint(verified.note)
            .ok_or_else(|| Failure::ours("a checkpoint that was verified does not read"))?;
        let note = verified.kept();
        let head = Head { checkpoint, note, verified: self.now };
        book.change(|rows| {
            if let Some(place) = verified.place {
                let other = |row: &&mut Known| row.origin != head.checkpoint.origin;
                rows.iter_mut().filter(other).for_each(|row| row.places.retain(|known| known != place));
            }
            let at = rows.iter().position(|row| row.origin == head.checkpoint.origin);
            let row = match at {
                Some(at) => &mut rows[at],
                None => {
                    rows.push(Known {
                        origin: head.checkpoint.origin.clone(),
                        keys: verified.keys.to_vec(),
                        why: verified.why,
                        since: self.now,
                        head: None,
                        seen: Vec::new(),
                        policy: None,
                        places: Vec::new(),
                        platform: None,
                    });
                    let last = rows.len() - 1;
                    &mut rows[last]
                }
            };
            row.learn(head, verified)?;
            if verified.platform.is_some() || self.forget_platform {
                row.platform = verified.platform.map(str::to_owned);
            }
            Ok(())
        })?;
        Ok(true)
    }
}

/// What is to be remembered.
pub(super) struct Verified<'v> {
    /// The signed checkpoint.
    pub(super) note: &'v [u8],
    /// The keys that sign the log now, or those that checked the proof.
    pub(super) keys: &'v [VerifierKey],
    /// Every key that ever signed it, as far as the log says.
    pub(super) ever: &'v [VerifierKey],
    /// Why they are believed.
    pub(super) why: Why,
    /// Where the log stands.
    pub(super) place: Option<&'v str>,
    /// Whether every entry of the log was verified.
    pub(super) whole: bool,
    /// The platform's log that it was held against.
    pub(super) platform: Option<&'v str>,
}

impl Verified<'_> {
    /// The note as it is remembered: of a proof without the lines that were passed over, which anybody can add.
    fn kept(&self) -> String {
        let whole = String::from_utf8_lossy(self.note).into_owned();
        let Some(note) = note::read(self.note).ok().filter(|_| !self.whole) else { return whole };
        let known = note.signatures.iter().filter(|line| self.keys.iter().any(|key| line.is_by(key)));
        let lines: String =
            known.map(|line| note::signature_line(line.name, line.key_id, &line.bytes)).collect();
        format!("{}\n{lines}", note.text)
    }
}

impl Known {
    fn learn(&mut self, head: Head, verified: &Verified<'_>) -> Result<(), Failure> {
        let split = |known: &Head| {
            known.checkpoint.size == head.checkpoint.size && known.checkpoint.root != head.checkpoint.root
        };
        if self.head.iter().chain(&self.seen).any(split) {
            let what =
                format!("another command verified another tree of {} entries just now", head.checkpoint.size);
            return Err(Failure::new(Kind::CheckFailed, what));
        }
        if !self.keys.iter().any(|key| verified.ever.contains(key)) {
            return Err(not_pinned(self));
        }
        if verified.why == Why::Given {
            self.why = Why::Given;
        }
        if let Some(place) = verified.place
            && !self.places.iter().any(|known| known == place)
        {
            self.places.push(place.to_owned());
            let over = self.places.len().saturating_sub(REMEMBERED);
            self.places.drain(..over);
        }
        let largest = self.head.as_ref().map_or(0, |known| known.checkpoint.size);
        if verified.whole {
            // A key that was replaced signs nothing any more.
            self.keys = verified.keys.to_vec();
            self.seen.retain(|seen| seen.checkpoint.size > head.checkpoint.size);
            if self.head.is_none() || head.checkpoint.size > largest {
                self.head = Some(head);
            }
        } else {
            for key in verified.keys.iter().filter(|key| !self.keys.contains(key)).collect::<Vec<_>>() {
                self.keys.push(key.clone());
            }
            let there = self.head.iter().chain(&self.seen).any(|seen| seen.checkpoint == head.checkpoint);
            if !there {
                self.seen.push(head);
                let over = self.seen.len().saturating_sub(REMEMBERED);
                self.seen.drain(..over);
            }
        }
        Ok(())
    }
}

/// A log that is signed by other keys than the pinned ones.
pub(super) fn not_pinned(known: &Known) -> Failure {
    let keys: Vec<_> = known.keys.iter().map(fingerprint).collect();
    let what = format!(
        "the keys of {} are not the pinned ones ({}): this is another log, or one made to look like it; nexora ledger \
         pins rm forgets the pin",
        known.origin,
        keys.join(", ")
    );
    Failure::new(Kind::CheckFailed, what)
}

/// A verifier key from text.
///
/// # Errors
/// [`Kind::BadInput`].
pub(super) fn parse_key(text: &str) -> Result<VerifierKey, Failure> {
    text.trim()
        .parse()
        .map_err(|error: verify::vkey::WrongKey| Failure::new(Kind::BadInput, format!("--key: {error}")))
}

/// A key as people compare it: its algorithm, and SHA-256 over its text form in base64.
pub(super) fn fingerprint(key: &VerifierKey) -> String {
    let hash = digest::sha256(key.to_string().as_bytes());
    format!("{} SHA256:{}", key.kind().as_str(), STANDARD_NO_PAD.encode(hash))
}

impl Basis {
    /// As pins write it.
    pub(super) const fn why(&self) -> Why {
        match self {
            Self::Key | Self::Policy(_) => Why::Given,
            Self::Pinned(why, _) => *why,
            Self::Unpinned => Why::FirstUse,
        }
    }

    /// For people: why these keys are believed.
    pub(super) fn told(&self, remembered: bool) -> String {
        match self {
            Self::Key => "pinned: given with --key".to_owned(),
            Self::Policy(path) => format!("pinned: named by the policy {}", path.display()),
            Self::Pinned(Why::Given, since) => format!("pinned: given on {since}"),
            Self::Pinned(Why::FirstUse, since) => {
                format!("pinned: taken from the log itself on first use, {since}")
            }
            Self::Unpinned if remembered => {
                "UNPINNED: the log vouches for its own keys; they are pinned now, on first use: compare them with what \
                 you have from elsewhere"
                    .to_owned()
            }
            Self::Unpinned => {
                "UNPINNED: the log vouches for its own keys; nothing is remembered without HOME or XDG_CONFIG_HOME"
                    .to_owned()
            }
        }
    }
}

impl Trust {
    /// The keys that `--key` names for a log.
    pub(super) fn keys_of(&self, origin: &str) -> impl Iterator<Item = &VerifierKey> {
        self.keys.iter().filter(move |key| key.name() == origin)
    }

    /// Why a log that was not asked about itself is believed: as it is pinned, or else as the command line names it.
    ///
    /// # Errors
    /// Pins that cannot be read.
    pub(super) fn why_of(&self, origin: &str) -> Result<Why, Failure> {
        let known = self.book.as_ref().map_or(Ok(None), |book| book.find(origin))?;
        Ok(known.map_or(Why::Given, |known| known.why))
    }

    /// Whether a log that an operator began anew takes up all that was verified of the one before it.
    ///
    /// # Errors
    /// It names an earlier state of that log, or another history.
    pub(super) fn follows(&self, report: &verify::Report) -> Result<(), Failure> {
        let (Some(book), Some(named)) = (&self.book, &report.charter.previous) else { return Ok(()) };
        let Some(head) = book.find(&named.origin)?.and_then(|known| known.head) else { return Ok(()) };
        let seen = &head.checkpoint;
        if named.size < seen.size || (named.size == seen.size && named.root != seen.root) {
            let what = format!(
                "{} begins after {} entries of {}, and you verified {} entries of it on {}: entries were dropped, and \
                 the signed checkpoint in your pins proves it (nexora ledger pins show)",
                report.charter.origin, named.size, named.origin, seen.size, head.verified
            );
            return Err(Failure::new(Kind::CheckFailed, what));
        }
        Ok(())
    }
}
