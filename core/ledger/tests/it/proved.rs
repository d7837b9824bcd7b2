//! The proof of one entry: it holds from its file and the log's keys alone, and no changed one does.

use crate::log::{Doubles, Log};
use ledger::{Signer as _, prove};
use verify::merkle::Hash;
use verify::tiles::{self, TilePath};
use verify::{LedgerFiles as _, Pins, Problem, Proof, Unreadable, VerifierKey};

impl prove::Tiles for &Log {
    type Error = Unreadable;

    fn tile(&mut self, path: TilePath) -> Result<Vec<Hash>, Unreadable> {
        let bytes = self.read(&path.to_string(), path.max_bytes())?;
        tiles::hashes(&bytes).ok_or_else(|| Unreadable("no whole hashes".into()))
    }
}

fn proof(log: &Log, index: u64) -> Proof {
    let size = log.tree.size();
    let hashes = prove::inclusion(&mut &*log, index, size).expect("a proof");
    Proof {
        entry: log.entry(index),
        platform: None,
        index,
        hashes,
        checkpoint: log.files["checkpoint"].clone(),
    }
}

fn keys(log: &Log) -> Vec<VerifierKey> {
    log.keys().iter().map(|key| key.verifier_key().clone()).collect()
}

#[test]
fn every_entry_is_proved_from_a_file_and_the_keys_alone() {
    let log = Log::grown(&[1, 5, 300]);
    for index in [0, 1, 4, 255, 256, 299] {
        let file = proof(&log, index).to_file();
        let proven =
            Proof::read(&file).expect("it reads").verify(&Pins::of(&keys(&log)), &Doubles).expect("it holds");
        assert_eq!(proven.entry.position, index);
        assert_eq!(proven.checkpoint.checkpoint().size, 300);
    }
    assert!(matches!(prove::inclusion(&mut &log, 300, 300), Err(prove::NoProof::Beyond { .. })));
}

#[test]
fn no_proof_with_a_flipped_bit_holds() {
    let log = Log::grown(&[21]);
    let (file, keys) = (proof(&log, 13).to_file(), Pins::of(&keys(&log)));
    let holds = |file: &[u8]| Proof::read(file).is_ok_and(|proof| proof.verify(&keys, &Doubles).is_ok());
    assert!(holds(&file));
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[at] ^= 1 << bit;
            assert!(!holds(&changed), "bit {bit} of byte {at} goes unseen");
        }
        assert!(!holds(&file[..at]), "{at} bytes of it hold");
    }
}

#[test]
fn a_proof_put_together_from_others_does_not_hold() {
    let (log, longer) = (Log::grown(&[21]), Log::grown(&[21, 40]));
    let keys = Pins::of(&keys(&log));
    let whole = proof(&log, 13);
    let other = proof(&log, 14);
    let later = proof(&longer, 13);
    assert!(later.verify(&keys, &Doubles).is_ok());
    let mixed = [
        Proof { index: 14, ..whole.clone() },
        Proof { entry: other.entry.clone(), ..whole.clone() },
        Proof { hashes: other.hashes.clone(), ..whole.clone() },
        Proof { entry: other.entry, index: 14, ..whole.clone() },
        Proof { checkpoint: later.checkpoint, ..whole.clone() },
        Proof { hashes: later.hashes, ..whole.clone() },
        Proof { hashes: Vec::new(), ..whole.clone() },
    ];
    for (at, proof) in mixed.iter().enumerate() {
        assert!(proof.verify(&keys, &Doubles).is_err(), "mixture {at} holds");
    }
    let strangers = Log::with_keys(2);
    let strangers: Vec<_> = strangers.keys().iter().map(|key| key.verifier_key().clone()).collect();
    assert!(whole.verify(&Pins::of(&strangers), &Doubles).is_err(), "another log's keys vouch for it");
    assert!(whole.verify(&Pins::default(), &Doubles).is_err(), "without keys nothing is proved");
    let moved = Proof { index: 12, ..whole }.verify(&keys, &Doubles).expect_err("it is elsewhere");
    assert_eq!(moved.problem, Problem::Position { said: 13 });
}
