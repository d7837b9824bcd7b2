//! HPKE, both suites: the `hpke` crate and pyca/cryptography open what we seal, and we open what they seal;
//! nothing else opens.

use crate::python;
use ::hpke as peer;
use base::Secret;
use crypto::{
    Error, Suite, aws_lc,
    hpke::{KeyPair, PrivateKey, PublicKey, open, seal},
    random, text,
};
use peer::{
    Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _,
    aead::AesGcm256,
    kdf::{HkdfSha256, HkdfSha384, Kdf},
    kem::{MlKem1024, XWing},
};
use serde_json::json;

const NO: Error = Error::DoesNotOpen { what: "sealed key" };

fn both_ways<K: Kem, D: Kdf>(suite: Suite) {
    let provider = aws_lc();
    let (private, public) = K::gen_keypair();
    let public = PublicKey::from_bytes(suite, &public.to_bytes()).expect("lengths are the same");
    let sealed = seal(&*provider, &public, b"info", b"aad", b"a data key").expect("a key");
    let (encapsulated, ciphertext) = sealed.split_at(suite.encapsulated_len());
    let encapsulated = K::EncappedKey::from_bytes(encapsulated).expect("lengths are the same");
    let theirs = |info: &[u8], aad: &[u8]| {
        peer::single_shot_open::<AesGcm256, D, K>(
            &OpModeR::Base,
            &private,
            &encapsulated,
            info,
            ciphertext,
            aad,
        )
    };
    assert_eq!(theirs(b"info", b"aad").expect("they open"), b"a data key");
    assert!(theirs(b"inf0", b"aad").is_err() && theirs(b"info", b"").is_err(), "the other looks at both");

    let pair = KeyPair::generate(&*provider, suite);
    let public = K::PublicKey::from_bytes(pair.public.as_bytes()).expect("a key");
    let (encapsulated, ciphertext) =
        peer::single_shot_seal::<AesGcm256, D, K>(&OpModeS::Base, &public, b"info", b"a data key", b"aad")
            .expect("they seal");
    let sealed = [encapsulated.to_bytes().as_slice(), &ciphertext].concat();
    let plain = open(&*provider, &pair.private, b"info", b"aad", &sealed).expect("we open");
    assert_eq!(plain.expose(), b"a data key");
}

#[test]
fn the_hpke_crate_both_ways() {
    both_ways::<XWing, HkdfSha256>(Suite::Hybrid768);
    both_ways::<MlKem1024, HkdfSha384>(Suite::Cnsa2);
}

#[test]
fn pyca_both_ways() {
    let provider = aws_lc();
    let seeds = [text::encode(&random::<96>(&*provider)), text::encode(&random::<64>(&*provider))];
    let ours = Suite::ALL.map(|suite| KeyPair::generate(&*provider, suite));
    let acts: Vec<_> = (Suite::ALL.iter().zip(&seeds).zip(&ours))
        .flat_map(|((suite, seed), pair)| {
            let public = text::encode(pair.public.as_bytes());
            let (info, plain) = (text::encode(b"info"), text::encode(b"a data key"));
            [
                json!({"do": "public", "suite": suite, "seed": seed}),
                json!({"do": "seal", "suite": suite, "public": public, "info": info, "plain": plain}),
            ]
        })
        .collect();
    let answers = python::ask("pyca.py", &json!(acts));
    let bytes = |answer: usize, name: &str| {
        text::decode(answers[answer][name].as_str().expect("text"), "answer").expect("base64url")
    };

    let mut acts = Vec::new();
    for (at, (suite, seed)) in Suite::ALL.into_iter().zip(&seeds).enumerate() {
        let plain = open(&*provider, &ours[at].private, b"info", b"", &bytes(2 * at + 1, "sealed"));
        assert_eq!(plain.expect("we open").expose(), b"a data key", "{suite}");
        let public = PublicKey::from_bytes(suite, &bytes(2 * at, "public")).expect("lengths are the same");
        let sealed = text::encode(&seal(&*provider, &public, b"info", b"", b"a data key").expect("a key"));
        for info in [b"info", b"inf0"] {
            let info = text::encode(info);
            acts.push(json!({"do": "open", "suite": suite, "seed": seed, "info": info, "sealed": sealed}));
        }
    }
    let opened = json!({"plain": text::encode(b"a data key")});
    let refused = json!({"refused": "tag"});
    assert_eq!(python::ask("pyca.py", &json!(acts)), json!([opened, refused, opened, refused]));
}

