//! What is sealed in one place opens in no other: every part of what a sealed key and a value are bound to.

use base::{Id, noun};
use crypto::{
    Error, FieldAlgorithm, FieldKey, Suite, aws_lc,
    bind::{Place, with_row},
    hpke::{self, KeyPair},
    siv::Siv,
    value::{Cipher, DataKey, Opener, Sealer},
};

/// A place and everything else that a sealed key is bound to.
#[derive(Clone)]
struct Bound {
    organization: u8,
    dataset: u8,
    field: &'static str,
    key_id: u32,
    mode: &'static str,
    suite: Suite,
    run: u8,
}

impl Bound {
    fn place(&self) -> Place<'static> {
        let (organization, dataset) =
            (Id::from_bytes([self.organization; 16]), Id::from_bytes([self.dataset; 16]));
        Place { organization, dataset, field: self.field }
    }

    fn info(&self) -> Vec<u8> {
        let run: Id<noun::Job> = Id::from_bytes([self.run; 16]);
        self.place().data_key_info(self.key_id, self.mode, self.suite, run)
    }
}

#[test]
fn a_sealed_key_pasted_elsewhere_does_not_open() {
    let provider = aws_lc();
    for suite in Suite::ALL {
        let pair = KeyPair::generate(&*provider, suite);
        let home =
            Bound { organization: 1, dataset: 2, field: "email", key_id: 3, mode: "aead", suite, run: 4 };
        let sealed = hpke::seal(&*provider, &pair.public, &home.info(), b"", &[7; 32]).expect("a key");
        let open = |bound: &Bound| hpke::open(&*provider, &pair.private, &bound.info(), b"", &sealed);
        assert_eq!(open(&home).expect("it opens at home").expose(), &[7; 32]);
        let other_suite = Suite::ALL.into_iter().find(|other| *other != suite).expect("there are two");
        let elsewhere = [
            ("organization", Bound { organization: 9, ..home.clone() }),
            ("dataset", Bound { dataset: 9, ..home.clone() }),
            ("organization for dataset", Bound { organization: 2, dataset: 1, ..home.clone() }),
            ("field", Bound { field: "emails", ..home.clone() }),
            ("no field", Bound { field: "", ..home.clone() }),
            ("key id", Bound { key_id: 4, ..home.clone() }),
            ("mode", Bound { mode: "gcm-siv", ..home.clone() }),
            ("suite", Bound { suite: other_suite, ..home.clone() }),
            ("run", Bound { run: 5, ..home.clone() }),
        ];
        for (what, bound) in elsewhere {
            let opened = open(&bound).map(|_| ());
            assert_eq!(opened, Err(Error::DoesNotOpen { what: "sealed key" }), "{suite}: another {what}");
        }
    }
}

#[test]
fn a_value_pasted_elsewhere_does_not_open_under_any_cipher() {
    let provider = aws_lc();
    let home = Bound {
        organization: 1,
        dataset: 2,
        field: "email",
        key_id: 3,
        mode: "",
        suite: Suite::Hybrid768,
        run: 4,
    };
    let row = |bound: &Bound, row: Option<&[u8]>| {
        let mut data = bound.place().associated_data();
        let own = data.len();
        if let Some(row) = row {
            with_row(&mut data, own, row);
        }
        data
    };
    let at_home = row(&home, Some(b"17"));
    let elsewhere = [
        row(&Bound { organization: 9, ..home.clone() }, Some(b"17")),
        row(&Bound { dataset: 9, ..home.clone() }, Some(b"17")),
        row(&Bound { field: "ssn", ..home.clone() }, Some(b"17")),
        row(&home, Some(b"18")),
        row(&home, Some(b"")),
        row(&home, None),
        // The field's name cannot take over the row's part, nor the other way round.
        row(&Bound { field: "email\0\0\0\x0217", ..home.clone() }, None),
    ];
    let no = Err(Error::DoesNotOpen { what: "protected value" });
    let mut out = Vec::new();
    for cipher in [Cipher::Gcm, Cipher::GcmSiv] {
        let key = DataKey::generate(&*provider, cipher);
        let mut value = Vec::new();
        let mut sealer = Sealer::new(provider.clone(), &key);
        sealer.batch().seal(&at_home, b"plain", &mut value).expect("the first");
        let opener = Opener::new(&*provider, &key);
        assert_eq!(opener.open(&at_home, &value, &mut out), Ok(()));
        for place in &elsewhere {
            assert_eq!(opener.open(place, &value, &mut out), no, "{cipher:?}");
        }
        // The bytes of one cipher are none of the other's, though form and key are the same.
        let other = if cipher == Cipher::Gcm { Cipher::GcmSiv } else { Cipher::Gcm };
        let bytes = base::Secret::new(key.as_secret().expose().to_vec());
        let other = DataKey::from_secret(other, key.id(), &bytes).expect("32 bytes");
        assert_eq!(Opener::new(&*provider, &other).open(&at_home, &value, &mut out), no, "{cipher:?}");
    }
    let mut siv = Siv::new(&FieldKey::generate(&*provider, FieldAlgorithm::AesSiv)).expect("a key for it");
    let mut value = Vec::new();
    siv.seal(&at_home, b"plain", &mut value);
    assert_eq!(siv.open(&at_home, &value, &mut out), Ok(()));
    for place in &elsewhere {
        assert_eq!(siv.open(place, &value, &mut out), no);
    }
    assert_eq!(out, b"plain".repeat(3), "failures leave nothing behind");
}
