//! The provider in use: AWS-LC through `aws-lc-rs`.

use crate::{Aead, Error, MlKem, Provider, Signer, sign::Algorithm};
use aws_lc_rs::{
    aead::{AES_256_GCM, AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement, constant_time, digest, hmac, kem, rand,
    signature::{
        ED25519, Ed25519KeyPair, KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING,
        ML_DSA_87, ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm, UnparsedPublicKey,
    },
};
use base::Secret;
use std::sync::Arc;

/// AWS-LC, in its default (not FIPS-validated) build.
#[must_use]
pub fn aws_lc() -> Arc<dyn Provider> {
    Arc::new(AwsLc)
}

/// Whether two byte strings are equal, in time that depends on their lengths only.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[derive(Debug)]
struct AwsLc;

const TAG: usize = 16;

impl Provider for AwsLc {
    fn name(&self) -> &'static str {
        "aws-lc"
    }

    #[expect(clippy::disallowed_methods, reason = "this is the provider that randomness comes through")]
    fn fill(&self, out: &mut [u8]) {
        rand::fill(out).expect("AWS-LC ends the process itself where the system has no randomness");
    }

    fn aes_256_gcm(&self, key: &[u8; 32]) -> Box<dyn Aead> {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("an AES-256 key has 32 bytes");
        Box::new(Sealing(LessSafeKey::new(key)))
    }

    fn aes_256_gcm_siv(&self, key: &[u8; 32]) -> Box<dyn Aead> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, key).expect("an AES-256 key has 32 bytes");
        Box::new(Sealing(LessSafeKey::new(key)))
    }

    fn hmac_sha256(&self, key: &[u8], parts: &[&[u8]]) -> Secret<[u8; 32]> {
        let mut out = Secret::new([0; 32]);
        out.expose_mut().copy_from_slice(mac(hmac::HMAC_SHA256, key, parts).as_ref());
        out
    }

    fn hmac_sha384(&self, key: &[u8], parts: &[&[u8]]) -> Secret<[u8; 48]> {
        let mut out = Secret::new([0; 48]);
        out.expose_mut().copy_from_slice(mac(hmac::HMAC_SHA384, key, parts).as_ref());
        out
    }

    fn sha3_256(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA3_256);
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        out
    }

    fn ml_kem_generate(&self, set: MlKem) -> (Secret<Vec<u8>>, Vec<u8>) {
        let key = kem::DecapsulationKey::generate(algorithm(set)).expect("AWS-LC generates ML-KEM keys");
        let private = key.key_bytes().expect("a generated key has its bytes");
        let public = key
            .encapsulation_key()
            .and_then(|key| key.key_bytes())
            .expect("a generated key has its public half");
        (Secret::new(private.as_ref().to_vec()), public.as_ref().to_vec())
    }

    fn ml_kem_encapsulate(&self, set: MlKem, key: &[u8]) -> Result<(Vec<u8>, Secret<[u8; 32]>), Error> {
        let wrong = |_| Error::NotAKey { what: "ML-KEM encapsulation key" };
        let key = kem::EncapsulationKey::new(algorithm(set), key)
            .map_err(|_| Error::NotAKey { what: "ML-KEM encapsulation key" })?;
        let (ciphertext, shared) = key.encapsulate().map_err(wrong)?;
        Ok((ciphertext.as_ref().to_vec(), shared_secret(&shared)))
    }

    fn ml_kem_decapsulate(
        &self,
        set: MlKem,
        key: &Secret<Vec<u8>>,
        ciphertext: &[u8],
    ) -> Result<Secret<[u8; 32]>, Error> {
        let wrong = || Error::NotAKey { what: "ML-KEM decapsulation key" };
        let key = kem::DecapsulationKey::new(algorithm(set), key.expose()).map_err(|_| wrong())?;
        let shared = key.decapsulate(ciphertext.into()).map_err(|_| wrong())?;
        Ok(shared_secret(&shared))
    }

    fn x25519_public(&self, key: &Secret<[u8; 32]>) -> [u8; 32] {
        x25519_public(&x25519_key(key))
    }

    fn x25519(&self, key: &Secret<[u8; 32]>, peer: &[u8; 32]) -> Result<([u8; 32], Secret<[u8; 32]>), Error> {
        let key = x25519_key(key);
        let peer = agreement::UnparsedPublicKey::new(&agreement::X25519, peer);
        agreement::agree(&key, peer, Error::NotAKey { what: "X25519 public key" }, |shared| {
            let mut out = Secret::new([0; 32]);
            out.expose_mut().copy_from_slice(shared);
            Ok((x25519_public(&key), out))
        })
    }

    fn signer(&self, algorithm: Algorithm, seed: &Secret<Vec<u8>>) -> Result<Box<dyn Signer>, Error> {
        let wrong =
            |_| Error::WrongLength { what: "signing key seed", expected: 32, got: seed.expose().len() };
        let ml_dsa = |set: &'static PqdsaSigningAlgorithm| -> Result<Box<dyn Signer>, Error> {
            Ok(Box::new(MlDsa(PqdsaKeyPair::from_seed(set, seed.expose()).map_err(wrong)?)))
        };
        match algorithm {
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(wrong)?;
                Ok(Box::new(Ed25519(pair)))
            }
            Algorithm::MlDsa44 => ml_dsa(&ML_DSA_44_SIGNING),
            Algorithm::MlDsa65 => ml_dsa(&ML_DSA_65_SIGNING),
            Algorithm::MlDsa87 => ml_dsa(&ML_DSA_87_SIGNING),
        }
    }

    fn verifies(&self, algorithm: Algorithm, public: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let verdict = match algorithm {
            Algorithm::Ed25519 => UnparsedPublicKey::new(&ED25519, public).verify(message, signature),
            Algorithm::MlDsa44 => UnparsedPublicKey::new(&ML_DSA_44, public).verify(message, signature),
            Algorithm::MlDsa65 => UnparsedPublicKey::new(&ML_DSA_65, public).verify(message, signature),
            Algorithm::MlDsa87 => UnparsedPublicKey::new(&ML_DSA_87, public).verify(message, signature),
        };
        verdict.is_ok()
    }
}

