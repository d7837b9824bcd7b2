//! HPKE: the `hpke` crate opens what we seal, and we open what it seals; nothing else opens.

use crypto::{
    Error, Suite, aws_lc,
    hpke::{KeyPair, PrivateKey, PublicKey, open, seal},
};
use hpke_rs::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256,
    kem::XWing,
};

use ::hpke as hpke_rs;

#[test]
fn the_other_opens_what_we_seal() {
    let provider = aws_lc();
    let (private, public) = XWing::gen_keypair();
    let public = PublicKey::from_bytes(Suite::Hybrid768, &public.to_bytes()).expect("1,216 bytes");
    let sealed = seal(&*provider, &public, b"info", b"aad", b"a data key").expect("a key");
    let (encapsulated, ciphertext) = sealed.split_at(Suite::Hybrid768.encapsulated_len());
    let encapsulated = <XWing as hpke_rs::Kem>::EncappedKey::from_bytes(encapsulated).expect("1,120 bytes");
    let plain = hpke_rs::single_shot_open::<AesGcm256, HkdfSha256, XWing>(
        &OpModeR::Base,
        &private,
        &encapsulated,
        b"info",
        ciphertext,
        b"aad",
    );
    assert_eq!(plain.expect("it opens"), b"a data key");
}

#[test]
fn we_open_what_the_other_seals() {
    let provider = aws_lc();
    let pair = KeyPair::generate(&*provider, Suite::Hybrid768);
    let public = <XWing as hpke_rs::Kem>::PublicKey::from_bytes(pair.public.as_bytes()).expect("a key");
    let (encapsulated, ciphertext) = hpke_rs::single_shot_seal::<AesGcm256, HkdfSha256, XWing>(
        &OpModeS::Base,
        &public,
        b"info",
        b"a data key",
        b"aad",
    )
    .expect("it seals");
    let mut sealed = encapsulated.to_bytes().to_vec();
    sealed.extend_from_slice(&ciphertext);
    let plain = open(&*provider, &pair.private, b"info", b"aad", &sealed).expect("it opens");
    assert_eq!(plain.expose(), b"a data key");
}

#[test]
fn nothing_else_opens() {
    let provider = aws_lc();
    let pair = KeyPair::generate(&*provider, Suite::Hybrid768);
    let other = KeyPair::generate(&*provider, Suite::Hybrid768);
    let sealed = seal(&*provider, &pair.public, b"info", b"aad", b"key").expect("a key");
    let with = |private: &PrivateKey, info: &[u8], aad: &[u8], sealed: &[u8]| {
        open(&*provider, private, info, aad, sealed).map(|plain| plain.expose().clone())
    };
    let no = Err(Error::DoesNotOpen { what: "sealed key" });
    assert_eq!(with(&pair.private, b"info", b"aad", &sealed), Ok(b"key".to_vec()));
    assert_eq!(with(&other.private, b"info", b"aad", &sealed), no);
    assert_eq!(with(&pair.private, b"inf0", b"aad", &sealed), no);
    assert_eq!(with(&pair.private, b"info", b"", &sealed), no);
    for at in [0, 1_087, 1_088, 1_119, 1_120, sealed.len() - 1] {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert_eq!(with(&pair.private, b"info", b"aad", &altered), no, "byte {at}");
    }
    for length in [1_119, 1_120, 1_135, sealed.len() - 1] {
        assert!(with(&pair.private, b"info", b"aad", &sealed[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_stored_private_key_opens() {
    let provider = aws_lc();
    let pair = KeyPair::generate(&*provider, Suite::Hybrid768);
    let sealed = seal(&*provider, &pair.public, b"", b"", b"key").expect("a key");
    let stored = PrivateKey::from_secret(Suite::Hybrid768, pair.private.as_secret().clone()).expect("a key");
    assert_eq!(stored.public(&*provider).expect("a key"), pair.public);
    assert_eq!(open(&*provider, &stored, b"", b"", &sealed).expect("it opens").expose(), b"key");
}

#[test]
fn a_key_that_is_none_is_an_error() {
    let provider = aws_lc();
    assert!(PublicKey::from_bytes(Suite::Hybrid768, &[0; 1_215]).is_err());
    // Coefficients of 4,095 are above the modulus: FIPS 203 asks for a check.
    let bad = PublicKey::from_bytes(Suite::Hybrid768, &[0xff; 1_216]).expect("the length is right");
    assert!(matches!(seal(&*provider, &bad, b"", b"", b""), Err(Error::NotAKey { .. })));
    // A public X25519 key of small order gives an all-zero secret.
    let mut small = KeyPair::generate(&*provider, Suite::Hybrid768).public.as_bytes().to_vec();
    small[1_184..].fill(0);
    let small = PublicKey::from_bytes(Suite::Hybrid768, &small).expect("the length is right");
    assert!(matches!(seal(&*provider, &small, b"", b"", b""), Err(Error::NotAKey { .. })));
}
