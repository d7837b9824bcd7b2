//! Reconstruction: from a quorum of shares to the private halves, in locked memory.

use super::{
    Contribution, Package, RecoveryError,
    locked::{Pages, apart},
    package::{PackedKey, halves},
};
use crate::{Error, Purpose};
use base::{Id, Secret, noun};
use crypto::{Provider, Suite, hpke, shamir, sign::SigningKey, text};
use std::ops::Range;

/// An opened package: its private halves, in the order of its keys, as they stand in its content. The pages of those
/// that are secret in themselves are locked, and unlocked just before they are wiped. The others, of datasets and of
/// fields, are sealed to the organization's key: what is inside them is opened, and locked, one at a time.
pub(super) struct Opened {
    // Dropped first.
    pages: Pages,
    plain: Secret<Vec<u8>>,
    halves: Vec<Range<usize>>,
}

/// A copy of one private half, locked.
pub(super) struct Half {
    // Dropped first.
    _pages: Pages,
    secret: Secret<Vec<u8>>,
}

impl Half {
    fn of(bytes: &[u8]) -> Result<Self, RecoveryError> {
        Self::held(Secret::new(bytes.to_vec()))
    }

    fn held(secret: Secret<Vec<u8>>) -> Result<Self, RecoveryError> {
        let mut pages = Pages::default();
        pages.hold(secret.expose())?;
        Ok(Self { _pages: pages, secret })
    }

    pub(super) const fn secret(&self) -> &Secret<Vec<u8>> {
        &self.secret
    }

    /// Its parts; the pages are to be dropped first.
    fn into_parts(self) -> (Secret<Vec<u8>>, Pages) {
        (self.secret, self._pages)
    }
}

/// Whether a private half is ciphertext, sealed to the organization's key.
const fn is_sealed(purpose: Purpose) -> bool {
    matches!(purpose, Purpose::Dataset | Purpose::Field)
}

impl Opened {
    /// The private half of the key at this place.
    pub(super) fn half(&self, at: usize) -> Result<Half, RecoveryError> {
        Half::of(self.bytes(at))
    }

    fn bytes(&self, at: usize) -> &[u8] {
        self.halves.get(at).and_then(|range| self.plain.expose().get(range.clone())).unwrap_or_default()
    }

    /// Takes the private halves of these keys out of a package's content.
    fn of(plain: Secret<Vec<u8>>, keys: &[PackedKey]) -> Result<Self, RecoveryError> {
        let (mut ranges, mut from) = (Vec::with_capacity(keys.len()), 0);
        for half in halves(plain.expose(), keys.len())? {
            from += 4;
            ranges.push(from..from + half.len());
            from += half.len();
        }
        let mut opened = Self { pages: Pages::default(), plain, halves: ranges };
        let mut pages = Pages::default();
        for (at, key) in keys.iter().enumerate() {
            if !is_sealed(key.purpose) {
                pages.hold(opened.bytes(at))?;
            }
        }
        opened.pages = pages;
        Ok(opened)
    }
}

/// Checks a custodian's contribution against what was dealt: a wrong share is named.
pub(super) fn check(
    provider: &dyn Provider,
    package: &Package,
    with: &hpke::PrivateKey,
    given: &Contribution,
) -> Result<(), Error> {
    apart(|| shares_of(provider, package, with, std::slice::from_ref(given)).map(drop))?
}

/// Opened shares. Their pages are unlocked just before they are wiped.
struct Shares {
    // Dropped first.
    pages: Pages,
    all: Vec<shamir::Share>,
}

/// Opens contributions and checks each against what was dealt: a wrong share is named.
fn shares_of(
    provider: &dyn Provider,
    package: &Package,
    with: &hpke::PrivateKey,
    given: &[Contribution],
) -> Result<Shares, Error> {
    let mut shares = Shares { pages: Pages::default(), all: Vec::with_capacity(given.len()) };
    let mut pages = Pages::default();
    pages.hold(with.as_secret().expose())?;
    for given in given {
        let share = share_of(provider, package, with, given)?;
        shares.pages.hold(share.as_bytes().expose())?;
        shares.all.push(share);
    }
    Ok(shares)
}

fn share_of(
    provider: &dyn Provider,
    package: &Package,
    with: &hpke::PrivateKey,
    given: &Contribution,
) -> Result<shamir::Share, Error> {
    let setup = &package.setup;
    let other = |of| RecoveryError::Mismatch { what: "share", of };
    if given.organization != setup.organization {
        return Err(other("organization").into());
    }
    if given.setup != setup.setup {
        return Err(other("setup than the ceremony's").into());
    }
    let seat = setup.seat(given.custodian).ok_or_else(|| other("setup: it is no custodian of this one"))?;
    let wrong = || RecoveryError::WrongShare { name: seat.name.clone() };
    let share = given.open(provider, with).map_err(|error| match error {
        Error::Crypto(_) => wrong().into(),
        other => other,
    })?;
    if !setup.dealt(provider, seat, &share) {
        return Err(wrong().into());
    }
    Ok(share)
}

/// Opens the package with the contributions of a quorum.
pub(super) fn open(
    provider: &dyn Provider,
    package: &Package,
    with: &hpke::PrivateKey,
    given: &[Contribution],
) -> Result<Opened, Error> {
    apart(|| {
        let mut shares = shares_of(provider, package, with, given)?;
        let opened = combined(provider, package, &mut shares.all)?;
        drop(shares);
        sound(provider, package.setup.organization, &package.keys, &opened)?;
        Ok(opened)
    })?
}