fn algorithm(set: MlKem) -> &'static kem::Algorithm {
    match set {
        MlKem::MlKem768 => &kem::ML_KEM_768,
        MlKem::MlKem1024 => &kem::ML_KEM_1024,
    }
}

fn mac(algorithm: hmac::Algorithm, key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    for part in parts {
        context.update(part);
    }
    context.sign()
}

fn shared_secret(shared: &kem::SharedSecret) -> Secret<[u8; 32]> {
    let mut out = Secret::new([0; 32]);
    out.expose_mut().copy_from_slice(shared.as_ref());
    out
}

fn x25519_public(key: &agreement::PrivateKey) -> [u8; 32] {
    let public = key.compute_public_key().expect("every X25519 private key has a public one");
    let mut out = [0; 32];
    out.copy_from_slice(public.as_ref());
    out
}

fn x25519_key(key: &Secret<[u8; 32]>) -> agreement::PrivateKey {
    agreement::PrivateKey::from_private_key(&agreement::X25519, key.expose())
        .expect("every 32 bytes are an X25519 private key")
}

/// AES-256-GCM or AES-256-GCM-SIV: the library's calls are the same.
struct Sealing(LessSafeKey);

impl Aead for Sealing {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(plaintext);
        out.resize(start + plaintext.len() + TAG, 0);
        let (body, tag) = out[start..].split_at_mut(plaintext.len());
        self.0
            .seal_in_place_scatter(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), body, &[], tag)
            .expect("the cipher seals any value that fits in memory");
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let no = Error::DoesNotOpen { what: "sealed value" };
        let Some(length) = sealed.len().checked_sub(TAG) else { return Err(no) };
        let (body, tag) = sealed.split_at(length);
        let start = out.len();
        out.resize(start + length, 0);
        let opened = self.0.open_separate_gather(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(aad),
            body,
            tag,
            &mut out[start..],
        );
        opened.map_err(|_| {
            out.truncate(start);
            no
        })
    }
}

struct Ed25519(Ed25519KeyPair);

impl Signer for Ed25519 {
    fn public(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

struct MlDsa(PqdsaKeyPair);

impl Signer for MlDsa {
    fn public(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.algorithm().signature_len()];
        self.0.sign(message, &mut signature).expect("the buffer has the signature's length");
        signature
    }
}
