//! Signatures, JSON Web Keys and signed documents.

use crate::python;
use base::Secret;
use crypto::{
    Error, Jwk, aws_lc,
    jws::Jws,
    random,
    sign::{Algorithm, SigningKey, VerifyingKey},
    text,
};
use serde_json::json;

#[test]
fn every_algorithm_signs_and_survives_storage() {
    let provider = aws_lc();
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(&*provider, algorithm);
        let signature = key.sign(b"message");
        assert_eq!(signature.len(), algorithm.signature_len());
        let stored = SigningKey::from_secret(&*provider, algorithm, key.as_secret().clone()).expect("a seed");
        assert_eq!(stored.verifying_key(), key.verifying_key());
        let public = stored.verifying_key();
        assert_eq!(public.as_bytes().len(), algorithm.public_len());
        assert_eq!(public.verify(&*provider, b"message", &signature), Ok(()));
        assert!(public.verify(&*provider, b"massage", &signature).is_err());
        assert!(public.verify(&*provider, b"message", &signature[1..]).is_err());
        let other = SigningKey::generate(&*provider, algorithm);
        assert!(other.verifying_key().verify(&*provider, b"message", &signature).is_err());
        assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
    }
    let short = SigningKey::from_secret(&*provider, Algorithm::MlDsa65, Secret::new(vec![0; 31]));
    assert!(matches!(short, Err(Error::WrongLength { expected: 32, got: 31, .. })));
}

