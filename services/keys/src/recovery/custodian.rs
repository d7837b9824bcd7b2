//! A custodian's side: its key, its share, and what it gives to a ceremony. Pure: the command line reads and writes
//! the files, and no organization is needed.
//!
//! All documents are JSON; `docs/formats/recovery-package.md` has them to the byte.

use super::{
    Aim, RecoveryError, fingerprint,
    locked::{Pages, apart},
};
use crate::Error;
use base::{Id, Secret, Timestamp, noun};
use crypto::{
    Provider, Suite, bind, hpke,
    passphrase::{self, Cost, PassphraseKey},
    shamir, text,
};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What custodians' and ceremonies' keys are.
const SUITE: Suite = Suite::Hybrid768;

const PUBLIC: &str = "nexora/custodian/1";
const PRIVATE: &str = "nexora/custodian-key/1";
const SHARE: &str = "nexora/recovery-share/1";
const INVITATION: &str = "nexora/recovery-ceremony/1";
const CONTRIBUTION: &str = "nexora/recovery-contribution/1";

/// A custodian's own key pair, which it makes itself and whose private half only it has.
#[derive(Debug, Clone)]
pub struct CustodianKey {
    name: String,
    pair: hpke::KeyPair,
}

/// The public half, for whoever sets up a recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustodianPublic {
    /// `nexora/custodian/1`.
    pub format: String,
    /// The custodian's id: a hash of suite and public key.
    pub custodian: Id<noun::Custodian>,
    /// The custodian's name.
    pub name: String,
    /// The key's suite.
    pub suite: Suite,
    /// The public key, base64url.
    pub public: String,
}

/// What a custodian's file holds, sealed under its passphrase.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Private {
    #[zeroize(skip)]
    name: String,
    #[zeroize(skip)]
    suite: Suite,
    #[zeroize(skip)]
    public: String,
    private: String,
}

impl CustodianKey {
    /// A new key pair for a custodian of this name.
    ///
    /// # Errors
    /// [`RecoveryError::BadName`].
    pub fn generate(provider: &dyn Provider, name: &str) -> Result<Self, Error> {
        named(name)?;
        Ok(Self { name: name.to_owned(), pair: hpke::KeyPair::generate(provider, SUITE) })
    }

    /// The private document: `nexora/custodian-key/1`, sealed under a passphrase (Argon2id, 64 MiB).
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn seal(&self, provider: &dyn Provider, passphrase: &Secret<String>) -> Result<Vec<u8>, Error> {
        let private = Private {
            name: self.name.clone(),
            suite: SUITE,
            public: text::encode(self.pair.public.as_bytes()),
            private: text::encode(self.pair.private.as_secret().expose()),
        };
        // Reserved before it is filled: growth would leave unwiped copies behind.
        let room = private.name.len() * 6 + private.public.len() + private.private.len() + 128;
        let mut json = Secret::new(Vec::with_capacity(room));
        serde_json::to_writer(json.expose_mut(), &private)
            .map_err(|_| Error::Damaged { what: "custodian's key" })?;
        let key = PassphraseKey::new(provider, passphrase, Cost::STANDARD)?;
        Ok(key.seal(provider, PRIVATE, json.expose()))
    }

    /// Opens a private document.
    ///
    /// # Errors
    /// [`Error::Crypto`] for a wrong passphrase and what is no such document.
    pub fn open(
        provider: &dyn Provider,
        passphrase: &Secret<String>,
        document: &[u8],
    ) -> Result<Self, Error> {
        let malformed = |why| RecoveryError::Malformed { what: "custodian's key", why };
        let (_, json) = passphrase::open(provider, PRIVATE, passphrase, document)?;
        let read: Private =
            serde_json::from_slice(json.expose()).map_err(|_| malformed("its content has other members"))?;
        let bytes = Secret::new(text::decode(&read.private, "custodian's key")?);
        let private = hpke::PrivateKey::from_secret(read.suite, bytes)?;
        let public = private.public(provider)?;
        if text::encode(public.as_bytes()) != read.public {
            return Err(malformed("its halves do not belong together").into());
        }
        named(&read.name)?;
        Ok(Self { name: read.name.clone(), pair: hpke::KeyPair { private, public } })
    }

    /// The public document.
    #[must_use]
    pub fn public(&self) -> CustodianPublic {
        CustodianPublic::of(&self.name, &self.pair.public)
    }
}

