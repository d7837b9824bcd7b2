//! Proofs from published files: of a log that grows meanwhile, between any two of its trees, and never from files that
//! were changed.

use crate::log::{Doubles, Log};
use ledger::{Published, Signer as _, Unproven};
use verify::merkle::consistent;
use verify::{Checkpoint, Pins, VerifierKey};

fn keys(log: &Log) -> Vec<VerifierKey> {
    log.keys().iter().map(|key| key.verifier_key().clone()).collect()
}

/// What the log's checkpoint was at a size.
fn at(size: u64) -> Checkpoint {
    Log::grown(&[size]).checkpoint()
}

#[test]
fn a_proof_is_made_of_what_is_published_and_holds() {
    let log = Log::grown(&[1, 5, 300]);
    let published = Published::open(&log).expect("it is published");
    for index in [0, 4, 255, 256, 299] {
        let proof = published.prove(index).expect("a proof");
        assert_eq!((proof.index, proof.entry == log.entry(index)), (index, true));
        assert!(proof.verify(&Pins::of(&keys(&log)), &Doubles).is_ok(), "{index}");
    }
    let beyond = Unproven::Beyond { size: 300, asked: 300 };
    assert_eq!(published.prove(300).err(), Some(beyond));
}

#[test]
fn a_log_that_grows_meanwhile_is_proved_at_the_checkpoint_that_was_read() {
    let mut log = Log::grown(&[1, 5, 300]);
    let signed = log.files["checkpoint"].clone();
    let _ = log.grow(600);
    // The full tiles stand; what they supersede has gone.
    log.files.retain(|path, _| !path.starts_with("tile/0/001.p") && !path.starts_with("tile/entries/001.p"));
    log.files.insert("checkpoint".into(), signed);
    let published = Published::open(&log).expect("it is published");
    for index in [0, 255, 256, 299] {
        let proof = published.prove(index).expect("a proof");
        assert!(proof.verify(&Pins::of(&keys(&log)), &Doubles).is_ok(), "{index}");
    }
}

#[test]
fn any_two_trees_of_one_log_are_consistent_and_those_of_two_are_not() {
    // Only the last state's files are needed, wherever it was published before.
    let log = Log::grown(&[700]);
    let published = Published::open(&log).expect("it is published");
    let sizes = [1, 2, 255, 256, 257, 300, 511, 512, 699, 700];
    for old in sizes {
        for new in sizes.into_iter().filter(|new| *new >= old) {
            let proof = published.consistency(old, new).expect("a proof");
            let (old_tree, new_tree) = (at(old), at(new));
            assert!(consistent(old, &old_tree.root, new, &new_tree.root, &proof), "{old} to {new}");
            let mut other = old_tree.root;
            other[7] ^= 1;
            assert!(!consistent(old, &other, new, &new_tree.root, &proof), "{old} to {new}");
        }
        assert_eq!(published.continues(&at(old)), Ok(true), "{old}");
        assert_eq!(published.continues(&Checkpoint { root: [7; 32], ..at(old) }), Ok(false), "{old}");
        assert_eq!(published.continues(&Checkpoint { origin: "other".into(), ..at(old) }), Ok(false));
    }
    let larger = Unproven::Beyond { size: 700, asked: 701 };
    assert_eq!(published.continues(&Checkpoint { size: 701, ..at(1) }), Err(larger));
}

#[test]
fn no_proof_comes_out_of_changed_files() {
    let whole = Log::grown(&[300]);
    for (path, bytes) in &whole.files {
        for place in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut log = whole.clone();
            log.files.get_mut(path).expect("it is there")[place] ^= 1;
            let Ok(published) = Published::open(&log) else { continue };
            for index in [0, 100, 299] {
                let Ok(proof) = published.prove(index) else { continue };
                // What the checkpoint's signatures are, is for those to see who hold the keys.
                let holds = proof.verify(&Pins::of(&keys(&whole)), &Doubles).is_ok()
                    && proof.entry == whole.entry(index);
                assert!(holds || path == "checkpoint", "{path}, byte {place}, entry {index}");
            }
        }
        let mut log = whole.clone();
        log.files.remove(path);
        let Ok(proof) = Published::open(&log).and_then(|log| log.prove(299)) else { continue };
        assert!(proof.verify(&Pins::of(&keys(&whole)), &Doubles).is_ok(), "without {path}");
    }
}