#[test]
fn nothing_else_opens() {
    let provider = aws_lc();
    for suite in Suite::ALL {
        let pair = KeyPair::generate(&*provider, suite);
        let other = KeyPair::generate(&*provider, suite);
        let sealed = seal(&*provider, &pair.public, b"info", b"aad", b"key").expect("a key");
        let with = |private: &PrivateKey, info: &[u8], aad: &[u8], sealed: &[u8]| {
            open(&*provider, private, info, aad, sealed).map(|plain| plain.expose().clone())
        };
        assert_eq!(with(&pair.private, b"info", b"aad", &sealed), Ok(b"key".to_vec()));
        assert_eq!(with(&other.private, b"info", b"aad", &sealed), Err(NO));
        assert_eq!(with(&pair.private, b"inf0", b"aad", &sealed), Err(NO));
        assert_eq!(with(&pair.private, b"info", b"", &sealed), Err(NO));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(with(&pair.private, b"info", b"aad", &altered), Err(NO), "{suite}, byte {at}");
        }
        let encapsulated = suite.encapsulated_len();
        for length in [0, 1, encapsulated - 1, encapsulated, encapsulated + 15, sealed.len() - 1] {
            let cut = with(&pair.private, b"info", b"aad", &sealed[..length]);
            match length < encapsulated {
                true => assert!(matches!(cut, Err(Error::WrongLength { .. })), "{suite}, {length} bytes"),
                false => assert_eq!(cut, Err(NO), "{suite}, {length} bytes"),
            }
        }
        let longer = [sealed.as_slice(), b"\0"].concat();
        assert_eq!(with(&pair.private, b"info", b"aad", &longer), Err(NO));
    }
}

#[test]
fn a_key_of_one_suite_opens_nothing_of_the_other() {
    let provider = aws_lc();
    let [hybrid, cnsa] = Suite::ALL.map(|suite| KeyPair::generate(&*provider, suite));
    for (one, other) in [(&hybrid, &cnsa), (&cnsa, &hybrid)] {
        let sealed = seal(&*provider, &one.public, b"info", b"", b"key").expect("a key");
        assert!(open(&*provider, &other.private, b"info", b"", &sealed).is_err());
        assert!(PublicKey::from_bytes(other.public.suite(), one.public.as_bytes()).is_err());
        assert!(PrivateKey::from_secret(other.public.suite(), one.private.as_secret().clone()).is_err());
    }
}

#[test]
fn a_stored_private_key_opens() {
    let provider = aws_lc();
    for suite in Suite::ALL {
        let pair = KeyPair::generate(&*provider, suite);
        assert_eq!(pair.public.as_bytes().len(), suite.public_len());
        let sealed = seal(&*provider, &pair.public, b"", b"", b"key").expect("a key");
        assert_eq!(sealed.len(), suite.encapsulated_len() + 3 + 16);
        let stored = PrivateKey::from_secret(suite, pair.private.as_secret().clone()).expect("a key");
        assert_eq!(stored.public(&*provider).expect("a key"), pair.public);
        assert_eq!(open(&*provider, &stored, b"", b"", &sealed).expect("it opens").expose(), b"key");
        // The public key inside it, or its hash, altered on the way.
        let ml_kem_len = stored.as_secret().expose().len() - if suite == Suite::Hybrid768 { 32 } else { 0 };
        for at in [ml_kem_len - 64, ml_kem_len - 65] {
            let mut altered = pair.private.as_secret().clone();
            altered.expose_mut()[at] ^= 1;
            let altered = PrivateKey::from_secret(suite, altered).expect("its length is right");
            assert!(matches!(altered.public(&*provider), Err(Error::NotAKey { .. })), "{suite}, byte {at}");
        }
        let short = Secret::new(stored.as_secret().expose()[1..].to_vec());
        assert!(matches!(PrivateKey::from_secret(suite, short), Err(Error::WrongLength { .. })));
    }
}

#[test]
fn a_key_that_is_none_is_an_error() {
    let provider = aws_lc();
    for suite in Suite::ALL {
        let short = PublicKey::from_bytes(suite, &vec![0; suite.public_len() - 1]);
        assert!(matches!(short, Err(Error::WrongLength { .. })));
        // Coefficients of 4,095 are above the modulus: FIPS 203 asks for a check.
        let bad = PublicKey::from_bytes(suite, &vec![0xff; suite.public_len()]).expect("the length is right");
        assert!(matches!(seal(&*provider, &bad, b"", b"", b""), Err(Error::NotAKey { .. })));
    }
    // A public X25519 key of small order gives an all-zero secret.
    let mut small = KeyPair::generate(&*provider, Suite::Hybrid768).public.as_bytes().to_vec();
    small[1_184..].fill(0);
    let small = PublicKey::from_bytes(Suite::Hybrid768, &small).expect("the length is right");
    assert!(matches!(seal(&*provider, &small, b"", b"", b""), Err(Error::NotAKey { .. })));
}
