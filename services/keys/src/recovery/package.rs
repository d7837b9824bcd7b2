//! The recovery package: what it holds and how it is sealed (`docs/formats/recovery-package.md`). Pure.

use super::{
    RecoveryError,
    custodian::{SealedShare, custodian_id},
    locked::{Pages, apart},
};
use crate::{Error, Purpose, Scope, State};
use base::{Id, Secret, Timestamp, digest, noun};
use crypto::{Provider, Suite, bind, envelope, equal, hpke, shamir, text};
use serde::{Deserialize, Serialize};

const FORMAT: &str = "nexora/recovery-package/1";
const KEY: &str = "nexora/recovery-key/1";
const SHARE_HASH: &[u8] = b"nexora/recovery-share-hash/1";
const CHECK: &[u8] = b"nexora/recovery-check/1";

/// The suite of recovery key pairs.
const SUITE: Suite = Suite::Hybrid768;

/// A setup as it was dealt: custodians, commitments, and the recovery key pair. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Whose.
    pub organization: Id<noun::Organization>,
    /// Its id.
    pub setup: Id<noun::Ceremony>,
    /// How many shares are needed.
    pub quorum: u8,
    /// The custodians, by share.
    pub custodians: Vec<Seat>,
    /// The check value of the recovery key.
    pub check: Commitment,
    /// The suite of the recovery key pair.
    pub suite: Suite,
    /// Its public half, base64url: what packages are sealed to.
    pub public: String,
    /// Its private half, wrapped under the recovery key, base64url.
    pub private: String,
}

/// A custodian and its share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// The custodian's name.
    pub name: String,
    /// The custodian's public key, base64url.
    pub public: String,
    /// The salted hash of the share.
    pub hash: Commitment,
    /// The share, sealed to the custodian.
    pub share: SealedShare,
}

/// A salted hash of something random.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// 32 random bytes, hexadecimal.
    pub salt: String,
    /// HMAC-SHA256 under the salt, hexadecimal.
    pub hash: String,
}

impl Commitment {
    fn to(provider: &dyn Provider, salt: &[u8; 32], parts: &[&[u8]]) -> Self {
        let hash = provider.hmac_sha256(salt, parts);
        Self { salt: digest::hex(salt), hash: digest::hex(hash.expose()) }
    }

    fn fresh(provider: &dyn Provider, parts: &[&[u8]]) -> Self {
        Self::to(provider, &crypto::random(provider), parts)
    }

