//! What a ledger's directory holds, what proves an entry, and what log and witness send each other: all of it may be forged.

use std::sync::LazyLock;
use verify::{
    Charter, Checkpoint, Origin, Pins, Proof, SignatureCheck, SignatureType, TilePath, VerifiedCheckpoint,
    VerifierKey, entry, note,
    quorum::Policy,
    tiles,
    witness::{self, Known, Request},
};

/// Every signature holds, or none: what is read is looked at in both cases.
struct Says(bool);

impl SignatureCheck for Says {
    fn check(&self, _: SignatureType, _: &[u8], _: &[u8], _: &[u8]) -> bool {
        self.0
    }
}

/// The golden ledger's keys.
static KEYS: LazyLock<Vec<VerifierKey>> = LazyLock::new(|| {
    let bundle = include_bytes!("../../../services/audit/tests/golden/ledger/tile/entries/000");
    let first = tiles::entries(bundle).expect("a bundle")[0];
    verify::charter::started_facts(&entry::read(first).expect("an entry")).expect("it names the keys").1
});

/// A signed checkpoint.
pub(super) fn checkpoint(bytes: &[u8]) -> bool {
    let Ok(note) = note::read(bytes) else { return false };
    assert!(note.signatures.len() <= note::MAX_SIGNATURES);
    let read = Checkpoint::read(note.text);
    if let Some(read) = &read {
        assert_eq!(read.to_string(), note.text, "it has one text");
    }
    assert!(VerifiedCheckpoint::open(bytes, &KEYS, &Says(false)).is_err(), "nothing is believed");
    let believed = VerifiedCheckpoint::open(bytes, &KEYS, &Says(true));
    assert!(believed.is_err() || read.is_some());
    believed.is_ok()
}

/// A verifier key.
pub(super) fn key(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(key) = text.parse::<VerifierKey>() else { return false };
    assert_eq!(key.to_string(), text, "it has one text");
    true
}

/// The path of a tile or bundle, or a bundle.
pub(super) fn tile(bytes: &[u8]) -> bool {
    let path = std::str::from_utf8(bytes).ok().and_then(|text| Some((text, text.parse::<TilePath>().ok()?)));
    if let Some((text, path)) = path {
        assert_eq!(path.to_string(), text, "it has one text");
        return true;
    }
    let _ = tiles::hashes(bytes);
    let Ok(entries) = tiles::entries(bytes) else { return false };
    assert_eq!(entries.iter().map(|entry| entry.len() + 2).sum::<usize>(), bytes.len());
    !entries.is_empty()
}

/// An entry, and what it changes of its log.
pub(super) fn entry(bytes: &[u8]) -> bool {
    let glance = entry::glance(bytes);
    let Ok(seen) = entry::read(bytes) else {
        assert!(glance.is_none(), "passed at a glance only");
        return false;
    };
    if let Some(glance) = glance {
        assert_eq!(
            (glance.position, glance.time, glance.kind),
            (seen.position, seen.time, seen.kind.as_str())
        );
        assert_eq!(glance.organization, seen.organization.to_string());
    }
    let json = serde_json::Value::Object(seen.fields.clone()).to_string();
    assert_eq!(json.as_bytes(), bytes, "it has one text");
    for holds in [false, true] {
        let origin = Origin { organization: seen.organization, generation: 1 };
        let mut charter = Charter::new(origin);
        if charter.apply(&seen, &Says(holds)).is_ok() {
            assert!(charter.minimum <= seen.position);
        }
    }
    let _ = verify::charter::recorded(&seen);
    true
}

/// The proof of an entry.
pub(super) fn proof(bytes: &[u8]) -> bool {
    let Ok(proof) = Proof::read(bytes) else { return false };
    assert_eq!(proof.to_file(), bytes, "it has one text");
    assert!(proof.verify(&Pins::default(), &Says(true)).is_err(), "nobody is trusted");
    assert!(proof.verify(&Pins::of(&KEYS), &Says(false)).is_err(), "nothing is believed");
    let _ = proof.verify(&Pins::of(&KEYS), &Says(true));
    true
}

/// What a log sends a witness, and what a witness answers.
pub(super) fn witnessed(bytes: &[u8]) -> bool {
    let asked = Checkpoint {
        origin: "nexora.internal/org_040g2081040g2081040g208104/1".to_owned(),
        size: 2,
        root: [1; 32],
    };
    assert!(witness::cosignatures(&asked, bytes, &KEYS, &Says(false)).is_empty(), "nothing is believed");
    let _ = witness::cosignatures(&asked, bytes, &KEYS, &Says(true));
    let _ = witness::refusal(409, "text/x.tlog.size", bytes);
    let Ok(request) = Request::read(bytes) else { return false };
    assert_eq!(Request::read(&request.to_body()), Ok(request.clone()));
    assert!(request.admit(&[], None, &Says(true)).is_err(), "of no known log");
    assert!(request.admit(&KEYS, None, &Says(false)).is_err(), "nothing is believed");
    let known = Known { size: 1, root: [2; 32] };
    if let Ok(admitted) = request.admit(&KEYS, Some(known), &Says(true)) {
        assert!(admitted.size >= known.size, "never back");
    }
    request.admit(&KEYS, None, &Says(true)).is_ok()
}

/// A policy of witnesses, and the name of a log.
pub(super) fn policy(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.to_string(), text, "it has one text");
        return true;
    }
    let Ok(policy) = text.parse::<Policy>() else { return false };
    if policy.is_met(|_| false) {
        assert!(policy.is_met(|_| true), "more cosignatures are never worse");
    }
    true
}
