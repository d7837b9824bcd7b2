//! Files made elsewhere or earlier, which every release must read.

use audit::{Directory, Signatures};
use base::digest;
use ledger::Published;
use std::{collections::BTreeSet, fs, path::PathBuf, sync::Mutex};
use verify::{KeyTrust, Pins, Proof, SignatureCheck, SignatureType, VerifiedCheckpoint, VerifierKey};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn keys(name: &str) -> Vec<VerifierKey> {
    let text = fs::read_to_string(golden(name)).expect("it stands beside this test");
    text.lines().map(|line| line.parse().expect("a verifier key")).collect()
}

/// Signed in Go: the Ed25519 line by `golang.org/x/mod/sumdb/note` 0.42, the ML-DSA-44 line by
/// `github.com/transparency-dev/formats` 0.1.1, keys made by both.
#[test]
fn a_checkpoint_signed_by_other_programs_is_accepted() {
    let (bytes, keys) = (fs::read(golden("foreign/checkpoint")).expect("it is there"), keys("foreign/keys"));
    let signatures = Signatures::new(crypto::aws_lc());
    let opened = VerifiedCheckpoint::open(&bytes, &keys, &signatures).expect("their signatures hold");
    assert_eq!(opened.checkpoint().size, 20_852_163);
    assert_eq!(opened.checkpoint().root, std::array::from_fn(|n| u8::try_from(n).expect("small")));
    assert!(opened.time().is_some_and(|time| time.seconds() > 1_700_000_000));
    let text = fs::read_to_string(golden("foreign/keys")).expect("it is there");
    assert_eq!(keys.iter().map(|key| format!("{key}\n")).collect::<String>(), text);
}

/// A ledger of ours as version 1 wrote it: 300 entries in four publications. The same files were accepted by
/// `fsck` of `github.com/transparency-dev/tessera` 1.0.4 under either key.
#[test]
fn a_ledger_of_version_1_verifies() {
    let pins = Pins { keys: keys("ledger.keys"), ..Pins::default() };
    let files = Directory::open(&golden("ledger")).expect("it stands beside this test");
    let report = verify::directory(&files, &Signatures::new(crypto::aws_lc()), &pins).expect("it verifies");
    let head = report.checkpoint.checkpoint();
    assert_eq!((report.trust, head.size, report.files), (KeyTrust::Pinned, 300, 6));
    assert_eq!(head.origin, "nexora.internal/org_06danb16036stab2xev7caed14/1");
    assert_eq!(digest::hex(&head.root), "1800603cfb768eb5479dc32c948adcc496db8d3eb72968812345332d2d71e935");
}

/// Remembers which signatures hold.
struct Remembers(Signatures, Mutex<BTreeSet<String>>);

impl SignatureCheck for Remembers {
    fn check(&self, kind: SignatureType, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let holds = self.0.check(kind, public_key, message, signature);
        if holds {
            let hash =
                digest::of_parts("nexora/signature/1", &[&[kind.byte()], public_key, message, signature]);
            self.1.lock().expect("nobody panics").insert(digest::hex(&hash));
        }
        holds
    }
}

/// The proof of an entry of that ledger as version 1 wrote it. Its signatures, which `core/verify`'s example believes where
/// no library can check them, are those that hold.
#[test]
fn a_proof_of_version_1_holds_and_is_made_again() {
    let files = Directory::open(&golden("ledger")).expect("it stands beside this test");
    let made = Published::open(&files).and_then(|log| log.prove(42)).expect("a proof").to_file();
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../core/verify/tests/golden");
    let kept = fs::read(beside.join("entry-42.tlog-proof")).unwrap_or_default();
    let check = Remembers(Signatures::new(crypto::aws_lc()), Mutex::default());
    let proof = Proof::read(&made).expect("it reads");
    let proven = proof.verify(&Pins::of(&keys("ledger.keys")), &check).expect("it holds");
    assert_eq!(proven.entry.position, 42);
    assert_eq!(made, kept, "proofs have one form");
    let lines: String =
        check.1.lock().expect("nobody panics").iter().map(|hash| format!("{hash}\n")).collect();
    assert_eq!(lines, fs::read_to_string(beside.join("signatures")).expect("it stands there"));
}
