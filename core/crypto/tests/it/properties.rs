//! What holds for all inputs, tried on random ones.

use crypto::{
    Suite, aws_lc, bind, envelope,
    hpke::{self, KeyPair},
    jws::Jws,
    kdf::{self, Hash},
    sign::{Algorithm, SigningKey},
    text,
    value::{Cipher, DataKey, OVERHEAD, Opener, Sealer},
};
use proptest::{collection::vec, prelude::*, sample::Index};
use std::sync::LazyLock;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

/// The same bytes with one bit another.
fn flipped(bytes: &[u8], at: Index) -> Vec<u8> {
    let bit = at.index(bytes.len() * 8);
    let mut altered = bytes.to_vec();
    altered[bit / 8] ^= 1 << (bit % 8);
    altered
}

static PAIRS: LazyLock<[KeyPair; 2]> =
    LazyLock::new(|| Suite::ALL.map(|suite| KeyPair::generate(&*aws_lc(), suite)));

fn settings(cases: u32) -> ProptestConfig {
    // A failure prints its input, shrunk; nothing is written beside the sources.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(settings(200))]

    #[test]
    fn parts_are_read_in_one_way(one in vec(bytes(), 0..5), other in vec(bytes(), 0..5)) {
        let bound = |parts: &[Vec<u8>]| bind::parts(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        prop_assert_eq!(bound(&one) == bound(&other), one == other);
        // Cut at their lengths, they are what went in.
        let (mut rest, mut read) = (bound(&one), Vec::new());
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().expect("4 bytes")) as usize;
            read.push(rest[4..4 + length].to_vec());
            rest.drain(..4 + length);
        }
        prop_assert_eq!(read, one);
    }

    #[test]
    fn a_text_has_one_value_and_a_value_one_text(value in bytes(), any_text in "[A-Za-z0-9_=+/-]{0,24}") {
        let encoded = text::encode(&value);
        prop_assert_eq!(text::decode(&encoded, "text"), Ok(value));
        if let Ok(decoded) = text::decode(&any_text, "text") {
            prop_assert_eq!(text::encode(&decoded), any_text);
        }
    }

    #[test]
    fn values_open_as_they_were_and_altered_ones_do_not(
        plain in bytes(), place in bytes(), siv in any::<bool>(), at in any::<Index>(), random in bytes(),
    ) {
        let provider = aws_lc();
        let key = DataKey::generate(&*provider, if siv { Cipher::GcmSiv } else { Cipher::Gcm });
        let mut value = Vec::new();
        Sealer::new(provider.clone(), &key).batch().seal(&place, &plain, &mut value).expect("the first");
        prop_assert_eq!(value.len(), plain.len() + OVERHEAD);
        let opener = Opener::new(&*provider, &key);
        let open = |place: &[u8], value: &[u8]| {
            let mut out = Vec::new();
            opener.open(place, value, &mut out).map(|()| out)
        };
        prop_assert_eq!(open(&place, &value), Ok(plain));
        prop_assert!(open(&place, &flipped(&value, at)).is_err());
        prop_assert!(open(&place, &value[..at.index(value.len())]).is_err());
        prop_assert!(open(&[place.as_slice(), b"\0"].concat(), &value).is_err());
        prop_assert!(open(&place, &random).is_err());
    }

    #[test]
    fn envelopes_open_as_they_were_and_altered_ones_do_not(
        plain in bytes(), bound in bytes(), at in any::<Index>(), random in bytes(),
    ) {
        let provider = aws_lc();
        let key = crypto::secret::<32>(&*provider);
        let wrapped = envelope::wrap(&*provider, &key, &bound, &plain);
        let open = |envelope: &[u8]| {
            envelope::unwrap(&*provider, &key, &bound, envelope).map(|plain| plain.expose().clone())
        };
        prop_assert_eq!(open(&wrapped), Ok(plain));
        prop_assert!(open(&flipped(&wrapped, at)).is_err());
        prop_assert!(open(&random).is_err());
    }

    #[test]
    fn a_shorter_key_is_the_beginning_of_a_longer_one(
        material in bytes(), salt in bytes(), info in bytes(), short in 0..400_usize, more in 0..400_usize,
    ) {
        let provider = aws_lc();
        for hash in [Hash::Sha256, Hash::Sha384] {
            let key = kdf::extract(&*provider, hash, &salt, &[&material]);
            let (mut one, mut other) = (vec![0; short], vec![0; short + more]);
            kdf::expand(&*provider, hash, &key, &[&info], &mut one).expect("short enough");
            kdf::expand(&*provider, hash, &key, &[&info], &mut other).expect("short enough");
            prop_assert_eq!(&one, &other[..short]);
        }
    }
}

proptest! {
    #![proptest_config(settings(40))]

    #[test]
    fn sealed_keys_open_as_they_were_and_altered_ones_do_not(
        plain in bytes(), info in bytes(), aad in bytes(), which in 0..2_usize, at in any::<Index>(),
    ) {
        let provider = aws_lc();
        let pair = &PAIRS[which];
        let sealed = hpke::seal(&*provider, &pair.public, &info, &aad, &plain).expect("a key");
        let open = |info: &[u8], aad: &[u8], sealed: &[u8]| {
            hpke::open(&*provider, &pair.private, info, aad, sealed).map(|plain| plain.expose().clone())
        };
        prop_assert_eq!(open(&info, &aad, &sealed), Ok(plain));
        prop_assert!(open(&info, &aad, &flipped(&sealed, at)).is_err());
        prop_assert!(open(&[info.as_slice(), b"\0"].concat(), &aad, &sealed).is_err());
        prop_assert!(open(&info, &[aad.as_slice(), b"\0"].concat(), &sealed).is_err());
        // What stands in one of the two does not stand for the other.
        if info != aad {
            prop_assert!(open(&aad, &info, &sealed).is_err());
        }
    }

    #[test]
    fn signed_documents_say_what_was_signed(
        payload in bytes(), typ in "[a-z+]{1,20}", which in any::<Index>(), at in any::<Index>(),
    ) {
        let provider = aws_lc();
        let algorithm = Algorithm::ALL[which.index(Algorithm::ALL.len())];
        let key = SigningKey::generate(&*provider, algorithm);
        let jws = Jws::sign(&key, &typ, &payload);
        prop_assert_eq!(jws.verify(&*provider, key.verifying_key(), &typ), Ok(payload));
        prop_assert!(jws.verify(&*provider, key.verifying_key(), "else").is_err());
        let json = serde_json::to_vec(&jws).expect("JSON");
        // One bit of the file: it is no such document any more, or its signature is wrong.
        if let Ok(altered) = serde_json::from_slice::<Jws>(&flipped(&json, at)) {
            prop_assert!(altered.verify(&*provider, key.verifying_key(), &typ).is_err());
        }
    }
}
