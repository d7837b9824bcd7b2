//! Forged proofs: every variation of a proof that passes through the platform's log and is witnessed there fails, or
//! claims the very same.

use crate::log::{Double, Doubles, Log};
use base::Id;
use ledger::{Published, Signer as _, charter};
use verify::proof::WrongProof;
use verify::{Origin, Pins, Problem, Proof, Proven, SignatureType};

fn witness(seed: u8) -> Double {
    Double::named(&format!("w{seed}.example"), SignatureType::MlDsa44, seed)
}

/// The platform's log: its entry 5 records these logs.
fn platform(of: &[&Log]) -> Log {
    let mut log = Log::named(Origin { organization: Id::from_bytes([0; 16]), generation: 1 }, 7);
    let recorded: Vec<_> = of.iter().map(|log| log.checkpoint()).collect();
    log.special.insert(5, charter::checkpoints_recorded(log.origin.organization, &recorded));
    log.witnesses = vec![witness(21), witness(22), witness(23)];
    log.grow(9);
    log
}

/// The keys of both logs, and two of three witnesses, of whom the third's key is not known.
fn pins(own: &Log, platform: &Log) -> Pins {
    let lines = |seed: u8| format!("witness w{seed} {}\n", witness(seed).verifier_key());
    let policy = format!("{}{}group both all w21 w22\nquorum both\n", lines(21), lines(22));
    Pins {
        keys: [own.verifier_keys(), platform.verifier_keys()].concat(),
        policy: Some(policy.parse().expect("a policy")),
        ..Pins::default()
    }
}

fn proof(log: &Log, index: u64) -> Proof {
    Published::open(log).and_then(|log| log.prove(index)).expect("a proof")
}

fn chained(log: &Log, index: u64, platform: &Log) -> Proof {
    Proof { platform: Some(Box::new(proof(platform, 5))), ..proof(log, index) }
}

/// What is claimed.
fn claim(proven: &Proven) -> String {
    let above = proven.platform.as_ref().map(|platform| (platform.checkpoint().clone(), platform.time()));
    let own = (proven.checkpoint.checkpoint(), proven.checkpoint.time());
    format!("{:?} {own:?} {above:?} {:?} {:?}", proven.entry, proven.vouched, proven.key)
}

#[test]
fn a_proof_passes_through_the_platform_s_log() {
    let log = Log::grown(&[21]);
    let platform = platform(&[&Log::grown(&[3]), &log]);
    let pins = pins(&log, &platform);
    let file = chained(&log, 13, &platform).to_file();
    let proven = Proof::read(&file).expect("it reads").verify(&pins, &Doubles).expect("it holds");
    assert_eq!((proven.entry.position, proven.vouched.by.len(), proven.vouched.pinned), (13, 2, true));
    assert_eq!(proven.platform.map(|platform| platform.checkpoint().clone()), Some(platform.checkpoint()));
    assert!(proven.checkpoint.cosigned_by().is_empty(), "its own log is not witnessed");

    // By itself it has no quorum; without a policy it holds, and nobody vouches for it.
    let alone = proof(&log, 13);
    let failure = alone.verify(&pins, &Doubles).expect_err("nobody cosigned it");
    assert_eq!(failure.problem, Problem::Quorum { cosigned: 0, witnesses: 2 });
    let unwitnessed = Pins { policy: None, ..pins.clone() };
    assert!(alone.verify(&unwitnessed, &Doubles).expect("it holds").vouched.by.is_empty());

    // A policy that names logs is about those: it is not met by another platform's.
    let policy = |log: &Log| {
        let (line, key) = (&log.verifier_keys()[0], witness(21).verifier_key().clone());
        Some(format!("log {line}\nwitness w21 {key}\nquorum w21\n").parse().expect("a policy"))
    };
    let through = chained(&log, 13, &platform);
    let unnamed = Pins { policy: policy(&log), ..pins.clone() };
    let failure = through.verify(&unnamed, &Doubles).expect_err("it is not named");
    assert_eq!(failure.problem, Problem::Quorum { cosigned: 0, witnesses: 1 });
    let named = Pins { policy: policy(&platform), ..pins.clone() };
    assert_eq!(through.verify(&named, &Doubles).expect("it holds").vouched.cosigned(), 1);

    // A key of each log is needed, and the pinned checkpoint of the same size has to be the same.
    for (keys, origin) in [(platform.verifier_keys(), log.origin), (log.verifier_keys(), platform.origin)] {
        let pins = Pins { keys, ..pins.clone() };
        let failure = chained(&log, 13, &platform).verify(&pins, &Doubles).expect_err("a key is missing");
        assert_eq!(failure.problem, Problem::NoKey { origin: origin.to_string() });
    }
    let split = verify::Checkpoint { root: [1; 32], ..log.checkpoint() };
    let pinned = Pins { checkpoint: Some(split), ..pins };
    let failure = chained(&log, 13, &platform).verify(&pinned, &Doubles).expect_err("another root");
    assert_eq!(failure.problem, Problem::Inconsistent { earlier: 21 });
}

