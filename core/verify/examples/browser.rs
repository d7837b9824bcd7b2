//! Verifies a proof and a whole ledger where there are no files, no clock, no threads and no cryptographic library, as in
//! a browser: `make test` builds this for `wasm32-unknown-unknown`, and `tests/it/wasm.rs` runs it there.
//!
//! Signature checks come in as a value. Here they are remembered: `signatures` has a hash of every signature that
//! `services/audit` found to hold, with its key and message, and no other is believed.

use base::digest;
use std::collections::BTreeSet;
use verify::{LedgerFiles, Pins, Proof, SignatureCheck, SignatureType, Unreadable, VerifierKey};

/// The proof of entry 42 of the golden ledger.
const PROOF: &[u8] = include_bytes!("../tests/golden/entry-42.tlog-proof");
/// Of the signatures that hold, a line each.
const SIGNATURES: &str = include_str!("../tests/golden/signatures");
const KEYS: &str = include_str!("../../../services/audit/tests/golden/ledger.keys");

macro_rules! golden {
    ($($path:literal),*) => {
        &[$(($path, include_bytes!(concat!("../../../services/audit/tests/golden/ledger/", $path)) as &[u8])),*]
    };
}

/// The golden ledger.
const LEDGER: &[(&str, &[u8])] = golden![
    "checkpoint",
    "tile/0/000",
    "tile/0/001.p/44",
    "tile/1/000.p/1",
    "tile/entries/000",
    "tile/entries/001.p/44"
];

struct Remembered(BTreeSet<String>);

impl SignatureCheck for Remembered {
    fn check(&self, kind: SignatureType, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let hash = digest::of_parts("nexora/signature/1", &[&[kind.byte()], public_key, message, signature]);
        self.0.contains(&digest::hex(&hash))
    }
}

/// Files in memory, of which one byte may be another.
struct Files {
    /// Which file, which byte, which bit.
    changed: Option<(usize, usize, u8)>,
}

impl LedgerFiles for Files {
    fn list(&self) -> Result<Vec<String>, Unreadable> {
        Ok(LEDGER.iter().map(|(path, _)| (*path).to_owned()).collect())
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Unreadable> {
        let at = LEDGER.iter().position(|(name, _)| *name == path);
        let at = at.ok_or_else(|| Unreadable("there is no such file".to_owned()))?;
        let mut bytes = LEDGER[at].1.to_vec();
        if let Some((_, byte, bit)) = self.changed.filter(|(file, _, _)| *file == at) {
            bytes[byte] ^= bit;
        }
        if bytes.len() <= limit { Ok(bytes) } else { Err(Unreadable("it is too large".to_owned())) }
    }
}

fn main() -> Result<(), &'static str> {
    let check = Remembered(SIGNATURES.lines().map(str::to_owned).collect());
    let keys: Vec<VerifierKey> = KEYS.lines().filter_map(|line| line.parse().ok()).collect();
    let pins = Pins::of(&keys);
    let proves = |file: &[u8]| {
        Proof::read(file)
            .is_ok_and(|proof| proof.verify(&pins, &check).is_ok_and(|proven| proven.entry.position == 42))
    };
    if !proves(PROOF) {
        return Err("the golden proof does not hold");
    }
    for at in 0..PROOF.len() {
        let mut forged = PROOF.to_vec();
        forged[at] ^= 1 << (at % 8);
        if proves(&forged) {
            return Err("a forged proof holds");
        }
    }
    let verifies = |changed| verify::directory(&Files { changed }, &check, &pins).is_ok();
    if !verifies(None) {
        return Err("the golden ledger does not verify");
    }
    for (file, (_, bytes)) in LEDGER.iter().enumerate() {
        // A few of each file: the walk reads them all every time.
        for byte in (0..bytes.len()).step_by(bytes.len() / 5 + 1) {
            if verifies(Some((file, byte, 1))) {
                return Err("a changed ledger verifies");
            }
        }
    }
    Ok(())
}