#[test]
fn rfc_8037_thumbprint() {
    // RFC 8037, appendix A.2 and A.3.
    let json = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let jwk: Jwk = serde_json::from_str(json).expect("a JSON Web Key");
    assert_eq!(jwk.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    // RFC 8032, section 7.1, test 1 has the same key.
    let key = VerifyingKey::try_from(jwk).expect("32 bytes");
    let signature: Vec<u8> = [
        0xe556_4300_c360_ac72_u64,
        0x9086_e2cc_806e_828a,
        0x8487_7f1e_b8e5_d974,
        0xd873_e065_2249_0155,
        0x5fb8_8215_90a3_3bac,
        0xc61e_3970_1cf9_b46b,
        0xd25b_f5f0_595b_be24,
        0x6551_4143_8e7a_100b,
    ]
    .iter()
    .flat_map(|word| word.to_be_bytes())
    .collect();
    assert_eq!(key.verify(&*aws_lc(), b"", &signature), Ok(()));
    let seed: Vec<u8> =
        [0x9d61_b19d_effd_5a60_u64, 0xba84_4af4_92ec_2cc4, 0x4449_c569_7b32_6919, 0x703b_ac03_1cae_7f60]
            .iter()
            .flat_map(|word| word.to_be_bytes())
            .collect();
    let signer = SigningKey::from_secret(&*aws_lc(), Algorithm::Ed25519, Secret::new(seed)).expect("a seed");
    assert_eq!((signer.verifying_key(), signer.sign(b"")), (&key, signature));
}

#[test]
fn rfc_9964_names() {
    // RFC 9964, appendix A: the keys of the all-zero seed. A thumbprint depends on every byte of the public key,
    // and on how it stands in a JSON Web Key.
    let names = [
        (Algorithm::MlDsa44, "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o"),
        (Algorithm::MlDsa65, "Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM"),
        (Algorithm::MlDsa87, "tRn1JNIkgMsABVQBlXeDHxAIcclh-2IX0UdDEzPt5XU"),
    ];
    for (algorithm, name) in names {
        let key = SigningKey::from_secret(&*aws_lc(), algorithm, Secret::new(vec![0; 32])).expect("a seed");
        assert_eq!(key.verifying_key().thumbprint(), name);
        let jwk = key.to_jwk().expect("an ML-DSA key");
        assert!(jwk.expose().contains(r#""priv": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#));
    }
}

#[test]
fn pyca_verifies_what_we_sign_and_signs_what_we_verify() {
    let provider = aws_lc();
    let (message, other) = (text::encode(b"message"), text::encode(b"massage"));
    let mut acts = Vec::new();
    let mut seeds = Vec::new();
    for algorithm in Algorithm::ALL {
        let seed = random::<32>(&*provider).to_vec();
        let key = SigningKey::from_secret(&*provider, algorithm, Secret::new(seed.clone())).expect("a seed");
        let public = text::encode(key.verifying_key().as_bytes());
        let signature = text::encode(&key.sign(b"message"));
        for message in [&message, &other] {
            acts.push(json!({"do": "verify", "algorithm": algorithm, "public": public,
                "message": message, "signature": signature}));
        }
        let seed = text::encode(&seed);
        acts.push(json!({"do": "sign", "algorithm": algorithm, "seed": seed, "message": message}));
        seeds.push(key);
    }
    let answers = python::ask("pyca.py", &json!(acts));
    for (at, key) in seeds.iter().enumerate() {
        let answer = |number: usize| &answers[3 * at + number];
        assert_eq!(answer(0), &json!({"verifies": true}), "{key:?}");
        assert_eq!(answer(1), &json!({"refused": "signature"}), "{key:?}");
        let bytes =
            |name: &str| text::decode(answer(2)[name].as_str().expect("text"), "answer").expect("base64url");
        // The same seed is the same key on both sides.
        assert_eq!(key.verifying_key().as_bytes(), bytes("public"), "{key:?}");
        assert_eq!(key.verifying_key().verify(&*provider, b"message", &bytes("signature")), Ok(()));
    }
}

#[test]
fn a_json_web_key_says_what_it_is() {
    let provider = aws_lc();
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(&*provider, algorithm).verifying_key().clone();
        let json = serde_json::to_string(&key).expect("JSON");
        assert_eq!(serde_json::from_str::<VerifyingKey>(&json).expect("the same key"), key);
        let renamed = json.replace(&key.thumbprint(), "somebody-else");
        assert!(serde_json::from_str::<VerifyingKey>(&renamed).is_err());
        assert!(serde_json::from_str::<VerifyingKey>(&json.replace("\"kid\"", "\"d\"")).is_err());
    }
}

#[test]
fn a_signed_document_opens_for_its_key_and_type_only() {
    let provider = aws_lc();
    let key = SigningKey::generate(&*provider, Algorithm::MlDsa65);
    let jws = Jws::sign(&key, "nexora-manifest+json", br#"{"rows":3}"#);
    let verifies = |jws: &Jws| jws.verify(&*provider, key.verifying_key(), "nexora-manifest+json");
    assert_eq!(verifies(&jws).as_deref(), Ok(br#"{"rows":3}"#.as_slice()));
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(&*provider, algorithm);
        let jws = Jws::sign(&key, "nexora-manifest+json", b"{}");
        assert_eq!(jws.header().expect("a header").alg, algorithm);
        let verified = jws.verify(&*provider, key.verifying_key(), "nexora-manifest+json");
        assert_eq!(verified.as_deref(), Ok(b"{}".as_slice()));
    }
    assert_eq!(jws.header().expect("a header").kid, key.verifying_key().thumbprint());

    let other = SigningKey::generate(&*provider, Algorithm::MlDsa65);
    let got = jws.verify(&*provider, other.verifying_key(), "nexora-manifest+json");
    assert_eq!(got, Err(Error::WrongSignature { what: "the document" }));
    assert!(jws.verify(&*provider, key.verifying_key(), "nexora-token+json").is_err());

    let json = serde_json::to_value(&jws).expect("JSON");
    for member in ["payload", "protected", "signature"] {
        let text = json[member].as_str().expect("text");
        for at in [0, text.len() / 2, text.len() - 3] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let mut altered = json.clone();
            altered[member] = String::from_utf8(bytes).expect("ASCII").into();
            let altered: Jws = serde_json::from_value(altered).expect("its form is right");
            assert!(verifies(&altered).is_err(), "{member} at {at}");
        }
    }
    let mut unprotected = json;
    unprotected["header"] = serde_json::json!({"kid": "me"});
    assert!(serde_json::from_value::<Jws>(unprotected).is_err());
}

#[test]
fn a_private_key_survives_its_file() {
    let provider = aws_lc();
    for algorithm in [Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87] {
        let key = SigningKey::generate(&*provider, algorithm);
        let jwk = key.to_jwk().expect("an ML-DSA key");
        let read = SigningKey::from_jwk(&*provider, &jwk).expect("the same key");
        assert_eq!(read.verifying_key(), key.verifying_key());
    }
    let key = SigningKey::generate(&*provider, Algorithm::MlDsa65);
    let jwk = key.to_jwk().expect("an ML-DSA key");
    let other = SigningKey::generate(&*provider, Algorithm::MlDsa65).to_jwk().expect("an ML-DSA key");
    let member = |json: &str, name: &str| {
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        json[name].as_str().expect("text").to_owned()
    };
    let mixed = jwk.expose().replace(&member(jwk.expose(), "pub"), &member(other.expose(), "pub"));
    let mixed = SigningKey::from_jwk(&*provider, &Secret::new(mixed));
    assert!(matches!(mixed, Err(Error::Malformed { .. })));
    assert!(SigningKey::generate(&*provider, Algorithm::Ed25519).to_jwk().is_err());
}
