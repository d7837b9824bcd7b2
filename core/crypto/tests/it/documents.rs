//! Passphrase-sealed documents and envelopes.

use base::Secret;
use crypto::{
    Error, aws_lc, envelope,
    passphrase::{self, Cost, PassphraseKey},
};

const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[test]
fn a_passphrase_opens_its_document_and_seals_the_next() {
    let provider = aws_lc();
    let key = PassphraseKey::new(&*provider, &secret("correct horse"), CHEAP).expect("a cost");
    let first = key.seal(&*provider, "nexora/root/1", b"records");
    let (again, plain) =
        passphrase::open(&*provider, "nexora/root/1", &secret("correct horse"), &first).expect("it opens");
    assert_eq!(plain.expose(), b"records");
    let second = again.seal(&*provider, "nexora/root/1", b"records");
    assert_ne!(first, second, "a fresh nonce each time");
    assert!(passphrase::open(&*provider, "nexora/root/1", &secret("correct horse"), &second).is_ok());
}

#[test]
fn another_passphrase_or_an_altered_document_is_named() {
    let provider = aws_lc();
    let key = PassphraseKey::new(&*provider, &secret("correct horse"), CHEAP).expect("a cost");
    let document = key.seal(&*provider, "nexora/root/1", b"records");
    let open = |phrase: &str, format: &str, bytes: &[u8]| {
        passphrase::open(&*provider, format, &secret(phrase), bytes).map(|(_, plain)| plain.expose().clone())
    };
    assert_eq!(open("wrong horse", "nexora/root/1", &document), Err(Error::WrongPassphrase));
    assert!(matches!(open("correct horse", "nexora/backup/1", &document), Err(Error::Malformed { .. })));
    let text = String::from_utf8(document).expect("JSON");
    for (from, to) in [
        ("\"passes\": 1", "\"passes\": 2"),
        ("\"memory_kib\": 64", "\"memory_kib\": 65"),
        ("\"ciphertext\": \"", "\"ciphertext\": \"AAAA"),
    ] {
        let altered = text.replace(from, to);
        assert_ne!(altered, text);
        assert_eq!(open("correct horse", "nexora/root/1", altered.as_bytes()), Err(Error::WrongPassphrase));
    }
    for (from, to) in [
        ("\"memory_kib\": 64", "\"memory_kib\": 4294967295"),
        ("AES-256-GCM", "ROT13"),
        ("\"salt\": \"", "\"salt\": \"="),
    ] {
        let altered = text.replace(from, to);
        let got = open("correct horse", "nexora/root/1", altered.as_bytes());
        assert!(matches!(got, Err(Error::Malformed { .. })), "{to}");
    }
}

#[test]
fn a_generated_passphrase_is_long_and_new() {
    let provider = aws_lc();
    let (one, two) = (passphrase::generate(&*provider), passphrase::generate(&*provider));
    assert_eq!(one.expose().len(), 26);
    assert_ne!(one.expose(), two.expose());
}

#[test]
fn an_envelope_opens_for_its_key_and_binding_only() {
    let provider = aws_lc();
    let (key, other) = (crypto::secret::<32>(&*provider), crypto::secret::<32>(&*provider));
    let wrapped = envelope::wrap(&*provider, &key, b"unit 1", b"private key");
    assert_eq!(wrapped.len(), 11 + 29);
    let open = |key, bound: &[u8], bytes: &[u8]| {
        envelope::unwrap(&*provider, key, bound, bytes).map(|plain| plain.expose().clone())
    };
    assert_eq!(open(&key, b"unit 1", &wrapped), Ok(b"private key".to_vec()));
    let no = Err(Error::DoesNotOpen { what: "wrapped key" });
    assert_eq!(open(&other, b"unit 1", &wrapped), no);
    assert_eq!(open(&key, b"unit 2", &wrapped), no);
    for length in 0..wrapped.len() {
        assert!(open(&key, b"unit 1", &wrapped[..length]).is_err(), "{length} bytes");
    }
}