    fn holds(&self, provider: &dyn Provider, parts: &[&[u8]]) -> bool {
        let Some(salt) = unhex(&self.salt) else { return false };
        equal(Self::to(provider, &salt, parts).hash.as_bytes(), self.hash.as_bytes())
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

impl Head {
    /// Deals a new recovery key to these custodians (name and key), in locked memory.
    pub(super) fn deal(
        provider: &dyn Provider,
        organization: Id<noun::Organization>,
        setup: Id<noun::Ceremony>,
        quorum: u8,
        custodians: &[(String, hpke::PublicKey)],
    ) -> Result<Self, Error> {
        apart(|| Self::dealing(provider, organization, setup, quorum, custodians))?
    }

    fn dealing(
        provider: &dyn Provider,
        organization: Id<noun::Organization>,
        setup: Id<noun::Ceremony>,
        quorum: u8,
        custodians: &[(String, hpke::PublicKey)],
    ) -> Result<Self, Error> {
        let count = u8::try_from(custodians.len()).map_err(|_| RecoveryError::Quorum)?;
        // On the stack, which is locked.
        let secret = crypto::secret::<32>(provider);
        let shares = shamir::split(provider, &secret, count, quorum)?;
        let pair = hpke::KeyPair::generate(provider, SUITE);
        let mut pages = Pages::default();
        pages.hold(pair.private.as_secret().expose())?;
        let mut seats = Vec::with_capacity(custodians.len());
        for (share, (name, key)) in shares.iter().zip(custodians) {
            let bytes = share.as_bytes();
            pages.hold(bytes.expose())?;
            seats.push(Seat {
                name: name.clone(),
                public: text::encode(key.as_bytes()),
                hash: Commitment::fresh(provider, &[SHARE_HASH, setup.as_bytes(), bytes.expose()]),
                share: SealedShare::seal(provider, organization, setup, quorum, key, share)?,
            });
        }
        let private = envelope::wrap(
            provider,
            &secret,
            &bound(organization, setup, SUITE),
            pair.private.as_secret().expose(),
        );
        let mut head = Self {
            organization,
            setup,
            quorum,
            custodians: seats,
            check: Commitment { salt: String::new(), hash: String::new() },
            suite: SUITE,
            public: text::encode(pair.public.as_bytes()),
            private: text::encode(&private),
        };
        let said = head.said()?;
        head.check = Commitment::fresh(provider, &[CHECK, setup.as_bytes(), secret.expose(), &said]);
        drop(pages);
        Ok(head)
    }

    /// SHA-256 of what the setup says: everything but the check value and the wrapped private half.
    fn said(&self) -> Result<[u8; 32], Error> {
        let damaged = |_| Error::Damaged { what: "recovery" };
        let mut said = serde_json::to_value(self).map_err(damaged)?;
        if let Some(said) = said.as_object_mut() {
            said.remove("check");
            said.remove("private");
        }
        Ok(digest::sha256(said.to_string().as_bytes()))
    }

    /// The seat of a custodian.
    #[must_use]
    pub fn seat(&self, custodian: Id<noun::Custodian>) -> Option<&Seat> {
        self.custodians.iter().find(|seat| seat.share.custodian == custodian)
    }

    /// Whether this is the share that was dealt to the seat.
    pub(super) fn dealt(&self, provider: &dyn Provider, seat: &Seat, share: &shamir::Share) -> bool {
        seat.share.share == share.index()
            && seat.hash.holds(provider, &[SHARE_HASH, self.setup.as_bytes(), share.as_bytes().expose()])
    }

    /// Whether this is the recovery key that was dealt, and the setup says what it said then: nobody without the
    /// key puts another custodian into it.
    pub(super) fn is_secret(
        &self,
        provider: &dyn Provider,
        secret: &Secret<[u8; 32]>,
    ) -> Result<bool, Error> {
        Ok(self.check.holds(provider, &[CHECK, self.setup.as_bytes(), secret.expose(), &self.said()?]))
    }

    /// The private half of the recovery key pair.
    pub(super) fn open(
        &self,
        provider: &dyn Provider,
        secret: &Secret<[u8; 32]>,
    ) -> Result<Secret<Vec<u8>>, Error> {
        let wrapped = text::decode(&self.private, "recovery package")?;
        let bound = bound(self.organization, self.setup, self.suite);
        Ok(envelope::unwrap(provider, secret, &bound, &wrapped)?)
    }

    /// The custodians' keys, as they were dealt to.
    pub(super) fn keys(&self) -> Result<Vec<(String, hpke::PublicKey)>, Error> {
        let key = |seat: &Seat| {
            let bytes = text::decode(&seat.public, "recovery package")?;
            let key = hpke::PublicKey::from_bytes(seat.share.suite, &bytes)?;
            if custodian_id(&key) != seat.share.custodian {
                return Err(RecoveryError::Unsound { why: "a custodian's id is not that of its key" }.into());
            }
            Ok((seat.name.clone(), key))
        };
        self.custodians.iter().map(key).collect()
    }
}

fn bound(organization: Id<noun::Organization>, setup: Id<noun::Ceremony>, suite: Suite) -> Vec<u8> {
    bind::parts(&[
        KEY.as_bytes(),
        organization.to_string().as_bytes(),
        setup.to_string().as_bytes(),
        suite.as_str().as_bytes(),
    ])
}

/// A key in a package: what is in its row, but for the private half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedKey {
    /// Its id.
    pub id: Id<noun::Key>,
    /// What it is for.
    pub purpose: Purpose,
    /// The dataset it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Id<noun::Dataset>>,
    /// The field it belongs to; empty unless it is a field key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// The id that values bear; 0 unless it is a field key.
    #[serde(default, skip_serializing_if = "zero")]
    pub value_id: u32,
    /// Which version of its line.
    pub version: u32,
    /// Its suite or algorithm.
    pub algorithm: String,
    /// Where it stands.
    pub state: State,
    /// What a suspended version was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<State>,
    /// The public half, base64url; empty for a secret key.
    pub public: String,
    /// The version of the organization's key pair that the private half is sealed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Id<noun::Key>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was put in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<Timestamp>,
    /// When it, or a version before it, was exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exported_at: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn zero(id: &u32) -> bool {
    *id == 0
}

/// The hash of what a package holds, without the private halves: it changes when the package is stale.
pub(super) fn digest_of(keys: &[PackedKey]) -> Result<[u8; 32], Error> {
    // `serde_json::Value` keeps names sorted, and there are no fractions: canonical JSON (RFC 8785).
    let canonical = serde_json::to_value(keys).map_err(|_| Error::Damaged { what: "recovery package" })?;
    Ok(digest::sha256(canonical.to_string().as_bytes()))
}

/// A recovery package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// `nexora/recovery-package/1`.
    pub format: String,
    /// Which writing it is, from 1.
    pub generation: u64,
    /// When it was written.
    pub written_at: Timestamp,
    /// The setup whose custodians open it.
    pub setup: Head,
    /// The keys in it.
    pub keys: Vec<PackedKey>,
    /// Their private halves, sealed to the recovery key pair, base64url.
    pub sealed: String,
}