impl CustodianPublic {
    /// The document of a custodian of this name with this key.
    pub(super) fn of(name: &str, key: &hpke::PublicKey) -> Self {
        Self {
            format: PUBLIC.to_owned(),
            custodian: custodian_id(key),
            name: name.to_owned(),
            suite: key.suite(),
            public: text::encode(key.as_bytes()),
        }
    }

    /// The key, once the document is what it says.
    ///
    /// # Errors
    /// [`RecoveryError::Malformed`], [`RecoveryError::BadName`], [`Error::Crypto`].
    pub fn key(&self) -> Result<hpke::PublicKey, Error> {
        let malformed = |why| RecoveryError::Malformed { what: "custodian's public key", why };
        if self.format != PUBLIC {
            return Err(malformed("it is of another format").into());
        }
        named(&self.name)?;
        let bytes = text::decode(&self.public, "custodian's public key")?;
        let key = hpke::PublicKey::from_bytes(self.suite, &bytes)?;
        if custodian_id(&key) != self.custodian {
            return Err(malformed("its id is not that of its key").into());
        }
        Ok(key)
    }

    /// What the custodian reads out and whoever sets up the recovery compares.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(PUBLIC, &[self.suite.as_str().as_bytes(), self.public.as_bytes()])
    }
}

/// The id of the custodian with this key.
pub(super) fn custodian_id(key: &hpke::PublicKey) -> Id<noun::Custodian> {
    Id::derived(PUBLIC, &[key.suite().as_str().as_bytes(), key.as_bytes()])
}

/// Whether a custodian may bear this name.
fn named(name: &str) -> Result<(), RecoveryError> {
    let fits = !name.trim().is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(RecoveryError::BadName) }
}

/// One share, sealed to its custodian.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedShare {
    /// `nexora/recovery-share/1`.
    pub format: String,
    /// Whose recovery.
    pub organization: Id<noun::Organization>,
    /// Of which setup.
    pub setup: Id<noun::Ceremony>,
    /// Whose share.
    pub custodian: Id<noun::Custodian>,
    /// Which share, from 1.
    pub share: u8,
    /// How many shares are needed.
    pub quorum: u8,
    /// The suite of the custodian's key.
    pub suite: Suite,
    /// The share, HPKE, base64url.
    pub sealed: String,
}

impl SealedShare {
    /// Seals a share to its custodian.
    pub(super) fn seal(
        provider: &dyn Provider,
        organization: Id<noun::Organization>,
        setup: Id<noun::Ceremony>,
        quorum: u8,
        to: &hpke::PublicKey,
        share: &shamir::Share,
    ) -> Result<Self, Error> {
        let mut document = Self {
            format: SHARE.to_owned(),
            organization,
            setup,
            custodian: custodian_id(to),
            share: share.index(),
            quorum,
            suite: to.suite(),
            sealed: String::new(),
        };
        let sealed = hpke::seal(provider, to, &document.info(), &[], share.as_bytes().expose())?;
        document.sealed = text::encode(&sealed);
        Ok(document)
    }

    /// What it is bound to.
    fn info(&self) -> Vec<u8> {
        bind::parts(&[
            SHARE.as_bytes(),
            self.organization.to_string().as_bytes(),
            self.setup.to_string().as_bytes(),
            self.custodian.to_string().as_bytes(),
            &[self.share, self.quorum],
            self.suite.as_str().as_bytes(),
        ])
    }
}

/// A ceremony as a custodian is invited to it: the one-time key to seal its share to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// `nexora/recovery-ceremony/1`.
    pub format: String,
    /// Whose recovery.
    pub organization: Id<noun::Organization>,
    /// Which ceremony.
    pub ceremony: Id<noun::Ceremony>,
    /// Shares of which setup.
    pub setup: Id<noun::Ceremony>,
    /// What it is for.
    pub aim: Aim,
    /// Until when.
    pub expires_at: Timestamp,
    /// The suite of the one-time key.
    pub suite: Suite,
    /// The one-time key, base64url.
    pub public: String,
}

impl Invitation {
    pub(super) fn new(
        organization: Id<noun::Organization>,
        ceremony: Id<noun::Ceremony>,
        setup: Id<noun::Ceremony>,
        aim: Aim,
        expires_at: Timestamp,
        public: &hpke::PublicKey,
    ) -> Self {
        Self {
            format: INVITATION.to_owned(),
            organization,
            ceremony,
            setup,
            aim,
            expires_at,
            suite: public.suite(),
            public: text::encode(public.as_bytes()),
        }
    }

