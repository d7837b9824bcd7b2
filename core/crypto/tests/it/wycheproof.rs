//! Wycheproof through our provider. Every case of our parameters passes; the counts keep a filter from
//! silently passing none.

use crypto::{MlKem, aws_lc, sign::Algorithm, sign::VerifyingKey};
use wycheproof::{TestResult, aead, eddsa, mac, mldsa_verify, mlkem, xdh};

#[test]
fn aes_256_gcm() {
    let provider = aws_lc();
    let mut cases = 0;
    let set = aead::TestSet::load(aead::TestName::AesGcm).expect("the set loads");
    for group in set.test_groups {
        // The product uses 256-bit keys, 96-bit nonces and whole tags only.
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in group.tests {
            cases += 1;
            let key: [u8; 32] = test.key.as_slice().try_into().expect("256 bits");
            let nonce: [u8; 12] = test.nonce.as_slice().try_into().expect("96 bits");
            let aead = provider.aes_256_gcm(&key);
            let sealed = [test.ct.as_slice(), test.tag.as_slice()].concat();
            let mut plain = b"before".to_vec();
            let opened = aead.open(&nonce, &test.aad, &sealed, &mut plain);
            if test.result == TestResult::Invalid {
                assert!(opened.is_err(), "case {} opens", test.tc_id);
                assert_eq!(plain, b"before");
                continue;
            }
            assert!(opened.is_ok(), "case {} does not open", test.tc_id);
            assert_eq!(&plain[6..], test.pt.as_slice());
            let mut again = Vec::new();
            aead.seal(&nonce, &test.aad, &test.pt, &mut again);
            assert_eq!(again, sealed, "case {}", test.tc_id);
        }
    }
    assert!(cases > 60, "{cases} cases");
}

#[test]
fn ml_dsa() {
    let provider = aws_lc();
    let sets = [
        (mldsa_verify::TestName::MlDsa44Verify, Algorithm::MlDsa44),
        (mldsa_verify::TestName::MlDsa65Verify, Algorithm::MlDsa65),
    ];
    for (name, algorithm) in sets {
        let (mut cases, mut valid) = (0, 0);
        for group in mldsa_verify::TestSet::load(name).expect("the set loads").test_groups {
            for test in &group.tests {
                // Only the empty context is used, and only it is offered.
                if test.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                    continue;
                }
                cases += 1;
                let verdict = VerifyingKey::from_bytes(algorithm, &group.pubkey)
                    .and_then(|key| key.verify(&*provider, &test.msg, &test.sig));
                assert_eq!(verdict.is_ok(), test.result == TestResult::Valid, "case {}", test.tc_id);
                valid += usize::from(verdict.is_ok());
            }
        }
        assert!(cases > 30 && valid > 3, "{algorithm}: {cases} cases, {valid} valid");
    }
}

#[test]
fn ed25519() {
    let provider = aws_lc();
    let mut cases = 0;
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("the set loads").test_groups {
        for test in &group.tests {
            cases += 1;
            let key = VerifyingKey::from_bytes(Algorithm::Ed25519, &group.key.pk).expect("32 bytes");
            let verdict = key.verify(&*provider, &test.msg, &test.sig);
            assert_eq!(verdict.is_ok(), test.result == TestResult::Valid, "case {}", test.tc_id);
        }
    }
    assert!(cases > 100, "{cases} cases");
}

#[test]
fn hmac_sha256() {
    let provider = aws_lc();
    let mut cases = 0;
    for group in mac::TestSet::load(mac::TestName::HmacSha256).expect("the set loads").test_groups {
        for test in &group.tests {
            cases += 1;
            let tag = provider.hmac_sha256(&test.key, &[&test.msg]);
            let fits = crypto::equal(&tag.expose()[..test.tag.len()], &test.tag);
            assert_eq!(fits, test.result == TestResult::Valid, "case {}", test.tc_id);
        }
    }
    assert!(cases > 100, "{cases} cases");
}

#[test]
fn x25519() {
    let provider = aws_lc();
    let mut cases = 0;
    for group in xdh::TestSet::load(xdh::TestName::X25519).expect("the set loads").test_groups {
        for test in &group.tests {
            let private: [u8; 32] = test.private_key.as_slice().try_into().expect("32 bytes");
            let public: [u8; 32] = test.public_key.as_slice().try_into().expect("32 bytes");
            cases += 1;
            match provider.x25519(&private.into(), &public) {
                Ok(shared) => assert_eq!(shared.expose(), test.shared_secret.as_slice()),
                // Refused on purpose, as RFC 9180 asks: the secret would be all zero.
                Err(_) => assert!(test.shared_secret.iter().all(|&byte| byte == 0), "case {}", test.tc_id),
            }
        }
    }
    assert!(cases > 400, "{cases} cases");
}

#[test]
fn ml_kem_768() {
    let provider = aws_lc();
    let mut cases = 0;
    let encapsulate = mlkem::TestSet::load(mlkem::TestName::MlKem768Encaps).expect("the set loads");
    for test in encapsulate.test_groups.iter().flat_map(|group| &group.tests) {
        let key = test.encaps_key.as_ref().expect("these cases have a key");
        cases += 1;
        // The randomness of an encapsulation cannot be handed to the library; whether it takes the key can
        // be seen all the same.
        let taken = provider.ml_kem_encapsulate(MlKem::MlKem768, key).is_ok();
        assert_eq!(taken, test.result == TestResult::Valid, "case {}", test.tc_id);
    }
    let decapsulate =
        mlkem::TestSet::load(mlkem::TestName::MlKem768SemiExpandedDecaps).expect("the set loads");
    for test in decapsulate.test_groups.iter().flat_map(|group| &group.tests) {
        let key = test.decaps_key.as_ref().expect("these cases have a key").to_vec();
        let ciphertext = test.ct.as_ref().expect("these cases have a ciphertext");
        cases += 1;
        let shared = provider.ml_kem_decapsulate(MlKem::MlKem768, &key.into(), ciphertext);
        match test.result {
            TestResult::Invalid => assert!(shared.is_err(), "case {} opens", test.tc_id),
            _ => {
                let shared = shared.expect("it opens");
                if let Some(expected) = &test.shared_secret {
                    assert_eq!(shared.expose(), expected.as_slice(), "case {}", test.tc_id);
                }
            }
        }
    }
    assert!(cases > 20, "{cases} cases");
}