#[test]
fn every_flipped_bit_fails_or_claims_the_same() {
    let log = Log::grown(&[11]);
    let platform = platform(&[&log]);
    let pins = pins(&log, &platform);
    let file = chained(&log, 4, &platform).to_file();
    let holds = |file: &[u8]| Proof::read(file).ok().and_then(|proof| proof.verify(&pins, &Doubles).ok());
    let whole = claim(&holds(&file).expect("it holds"));
    // The line of the witness that nobody here knows is passed over; it is within base64 within base64.
    let mut same = 0;
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        if let Some(proven) = holds(&changed) {
            assert_eq!(claim(&proven), whole, "byte {at}");
            same += 1;
        }
        assert!(holds(&file[..at]).is_none(), "{at} bytes of it hold");
    }
    // Its 2,432 bytes of key id, time and signature stand there in base64, and that again in base64.
    assert!(same > 0 && same <= 4_600, "{same} changes are not seen");
    // With every witness known, every change is seen.
    let known = Pins {
        policy: Some(
            format!(
                "witness w21 {}\nwitness w22 {}\nwitness w23 {}\nquorum w21\n",
                witness(21).verifier_key(),
                witness(22).verifier_key(),
                witness(23).verifier_key()
            )
            .parse()
            .expect("a policy"),
        ),
        ..pins.clone()
    };
    let holds = |file: &[u8]| Proof::read(file).ok().and_then(|proof| proof.verify(&known, &Doubles).ok());
    let three = holds(&file).expect("it holds").vouched.by.len();
    assert_eq!(three, 3);
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        if let Some(proven) = holds(&changed) {
            // A name or a key id that is no longer that of a known witness: one fewer vouches.
            assert!(proven.vouched.by.len() < three, "byte {at} goes unseen");
        }
    }
}

/// The lines of a proof file, and the file of changed ones.
fn lines(file: &[u8]) -> Vec<String> {
    String::from_utf8(file.to_vec()).expect("text").split_inclusive('\n').map(str::to_owned).collect()
}

#[test]
fn lines_dropped_doubled_and_swapped_fail_or_claim_the_same() {
    let log = Log::grown(&[21]);
    let above = platform(&[&log]);
    let pins = pins(&log, &above);
    let whole = chained(&log, 13, &above);
    let reference = claim(&whole.verify(&pins, &Doubles).expect("it holds"));
    let mut tried = 0;
    let mut look = |file: Vec<u8>, what: &str| {
        tried += 1;
        if let Some(proven) = Proof::read(&file).ok().and_then(|proof| proof.verify(&pins, &Doubles).ok()) {
            assert_eq!(claim(&proven), reference, "{what}");
        }
    };
    // The outer file, and the one within.
    let within = whole.platform.clone().expect("it has one");
    for inner in [false, true] {
        let file = if inner { within.to_file() } else { whole.to_file() };
        let whole_file = |changed: &[String]| -> Vec<u8> {
            let bytes = changed.concat().into_bytes();
            match inner {
                false => bytes,
                true => Proof::read(&bytes)
                    .map(|platform| Proof { platform: Some(Box::new(platform)), ..whole.clone() }.to_file())
                    .unwrap_or_default(),
            }
        };
        let lines = lines(&file);
        for a in 0..lines.len() {
            let mut dropped = lines.clone();
            let line = dropped.remove(a);
            look(whole_file(&dropped), &format!("without line {a}: {line}"));
            let mut doubled = lines.clone();
            doubled.insert(a, line.clone());
            look(whole_file(&doubled), &format!("line {a} twice: {line}"));
            for b in 0..a {
                let mut swapped = lines.clone();
                swapped.swap(a, b);
                look(whole_file(&swapped), &format!("lines {b} and {a} swapped"));
            }
        }
    }
    assert!(tried > 150, "{tried} variations");
}

