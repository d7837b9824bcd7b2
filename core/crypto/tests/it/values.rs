//! Field values: what opens, and everything that does not.

use base::Id;
use crypto::{
    Error, aws_lc,
    bind::Place,
    value::{Cipher, DataKey, LIMIT, OVERHEAD, Opener, Sealer, key_id},
};
use std::collections::HashSet;

fn place(organization: u8, dataset: u8, field: &str) -> Vec<u8> {
    let (organization, dataset) = (Id::from_bytes([organization; 16]), Id::from_bytes([dataset; 16]));
    Place { organization, dataset, field }.associated_data()
}

#[test]
fn values_open_in_their_place_only() {
    let provider = aws_lc();
    let key = DataKey::generate(&*provider, Cipher::Gcm);
    let home = place(1, 2, "email");
    let mut value = Vec::new();
    Sealer::new(provider.clone(), &key).batch().seal(&home, b"a@b.example", &mut value).expect("the first");
    assert_eq!(value.len(), 11 + OVERHEAD);
    assert_eq!(key_id(&value), Ok(key.id()));

    let opener = Opener::new(&*provider, &key);
    let mut plain = Vec::new();
    opener.open(&home, &value, &mut plain).expect("it opens at home");
    assert_eq!(plain, b"a@b.example");
    for elsewhere in [place(1, 2, "ssn"), place(1, 3, "email"), place(2, 2, "email"), Vec::new()] {
        let moved = opener.open(&elsewhere, &value, &mut plain);
        assert_eq!(moved, Err(Error::DoesNotOpen { what: "protected value" }));
    }
    for at in 0..value.len() {
        let mut altered = value.clone();
        altered[at] ^= 0x10;
        assert!(opener.open(&home, &altered, &mut plain).is_err(), "byte {at}");
        assert!(opener.open(&home, &value[..at], &mut plain).is_err(), "{at} bytes");
    }
    assert_eq!(plain, b"a@b.example", "failures leave nothing behind");

    let stranger = DataKey::generate(&*provider, Cipher::Gcm);
    let got = Opener::new(&*provider, &stranger).open(&home, &value, &mut plain);
    assert_eq!(got, Err(Error::WrongKeyId { got: key.id() }));
}

#[test]
fn empty_values_and_equal_values_differ() {
    let provider = aws_lc();
    let key = DataKey::generate(&*provider, Cipher::Gcm);
    let mut sealer = Sealer::new(provider.clone(), &key);
    let opener = Opener::new(&*provider, &key);
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let mut batch = sealer.batch();
        for _ in 0..300 {
            let mut value = Vec::new();
            batch.seal(b"", b"", &mut value).expect("below the limit");
            opener.open(b"", &value, &mut Vec::new()).expect("it opens");
            assert!(seen.insert(value));
        }
    }
    assert_eq!(sealer.remaining(), LIMIT - 900);
}

#[test]
fn a_data_key_seals_no_more_than_its_limit() {
    let provider = aws_lc();
    let mut sealer = Sealer::new(provider.clone(), &DataKey::generate(&*provider, Cipher::Gcm)).limited(2);
    let mut out = Vec::new();
    let mut batch = sealer.batch();
    batch.seal(b"", b"1", &mut out).expect("the first");
    batch.seal(b"", b"2", &mut out).expect("the second");
    let length = out.len();
    assert_eq!(batch.seal(b"", b"3", &mut out), Err(Error::Exhausted));
    assert_eq!(out.len(), length);
    assert_eq!(LIMIT, 1 << 31);
}
