//! Reconstruction: from a quorum of shares to the private halves, in locked memory.

use super::{
    Contribution, Package, RecoveryError,
    locked::{Pages, apart},
    package::{PackedKey, halves},
};
use crate::{Error, Purpose};
use base::{Id, Secret, noun};
use crypto::{Provider, Suite, hpke, shamir, sign::SigningKey, text};

/// An opened package: its private halves, in the order of its keys. Their pages are unlocked just before they are
/// wiped.
pub(super) struct Opened {
    // Dropped first.
    pages: Pages,
    halves: Vec<Secret<Vec<u8>>>,
}

impl Opened {
    pub(super) fn halves(&self) -> &[Secret<Vec<u8>>] {
        &self.halves
    }

    /// Takes the private halves of `count` keys out of a package's content.
    fn of(plain: Secret<Vec<u8>>, count: usize) -> Result<Self, RecoveryError> {
        let (mut whole, mut opened) =
            (Pages::default(), Self { pages: Pages::default(), halves: Vec::new() });
        whole.hold(plain.expose())?;
        for half in halves(plain.expose(), count)? {
            let half = Secret::new(half.to_vec());
            opened.pages.hold(half.expose())?;
            opened.halves.push(half);
        }
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
    let private = setup.open(provider, &secret)?;
    let private = hpke::PrivateKey::from_secret(setup.suite, private)?;
    let mut pages = Pages::default();
    pages.hold(private.as_secret().expose())?;
    let opened = Opened::of(package.open(provider, &private)?, package.keys.len())?;
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
    let halves = opened.halves();
    let mut pairs: Vec<(Id<noun::Key>, hpke::PrivateKey)> = Vec::new();
    // After what they lock, here and below: dropped first.
    let mut pages = Pages::default();
    for (key, half) in keys.iter().zip(halves) {
        let public = text::decode(&key.public, "recovery package")?;
        match key.purpose {
            Purpose::Organization => {
                let private = hpke::PrivateKey::from_secret(key.algorithm.parse::<Suite>()?, half.clone())
                    .map_err(|_| other())?;
                pages.hold(private.as_secret().expose())?;
                if private.public(provider)?.as_bytes() != public {
                    return Err(other());
                }
                pairs.push((key.id, private));
            }
            Purpose::Manifest | Purpose::LogEd25519 | Purpose::LogMlDsa44 => {
                let signing = SigningKey::from_secret(provider, key.algorithm.parse()?, half.clone())
                    .map_err(|_| other())?;
                let mut pages = Pages::default();
                pages.hold(signing.as_secret().expose())?;
                if signing.verifying_key().as_bytes() != public {
                    return Err(other());
                }
            }
            Purpose::Dataset | Purpose::Field | Purpose::Redaction => {}
        }
    }
    let first = pairs.first().map(|(id, _)| *id);
    for (key, half) in keys.iter().zip(halves) {
        if !matches!(key.purpose, Purpose::Dataset | Purpose::Field) {
            continue;
        }
        let over = key.over.or(first);
        let (_, with) = pairs
            .iter()
            .find(|(id, _)| Some(*id) == over)
            .ok_or_else(|| unsound("the organization's key is not in it that another key is sealed to"))?;
        let inner = hpke::open(provider, with, &key.bound(organization), &[], half.expose())
            .map_err(|_| unsound("a key does not open with the organization's"))?;
        if key.purpose == Purpose::Dataset {
            let private = hpke::PrivateKey::from_secret(key.algorithm.parse::<Suite>()?, inner)?;
            let mut pages = Pages::default();
            pages.hold(private.as_secret().expose())?;
            if private.public(provider)?.as_bytes() != text::decode(&key.public, "recovery package")? {
                return Err(other());
            }
        }
    }
    Ok(())
}