impl Package {
    /// Whether it has keys of what a shredding is of.
    pub(super) fn has_of(&self, scope: Scope) -> bool {
        self.keys.iter().any(|key| match scope {
            Scope::Organization => true,
            Scope::Dataset(dataset) => key.dataset == Some(dataset),
        })
    }

    /// Seals private halves, in the order of their keys.
    pub(super) fn seal(
        provider: &dyn Provider,
        setup: Head,
        generation: u64,
        written_at: Timestamp,
        keys: Vec<PackedKey>,
        halves: &[Secret<Vec<u8>>],
    ) -> Result<Self, Error> {
        let public = text::decode(&setup.public, "recovery package")?;
        let public = hpke::PublicKey::from_bytes(setup.suite, &public)?;
        let mut package =
            Self { format: FORMAT.to_owned(), generation, written_at, setup, keys, sealed: String::new() };
        let room = halves.iter().map(|half| half.expose().len() + 4).sum();
        let mut plain = Secret::new(Vec::with_capacity(room));
        for half in halves {
            let length = u32::try_from(half.expose().len()).map_err(|_| Error::Damaged { what: "key" })?;
            plain.expose_mut().extend_from_slice(&length.to_be_bytes());
            plain.expose_mut().extend_from_slice(half.expose());
        }
        let sealed = hpke::seal(provider, &public, &package.info()?, &[], plain.expose())?;
        package.sealed = text::encode(&sealed);
        Ok(package)
    }

    /// The file's bytes.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|_| Error::Damaged { what: "recovery package" })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`RecoveryError::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self, RecoveryError> {
        let malformed = |why| RecoveryError::Malformed { what: "recovery package", why };
        let package: Self = serde_json::from_slice(bytes)
            .map_err(|_| malformed("it is not JSON with exactly the members of its format"))?;
        let shares = package.setup.custodians.iter().map(|seat| usize::from(seat.share.share));
        if package.format != FORMAT || !shares.eq(1..=package.setup.custodians.len()) {
            return Err(malformed("it is of another format, or its shares are not numbered from 1"));
        }
        Ok(package)
    }

    /// What the private halves are bound to: the setup, the writing, and everything that is said of the keys.
    fn info(&self) -> Result<Vec<u8>, Error> {
        Ok(bind::parts(&[
            FORMAT.as_bytes(),
            self.setup.organization.to_string().as_bytes(),
            self.setup.setup.to_string().as_bytes(),
            &self.generation.to_be_bytes(),
            &digest_of(&self.keys)?,
        ]))
    }

    /// The private halves, one after the other, each behind its length.
    pub(super) fn open(
        &self,
        provider: &dyn Provider,
        with: &hpke::PrivateKey,
    ) -> Result<Secret<Vec<u8>>, Error> {
        let sealed = text::decode(&self.sealed, "recovery package")?;
        Ok(hpke::open(provider, with, &self.info()?, &[], &sealed)?)
    }
}

/// The parts of opened private halves: exactly `count`, and nothing after them.
pub(super) fn halves(plain: &[u8], count: usize) -> Result<Vec<&[u8]>, RecoveryError> {
    let short = || RecoveryError::Unsound { why: "its content is shorter or longer than its list of keys" };
    let (mut halves, mut rest) = (Vec::with_capacity(count), plain);
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| short())?;
        let (half, after) = after.split_at_checked(length).ok_or_else(short)?;
        halves.push(half);
        rest = after;
    }
    if rest.is_empty() { Ok(halves) } else { Err(short()) }
}