/// Opens the package with shares.
fn combined(
    provider: &dyn Provider,
    package: &Package,
    shares: &mut [shamir::Share],
) -> Result<Opened, Error> {
    let setup = &package.setup;
    if shares.len() < usize::from(setup.quorum) {
        return Err(RecoveryError::TooFew { have: shares.len(), need: setup.quorum }.into());
    }
    // On the stack, which is locked.
    let secret = shamir::combine(shares, setup.quorum)?;
    if !setup.is_secret(provider, &secret)? {
        return Err(RecoveryError::WrongSecret.into());
    }
    let (private, pages) = Half::held(setup.open(provider, &secret)?)?.into_parts();
    let private = hpke::PrivateKey::from_secret(setup.suite, private)?;
    let opened = Opened::of(package.open(provider, &private)?, &package.keys)?;
    drop(pages);
    Ok(opened)
}

/// Whether the private halves are those of the public ones that the package names: all that can be checked without
/// the root and the database.
fn sound(
    provider: &dyn Provider,
    organization: Id<noun::Organization>,
    keys: &[PackedKey],
    opened: &Opened,
) -> Result<(), Error> {
    let unsound = |why| Error::from(RecoveryError::Unsound { why });
    let other = || unsound("a private half does not belong to the public one");
    let mut pairs: Vec<(Id<noun::Key>, hpke::PrivateKey)> = Vec::new();
    // After what they lock: dropped first.
    let mut held: Vec<Pages> = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        let public = || text::decode(&key.public, "recovery package");
        match key.purpose {
            Purpose::Organization => {
                let (half, pages) = opened.half(at)?.into_parts();
                let private = hpke::PrivateKey::from_secret(key.algorithm.parse::<Suite>()?, half)
                    .map_err(|_| other())?;
                let same = private.public(provider)?.as_bytes() == public()?;
                pairs.push((key.id, private));
                held.push(pages);
                if !same {
                    return Err(other());
                }
            }
            Purpose::Manifest | Purpose::LogEd25519 | Purpose::LogMlDsa44 => {
                let (half, pages) = opened.half(at)?.into_parts();
                let signing =
                    SigningKey::from_secret(provider, key.algorithm.parse()?, half).map_err(|_| other())?;
                let same = signing.verifying_key().as_bytes() == public()?;
                drop(pages);
                if !same {
                    return Err(other());
                }
            }
            Purpose::Dataset | Purpose::Field | Purpose::Redaction => {}
        }
    }
    let first = pairs.first().map(|(id, _)| *id);
    for (at, key) in keys.iter().enumerate().filter(|(_, key)| is_sealed(key.purpose)) {
        let over = key.over.or(first);
        let (_, with) = pairs
            .iter()
            .find(|(id, _)| Some(*id) == over)
            .ok_or_else(|| unsound("the organization's key is not in it that another key is sealed to"))?;
        let inner = hpke::open(provider, with, &key.bound(organization), &[], opened.bytes(at))
            .map_err(|_| unsound("a key does not open with the organization's"))?;
        let (inner, pages) = Half::held(inner)?.into_parts();
        if key.purpose == Purpose::Dataset {
            let private = hpke::PrivateKey::from_secret(key.algorithm.parse::<Suite>()?, inner)?;
            let same = private.public(provider)?.as_bytes() == text::decode(&key.public, "recovery package")?;
            drop(pages);
            if !same {
                return Err(other());
            }
        } else {
            drop(pages);
        }
    }
    drop(held);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Half, Opened};
    use crate::{Purpose, State, recovery::PackedKey, recovery::locked::tests::is_locked};
    use base::{Id, Secret, Timestamp};

    fn key(number: u16, purpose: Purpose) -> PackedKey {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        PackedKey {
            id: Id::from_bytes(id),
            purpose,
            dataset: (purpose == Purpose::Dataset).then_some(Id::from_bytes(id)),
            field: String::new(),
            value_id: 0,
            version: 1,
            algorithm: "hybrid-768".to_owned(),
            state: State::Active,
            before: None,
            public: String::new(),
            over: None,
            created_at: Timestamp::from_micros(1),
            activated_at: None,
            exported_at: None,
        }
    }

    /// 18 MB of private halves, where 8 MiB may be locked by default.
    #[test]
    fn what_is_secret_in_itself_is_locked_and_what_is_sealed_is_not() {
        let mut keys = vec![key(0, Purpose::Organization)];
        keys.extend((1..=5_000).map(|number| key(number, Purpose::Dataset)));
        let mut plain = Vec::new();
        for number in 0..keys.len() {
            plain.extend_from_slice(&3_600_u32.to_be_bytes());
            plain.extend_from_slice(&[u8::try_from(number % 251).expect("small"); 3_600]);
        }
        let opened = Opened::of(Secret::new(plain), &keys).expect("it fits into the limit");
        assert!(is_locked(opened.bytes(0).as_ptr()), "the organization's own");
        assert!(!is_locked(opened.bytes(2_500).as_ptr()), "ciphertext");
        let half = opened.half(4_000).expect("it is locked");
        assert_eq!(half.secret().expose().as_slice(), [u8::try_from(4_000 % 251).expect("small"); 3_600]);
        assert!(is_locked(half.secret().expose().as_ptr()), "a copy of one is");
        let at = opened.bytes(0).as_ptr();
        drop(opened);
        assert!(!is_locked(at), "and no longer than it is there");
        drop(half);
    }

    #[test]
    fn a_half_stays_locked_while_it_is_in_parts() {
        let (secret, pages) = Half::of(&[7; 5_000]).expect("it is locked").into_parts();
        assert!(is_locked(secret.expose().as_ptr()));
        drop(pages);
        assert!(!is_locked(secret.expose().as_ptr()));
    }
}