    /// What the custodian compares, by another way than the one on which the invitation came: it covers everything
    /// in it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(
            INVITATION,
            &[
                self.organization.to_string().as_bytes(),
                self.ceremony.to_string().as_bytes(),
                self.setup.to_string().as_bytes(),
                self.aim.as_str().as_bytes(),
                &self.expires_at.micros().to_be_bytes(),
                self.suite.as_str().as_bytes(),
                self.public.as_bytes(),
            ],
        )
    }
}

/// A custodian's share, sealed again to a ceremony's one-time key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// `nexora/recovery-contribution/1`.
    pub format: String,
    /// Whose recovery.
    pub organization: Id<noun::Organization>,
    /// To which ceremony.
    pub ceremony: Id<noun::Ceremony>,
    /// Of which setup.
    pub setup: Id<noun::Ceremony>,
    /// Whose share.
    pub custodian: Id<noun::Custodian>,
    /// Which share.
    pub share: u8,
    /// The share, HPKE, base64url.
    pub sealed: String,
}

impl Contribution {
    fn info(&self) -> Vec<u8> {
        bind::parts(&[
            CONTRIBUTION.as_bytes(),
            self.organization.to_string().as_bytes(),
            self.ceremony.to_string().as_bytes(),
            self.setup.to_string().as_bytes(),
            self.custodian.to_string().as_bytes(),
            &[self.share],
        ])
    }

    /// Opens it with the ceremony's one-time key.
    pub(super) fn open(
        &self,
        provider: &dyn Provider,
        with: &hpke::PrivateKey,
    ) -> Result<shamir::Share, Error> {
        if self.format != CONTRIBUTION {
            return Err(RecoveryError::Malformed {
                what: "share for a ceremony",
                why: "it is of another format",
            }
            .into());
        }
        let sealed = text::decode(&self.sealed, "share for a ceremony")?;
        let share = shamir::Share::from_bytes(hpke::open(provider, with, &self.info(), &[], &sealed)?)?;
        if share.index() != self.share {
            return Err(RecoveryError::Malformed {
                what: "share for a ceremony",
                why: "it is another share",
            }
            .into());
        }
        Ok(share)
    }
}

#[cfg(any(test, feature = "conformance"))]
impl Contribution {
    /// Whether it opens to a ceremony whose one-time key is this custodian's: for fuzzing.
    #[must_use]
    pub fn opens_to(&self, provider: &dyn Provider, key: &CustodianKey) -> bool {
        self.open(provider, &key.pair.private).is_ok()
    }
}

/// Opens a custodian's share and seals it to a ceremony's one-time key. Compare
/// [`fingerprint`](Invitation::fingerprint) first: whoever made the invitation reads the share.
///
/// # Errors
/// [`RecoveryError::Mismatch`] where share, key and ceremony do not belong together; [`Error::Crypto`] where the
/// share does not open.
pub fn open_share(
    provider: &dyn Provider,
    key: &CustodianKey,
    share: &SealedShare,
    invitation: &Invitation,
) -> Result<Contribution, Error> {
    let malformed = |what, why| Error::from(RecoveryError::Malformed { what, why });
    if share.format != SHARE {
        return Err(malformed("sealed share", "it is of another format"));
    }
    if invitation.format != INVITATION {
        return Err(malformed("invitation to a ceremony", "it is of another format"));
    }
    let mismatch = |of| Err(RecoveryError::Mismatch { what: "share", of }.into());
    if share.custodian != custodian_id(&key.pair.public) {
        return mismatch("custodian");
    }
    if share.organization != invitation.organization {
        return mismatch("organization");
    }
    if share.setup != invitation.setup {
        return mismatch("setup than the ceremony's");
    }
    let to = text::decode(&invitation.public, "ceremony's key")?;
    let to = hpke::PublicKey::from_bytes(invitation.suite, &to)?;
    let sealed = text::decode(&share.sealed, "sealed share")?;
    let mut given = Contribution {
        format: CONTRIBUTION.to_owned(),
        organization: share.organization,
        ceremony: invitation.ceremony,
        setup: share.setup,
        custodian: share.custodian,
        share: share.share,
        sealed: String::new(),
    };
    let resealed = apart(|| {
        let private = &key.pair.private;
        let opened = hpke::open(provider, private, &share.info(), &[], &sealed)?;
        let mut pages = Pages::default();
        pages.hold(private.as_secret().expose())?;
        pages.hold(opened.expose())?;
        if opened.expose().first() != Some(&share.share) {
            return Err(malformed("sealed share", "it is another share than it says"));
        }
        Ok(hpke::seal(provider, &to, &given.info(), &[], opened.expose())?)
    })??;
    given.sealed = text::encode(&resealed);
    Ok(given)
}
