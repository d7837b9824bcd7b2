//! Sealing under a passphrase: Argon2id (RFC 9106) and AES-256-GCM.
//!
//! The document is JSON; `docs/formats/passphrase-sealed.md` specifies it. Deriving the key is slow on
//! purpose; a [`PassphraseKey`] is derived once and seals as often as needed, with a fresh nonce each
//! time.

use crate::{Error, Provider, bind, random, text};
use argon2::{Algorithm, Argon2, Params, Version};
use base::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const WHAT: &str = "passphrase-sealed document";

/// What deriving a key costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// 64 MiB, 3 passes, 4 lanes: the second recommended option of RFC 9106, section 4, for memory-constrained
    /// environments; the first, at 2 GiB, does not fit small machines.
    pub const STANDARD: Self = Self { memory_kib: 65_536, passes: 3, lanes: 4 };

    /// What a document may ask of its reader: 1 GiB, 64 passes, 64 lanes.
    const MAX: Self = Self { memory_kib: 1 << 20, passes: 64, lanes: 64 };
}

/// A key derived from a passphrase.
#[derive(Debug, Clone)]
pub struct PassphraseKey {
    cost: Cost,
    salt: [u8; 16],
    key: Secret<[u8; 32]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    cipher: String,
    nonce: String,
    ciphertext: String,
}

const KDF: &str = "argon2id-v19";
const CIPHER: &str = "AES-256-GCM";

impl PassphraseKey {
    /// Derives a key under a fresh salt.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a cost that Argon2 does not take.
    pub fn new(provider: &dyn Provider, passphrase: &Secret<String>, cost: Cost) -> Result<Self, Error> {
        Self::derive(passphrase, cost, random(provider))
    }

    fn derive(passphrase: &Secret<String>, cost: Cost, salt: [u8; 16]) -> Result<Self, Error> {
        let wrong = |_| Error::Malformed { what: WHAT, why: "Argon2 takes no such cost" };
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(wrong)?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Secret::new([0; 32]);
        argon.hash_password_into(passphrase.expose().as_bytes(), &salt, key.expose_mut()).map_err(wrong)?;
        Ok(Self { cost, salt, key })
    }

    /// Seals a document of the given format.
    #[must_use]
    pub fn seal(&self, provider: &dyn Provider, format: &str, plaintext: &[u8]) -> Vec<u8> {
        let nonce = random::<12>(provider);
        let mut ciphertext = Vec::with_capacity(plaintext.len() + 16);
        let cipher = provider.aes_256_gcm(self.key.expose());
        cipher.seal(&nonce, &self.bound(format), plaintext, &mut ciphertext);
        let document = Document {
            format: format.to_owned(),
            kdf: KDF.to_owned(),
            memory_kib: self.cost.memory_kib,
            passes: self.cost.passes,
            lanes: self.cost.lanes,
            salt: text::encode(&self.salt),
            cipher: CIPHER.to_owned(),
            nonce: text::encode(&nonce),
            ciphertext: text::encode(&ciphertext),
        };
        let mut json = serde_json::to_vec_pretty(&document).expect("strings and numbers are JSON");
        json.push(b'\n');
        json
    }

    /// Everything in the document but nonce and ciphertext: altered, it does not open.
    fn bound(&self, format: &str) -> Vec<u8> {
        bind::parts(&[
            format.as_bytes(),
            KDF.as_bytes(),
            &self.cost.memory_kib.to_be_bytes(),
            &self.cost.passes.to_be_bytes(),
            &self.cost.lanes.to_be_bytes(),
            &self.salt,
            CIPHER.as_bytes(),
        ])
    }
}

/// Opens a document of the given format: its content, and the key to seal its successor with.
///
/// # Errors
/// [`Error::WrongPassphrase`]; [`Error::Malformed`] for what is no such document.
pub fn open(
    provider: &dyn Provider,
    format: &str,
    passphrase: &Secret<String>,
    document: &[u8],
) -> Result<(PassphraseKey, Secret<Vec<u8>>), Error> {
    let malformed = |why| Error::Malformed { what: WHAT, why };
    let read: Document =
        serde_json::from_slice(document).map_err(|_| malformed("it is no such JSON document"))?;
    if read.format != format || read.kdf != KDF || read.cipher != CIPHER {
        return Err(malformed("it is of another format, key derivation or cipher"));
    }
    let cost = Cost { memory_kib: read.memory_kib, passes: read.passes, lanes: read.lanes };
    let max = Cost::MAX;
    if cost.memory_kib > max.memory_kib || cost.passes > max.passes || cost.lanes > max.lanes {
        return Err(malformed("it asks for more than 1 GiB, 64 passes or 64 lanes"));
    }
    let array = |text: &str| text::decode(text, WHAT);
    let salt = array(&read.salt)?.try_into().map_err(|_| malformed("its salt has not 16 bytes"))?;
    let nonce = array(&read.nonce)?.try_into().map_err(|_| malformed("its nonce has not 12 bytes"))?;
    let ciphertext = array(&read.ciphertext)?;
    let key = PassphraseKey::derive(passphrase, cost, salt)?;
    let mut plaintext = Secret::new(Vec::with_capacity(ciphertext.len()));
    provider
        .aes_256_gcm(key.key.expose())
        .open(&nonce, &key.bound(format), &ciphertext, plaintext.expose_mut())
        .map_err(|_| Error::WrongPassphrase)?;
    Ok((key, plaintext))
}

/// A passphrase for those who give none: 128 random bits as 26 characters of base 32.
#[must_use]
pub fn generate(provider: &dyn Provider) -> Secret<String> {
    let bytes = Zeroizing::new(random::<16>(provider));
    Secret::new(base::base32::encode(bytes.as_slice()))
}