#[test]
fn a_proof_put_together_from_others_does_not_hold() {
    let (log, longer, other) = (Log::grown(&[21]), Log::grown(&[21, 40]), {
        let mut other = Log::named(Origin { organization: Id::from_bytes([9; 16]), generation: 1 }, 1);
        other.grow(21);
        other
    });
    let above = platform(&[&log, &other]);
    let mut pins = pins(&log, &above);
    pins.keys.extend(other.verifier_keys());
    let whole = chained(&log, 13, &above);
    assert!(whole.verify(&pins, &Doubles).is_ok());
    let elsewhere = platform(&[&longer]);
    let unrecorded = platform(&[]);
    let chain = |platform: Proof| Some(Box::new(platform));
    let mixed = [
        ("another index", Proof { index: 14, ..whole.clone() }),
        ("another entry", Proof { entry: log.entry(14), ..whole.clone() }),
        ("another entry at its index", Proof { entry: log.entry(14), index: 14, ..whole.clone() }),
        ("hashes of another", Proof { hashes: proof(&log, 14).hashes, ..whole.clone() }),
        ("no hashes", Proof { hashes: Vec::new(), ..whole.clone() }),
        ("a later checkpoint", Proof { checkpoint: proof(&longer, 13).checkpoint, ..whole.clone() }),
        (
            "a later checkpoint and its hashes",
            Proof { platform: whole.platform.clone(), ..proof(&longer, 13) },
        ),
        (
            "another log's entry",
            Proof { platform: whole.platform.clone(), entry: other.entry(13), ..whole.clone() },
        ),
        ("another log's checkpoint", Proof { checkpoint: proof(&other, 13).checkpoint, ..whole.clone() }),
        (
            "a platform that records a later one",
            Proof { platform: chain(proof(&elsewhere, 5)), ..whole.clone() },
        ),
        ("a platform that records none", Proof { platform: chain(proof(&unrecorded, 5)), ..whole.clone() }),
        ("another entry of the platform", Proof { platform: chain(proof(&above, 4)), ..whole.clone() }),
        ("itself as its platform", Proof { platform: chain(proof(&log, 13)), ..whole.clone() }),
        ("no platform", Proof { platform: None, ..whole.clone() }),
    ];
    for (what, forged) in mixed {
        assert!(forged.verify(&pins, &Doubles).is_err(), "{what}");
        if let Ok(read) = Proof::read(&forged.to_file()) {
            assert!(read.verify(&pins, &Doubles).is_err(), "{what}, from its file");
        }
    }
    // The other log is recorded as well, so its own proof holds.
    assert!(chained(&other, 13, &above).verify(&pins, &Doubles).is_ok());
    // Nothing stands above the platform's own proof.
    let twice = Proof { platform: chain(whole.clone()), ..proof(&log, 13) };
    assert_eq!(Proof::read(&twice.to_file()), Err(WrongProof::Chain));
}

#[test]
fn after_a_rotation_the_proof_needs_the_new_keys() {
    let mut log = Log::grown(&[12]);
    let old = log.verifier_keys();
    log.rotate(2);
    log.grow(20);
    let proof = proof(&log, 5);
    let both = [old.clone(), log.verifier_keys()].concat();
    assert!(proof.verify(&Pins::of(&both), &Doubles).is_ok(), "older keys beside them are no harm");
    assert!(proof.verify(&Pins::of(&log.verifier_keys()), &Doubles).is_ok());
    assert!(
        proof.verify(&Pins::of(&old), &Doubles).is_err(),
        "the way there is in the log, not in the proof"
    );
}
