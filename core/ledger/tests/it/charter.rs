//! What a log says of itself: keys that replace each other, witnesses, generations, and what was pruned.

use crate::log::{Double, Doubles, Log, ORGANIZATION};
use base::Id;
use ledger::charter::{self, Unpublished};
use ledger::{Entry, Kind, Signer};
use std::sync::Mutex;
use verify::directory::{Hands, Job};
use verify::{Charter, KeyTrust, LedgerFiles, Origin, Pins, Problem, Report, SignatureType, VerifierKey};

fn problem(outcome: Result<Report, verify::Failure>) -> Problem {
    outcome.map_err(|failure| failure.problem).expect_err("it does not verify")
}

/// A log of 400 entries that replaced its keys at 300, and was signed at 299 and 310 as well.
fn rotated() -> Log {
    let mut log = Log::grown(&[299, 300]);
    log.rotate(2);
    log.grow(310);
    log.grow(400);
    log
}

#[test]
fn new_keys_sign_once_old_and_new_have_signed_that_they_may() {
    let log = rotated();
    let report = log.verify().expect("it verifies");
    assert_eq!((report.trust, report.trusted.is_none()), (KeyTrust::Unpinned, true));
    assert_eq!((report.keys.clone(), report.charter.replaced.len()), (log.verifier_keys(), 1));
    assert_eq!(
        verify::show(&log, &Doubles).expect("it shows").keys,
        log.verifier_keys().iter().map(ToString::to_string).collect::<Vec<_>>()
    );

    let old: Vec<_> = log.keys_of(1).iter().map(|key| key.verifier_key().clone()).collect();
    let rotations = |pins: &[VerifierKey]| {
        let report = log.verify_under(&Pins::of(pins)).map_err(|failure| failure.problem)?;
        Ok(report.trusted.map(|(key, rotations)| (pins.contains(&key), rotations)))
    };
    assert_eq!(rotations(&old), Ok(Some((true, 1))), "who knows the old keys follows");
    assert_eq!(rotations(&old[..1]), Ok(Some((true, 1))));
    assert_eq!(rotations(&log.verifier_keys()), Ok(Some((true, 0))));
    assert_eq!(rotations(&[old.clone(), log.verifier_keys()].concat()), Ok(Some((true, 0))));
    let other = Double::named(&log.origin.to_string(), SignatureType::MlDsa44, 9).verifier_key().clone();
    assert_eq!(rotations(&[old[0].clone(), other]), Err(Problem::NotPinned), "one type of key is not enough");
}

#[test]
fn nobody_else_signs_before_or_after() {
    let mut by_old = rotated();
    by_old.seed = 1;
    by_old.sign();
    assert!(matches!(problem(by_old.verify()), Problem::UnknownSigner { .. }), "the old keys are out of use");
    let mut early = Log::grown(&[299]);
    early.seed = 2;
    early.sign();
    assert_eq!(early.verify().expect_err("not yet").file, "checkpoint", "new keys need their entry first");
}

#[test]
fn a_rotation_that_a_key_did_not_sign_or_that_brings_back_a_key_does_not_hold() {
    let log = Log::grown(&[10]);
    let [a, b] = log.keys();
    let [c, d] = log.keys_of(2);
    let [x, y] = log.keys_of(3);
    let whole = || charter::keys_rotated(log.origin, &[&a, &b], &[&c, &d]).expect("doubles sign");
    let signatures = |at: usize| {
        let other = charter::keys_rotated(log.origin, &[&a, &b], &[&x, &y]).expect("doubles sign");
        let of = |entry: &Entry| entry.facts()["signatures"].as_array().expect("a list").clone();
        let (mut own, foreign) = (of(&whole()), of(&other));
        own[at] = foreign[at].clone();
        whole().fact("signatures", own)
    };
    let texts = |keys: [&Double; 2]| keys.map(|key| key.verifier_key().to_string());
    for (what, entry) in [
        ("whole", whole()),
        ("old Ed25519", signatures(0)),
        ("old ML-DSA-44", signatures(1)),
        ("new Ed25519", signatures(2)),
        ("new ML-DSA-44", signatures(3)),
        ("other keys", whole().fact("keys", texts([&x, &y]))),
        ("other old keys", whole().fact("replaced", texts([&x, &y]))),
        (
            "old keys that were never in use",
            charter::keys_rotated(log.origin, &[&x, &y], &[&c, &d]).expect("doubles sign"),
        ),
        ("the same keys", charter::keys_rotated(log.origin, &[&a, &b], &[&a, &b]).expect("doubles sign")),
        ("another log's", {
            let origin = Origin { generation: 2, ..log.origin };
            charter::keys_rotated(origin, &[&a, &b], &[&c, &d]).expect("doubles sign")
        }),
        ("no signatures", whole().fact("signatures", Vec::<String>::new())),
    ] {
        let mut log = log.clone();
        log.special.insert(10, entry);
        log.seed = 2;
        log.grow(12);
        let outcome = log.verify();
        assert_eq!(outcome.is_ok(), what == "whole", "{what}");
        if let Err(failure) = outcome {
            assert_eq!(
                (failure.entry, failure.file.as_str()),
                (Some(10), "tile/entries/000.p/12"),
                "{what}: {failure}"
            );
        }
    }
    let mut back = rotated();
    back.rotate(1);
    assert_eq!(problem(back.verify()), Problem::Rotation("a new key was in use before"));
}

fn witness(name: &str, seed: u8) -> Double {
    Double::named(&format!("{name}.example"), SignatureType::MlDsa44, seed)
}

/// Two of three, one of them under an old client's key too.
fn policy() -> String {
    let line = |name: &str, key: &Double| format!("witness {name} {}\n", key.verifier_key());
    let old = Double::named("a.example", SignatureType::Ed25519Cosignature, 13);
    let lines = [
        line("a", &witness("a", 10)),
        line("a-old", &old),
        line("b", &witness("b", 11)),
        line("c", &witness("c", 12)),
    ];
    format!("{}group any-a any a a-old\ngroup two 2 any-a b c\nquorum two\n", lines.concat())
}

/// A log of 20 entries that names its witnesses in entry 7.
fn witnessed(by: &[Double]) -> Log {
    let mut log = Log::grown(&[7]);
    log.special.insert(7, charter::witnesses_set(log.origin, &policy()));
    log.witnesses = by.to_vec();
    log.grow(20);
    log
}

/// A cosignature that states no time says nothing of when (tlog-cosignature: never zero).
#[test]
fn a_cosignature_of_no_time_is_none() {
    let by = [witness("a", 10), witness("b", 11)];
    let mut log = witnessed(&[]);
    let head = log.checkpoint();
    let own = log.files["checkpoint"].clone();
    for (seconds, holds) in [(1, true), (0, false)] {
        let signers: Vec<&dyn Signer> = by.iter().map(|witness| -> &dyn Signer { witness }).collect();
        let time = base::Timestamp::from_millis(seconds * 1_000);
        let note = ledger::checkpoint::sign(&head, time, &signers).expect("doubles sign");
        let lines = note.strip_prefix(format!("{head}\n").as_bytes()).expect("the text comes first");
        log.files.insert("checkpoint".into(), [&own, lines].concat());
        assert_eq!(log.verify().is_ok(), holds, "at {seconds}");
    }
}

#[test]
fn witnesses_that_the_log_names_cosign_and_their_quorum_is_needed() {
    let (a, b, c) = (witness("a", 10), witness("b", 11), witness("c", 12));
    let old = Double::named("a.example", SignatureType::Ed25519Cosignature, 13);
    let names = |log: &Log| -> Result<_, Problem> {
        let report = log.verify().map_err(|failure| failure.problem)?;
        assert!(!report.vouched.pinned, "the log's own policy");
        Ok((
            report.vouched.by.iter().map(|line| line.witness.clone()).collect::<Vec<_>>(),
            report.vouched.witnesses,
        ))
    };
    let two = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(names(&witnessed(&[a.clone(), b.clone()])), Ok((two, 3)));
    assert_eq!(names(&witnessed(&[c.clone(), b.clone(), old.clone()])).map(|(names, _)| names.len()), Ok(3));
    let twice = witnessed(&[a.clone(), old.clone(), b.clone()]).verify().expect("it is a quorum").vouched;
    assert_eq!((twice.by.len(), twice.cosigned()), (3, 2), "three lines by two witnesses");
    let short = |by: &[Double]| problem(witnessed(by).verify());
    assert_eq!(short(std::slice::from_ref(&a)), Problem::Quorum { cosigned: 1, witnesses: 3 });
    assert_eq!(short(&[a.clone(), old]), Problem::Quorum { cosigned: 1, witnesses: 3 }, "one witness, twice");
    assert_eq!(short(&[]), Problem::Quorum { cosigned: 0, witnesses: 3 });
    assert_eq!(
        short(&[a.clone(), b.clone(), b.clone()]),
        Problem::SignatureCount { algorithm: "ML-DSA-44", count: 2 }
    );
    let stranger = Problem::UnknownSigner { name: "d.example".into() };
    assert_eq!(short(&[a.clone(), b.clone(), witness("d", 14)]), stranger);
    // Before the entry nobody is known.
    let mut early = Log::grown(&[6]);
    early.witnesses = vec![a];
    early.sign();
    assert!(matches!(problem(early.verify()), Problem::UnknownSigner { .. }));
}

#[test]
fn a_policy_from_elsewhere_counts_before_the_log_s_own() {
    let (a, b, d) = (witness("a", 10), witness("b", 11), witness("d", 14));
    let mut log = witnessed(&[a, b, d.clone()]);
    let mine = |quorum: &str| Pins {
        policy: Some(
            format!("witness mine {}\nquorum {quorum}", d.verifier_key()).parse().expect("a policy"),
        ),
        ..Pins::default()
    };
    let report = log.verify_under(&mine("mine")).expect("it verifies");
    let by: Vec<_> = report.vouched.by.iter().map(|line| line.witness.as_str()).collect();
    assert_eq!((by, report.vouched.pinned, report.vouched.witnesses), (vec!["mine"], true, 1));
    log.witnesses.pop();
    log.sign();
    assert_eq!(problem(log.verify_under(&mine("mine"))), Problem::Quorum { cosigned: 0, witnesses: 1 });
    assert!(log.verify_under(&mine("none")).is_ok());
    // It is asked of this log whichever logs it names: nothing is passed over unsaid.
    let other = Double::named("nexora.internal/org_platform/1", SignatureType::Ed25519, 1);
    let text = format!("log {}\nwitness mine {}\nquorum mine", other.verifier_key(), d.verifier_key());
    let elsewhere = Pins { policy: Some(text.parse().expect("a policy")), ..Pins::default() };
    assert_eq!(problem(log.verify_under(&elsewhere)), Problem::Quorum { cosigned: 0, witnesses: 1 });
    // Whoever lets it be met elsewhere asks the report.
    let (report, policy) = (log.verify().expect("it verifies"), mine("mine").policy.expect("a policy"));
    assert_eq!(report.vouched_under(&policy, &Doubles), Err(Problem::Quorum { cosigned: 0, witnesses: 1 }));
    log.witnesses.push(d);
    log.sign();
    // A witness that the log does not name has to be known, or its line is a stranger's.
    assert_eq!(problem(log.verify()), Problem::UnknownSigner { name: "d.example".into() });
    let knowing = Pins { witnesses: policy.witnesses().to_vec(), ..Pins::default() };
    let report = log.verify_under(&knowing).expect("it verifies");
    assert!(!report.vouched.pinned, "it counts for nothing by itself");
    assert!(report.vouched_under(&policy, &Doubles).is_ok_and(|vouched| vouched.cosigned() == 1));
}

#[test]
fn every_flipped_bit_of_a_cosigned_checkpoint_and_of_what_a_log_says_of_itself_is_found() {
    let mut log = Log::grown(&[2]);
    log.special.insert(2, charter::witnesses_set(log.origin, &policy()));
    log.grow(3);
    log.rotate(2);
    log.rotate(3);
    log.witnesses = vec![witness("a", 10), witness("b", 11)];
    log.sign();
    assert!(log.verify().is_ok());
    let files: Vec<_> = log.files.iter().map(|(path, bytes)| (path.clone(), bytes.len())).collect();
    for (path, length) in files {
        for at in (0..length).step_by(if path == "checkpoint" { 1 } else { 31 }) {
            let mut changed = log.clone();
            changed.files.get_mut(&path).expect("it is there")[at] ^= 1 << (at % 8);
            let failure =
                changed.verify().err().unwrap_or_else(|| unreachable!("byte {at} of {path} goes unseen"));
            assert_eq!(failure.file, path, "byte {at}: {failure}");
        }
    }
}

#[test]
fn a_later_log_names_the_one_before_and_a_first_one_none() {
    let before = Log::grown(&[300]);
    let origin = |generation| Origin { organization: Id::from_bytes(ORGANIZATION), generation };
    let unpublished = Unpublished { count: 3, hash: [7; 32] };
    let verify = |generation: u32,
                  entry: fn(Origin, &[VerifierKey; 2], &verify::Checkpoint, Unpublished) -> Entry,
                  previous: &verify::Checkpoint| {
        let mut log = Log::named(origin(generation), 4);
        let keys = log.keys().map(|key| key.verifier_key().clone());
        log.special.insert(0, entry(origin(generation), &keys, previous, unpublished));
        log.grow(5);
        log.verify().map(|report| report.charter.previous).map_err(|failure| failure.problem)
    };
    let last = before.checkpoint();
    assert_eq!(verify(2, charter::started_after, &last), Ok(Some(last.clone())));
    assert_eq!(
        verify(3, charter::started_after, &last),
        Ok(Some(last.clone())),
        "one that never was published may lie between"
    );
    assert_eq!(verify(1, charter::started_after, &last), Err(Problem::Previous));
    assert_eq!(verify(2, |origin, keys, _, _| charter::started(origin, keys), &last), Err(Problem::Previous));
    let own = verify::Checkpoint { origin: origin(2).to_string(), ..last.clone() };
    assert_eq!(verify(2, charter::started_after, &own), Err(Problem::Previous), "it comes before itself");
    let other = Origin { organization: Id::from_bytes([1; 16]), generation: 1 };
    let foreign = verify::Checkpoint { origin: other.to_string(), ..last };
    assert_eq!(verify(2, charter::started_after, &foreign), Err(Problem::Previous));
}

#[test]
fn of_a_pruned_log_exactly_what_its_entry_names_may_be_absent() {
    let mut log = Log::grown(&[700]);
    log.rotate(2);
    log.grow(1_300);
    log.prune(1_024);
    log.grow(1_500);
    assert!(!log.files.contains_key("tile/entries/003") && !log.files.contains_key("tile/0/003"));
    let report = log.verify().expect("the rest verifies alone");
    assert_eq!((report.charter.minimum, report.charter.replaced.len()), (1_024, 0));
    assert_eq!(report.keys, log.verifier_keys());
    assert!(report.first > Log::grown(&[5]).verify().expect("it verifies").first);
    assert_eq!(log.verify_under(&Pins::of(&log.verifier_keys())).expect("pinned").trust, KeyTrust::Pinned);
    let replaced: Vec<_> = log.keys_of(1).iter().map(|key| key.verifier_key().clone()).collect();
    assert_eq!(
        problem(log.verify_under(&Pins::of(&replaced))),
        Problem::NotPinned,
        "the way from there is pruned"
    );

    // Nothing else may be absent.
    for path in log.files.keys().filter(|path| *path != "checkpoint" && !path.contains(".p/")) {
        let mut cut = log.clone();
        cut.files.remove(path);
        let failure = cut.verify().expect_err(path);
        assert_eq!((failure.file.as_str(), failure.problem), (path.as_str(), Problem::Missing));
    }
    // A further tile is missing, though its bundle is there.
    let mut unsaid = Log::grown(&[700, 1_300, 1_500]);
    unsaid.files.remove("tile/entries/000");
    assert_eq!(problem(unsaid.verify()), Problem::Missing, "no entry says so");
}

#[test]
fn what_pruning_left_behind_is_checked_and_what_nothing_vouches_for_has_to_go() {
    let mut whole = Log::grown(&[3, 700, 1_300]);
    let pruned = {
        let mut log = whole.clone();
        log.prune(1_024);
        log
    };
    whole.special.clone_from(&pruned.special);
    whole.grow(pruned.tree.size());
    assert_eq!(whole.verify().expect("not yet begun").charter.minimum, 1_024);
    let with = |paths: &[&str]| {
        let mut log = pruned.clone();
        log.files.extend(paths.iter().map(|path| ((*path).to_owned(), whole.files[*path].clone())));
        log
    };
    for left in [
        &["tile/0/000", "tile/0/001", "tile/0/002", "tile/0/003"][..],
        &["tile/0/003", "tile/entries/003"],
        &["tile/entries/003"],
        &["tile/0/000", "tile/0/000.p/3", "tile/entries/000", "tile/entries/000.p/3"],
    ] {
        let log = with(left);
        assert!(log.verify().is_ok(), "cut short: {left:?}");
        for path in left {
            for at in [0, 100] {
                let mut changed = log.clone();
                let bytes = changed.files.get_mut(*path).expect("it is there");
                let at = at % bytes.len();
                bytes[at] ^= 1;
                assert!(changed.verify().is_err(), "{path} of {left:?}, byte {at}");
            }
        }
    }
    assert_eq!(problem(with(&["tile/0/000.p/3"]).verify()), Problem::Unvouched);
}

#[test]
fn a_log_may_be_pruned_again_and_says_its_witnesses_again() {
    let mut log = witnessed(&[witness("a", 10), witness("b", 11)]);
    log.grow(600);
    log.prune(256);
    assert_eq!(log.verify().expect("it verifies").vouched.by.len(), 2);
    log.grow(1_200);
    log.prune(768);
    let report = log.verify().expect("it verifies");
    assert_eq!((report.charter.minimum, report.vouched.by.len()), (768, 2));
    assert_eq!(report.charter.policy, Some(policy()));
    log.witnesses.pop();
    log.sign();
    assert_eq!(problem(log.verify()), Problem::Quorum { cosigned: 1, witnesses: 3 });
}

#[test]
fn an_entry_that_prunes_more_than_it_may_does_not_hold() {
    let log = Log::grown(&[600]);
    let said = |minimum: u64| charter::pruned(&log.charter(), minimum);
    let other = Log::with_keys(9);
    for (what, entry, holds) in [
        ("what is there", said(512), true),
        ("nothing", said(0), true),
        ("within a tile", said(300), false),
        ("beyond itself", said(768), false),
        (
            "under other keys",
            said(512).fact("keys", other.verifier_keys().iter().map(ToString::to_string).collect::<Vec<_>>()),
            false,
        ),
        ("with a policy that nobody set", said(512).fact("policy", policy()), true),
        (
            "without a minimum",
            Entry::done(Kind::LedgerPruned, log.origin.organization).fact("keys", 1),
            false,
        ),
    ] {
        let mut log = log.clone();
        log.special.insert(600, entry);
        log.grow(601);
        match what {
            // Then its quorum is needed.
            "with a policy that nobody set" => {
                assert!(matches!(problem(log.verify()), Problem::Quorum { .. }))
            }
            _ => assert_eq!(log.verify().is_ok(), holds, "{what}"),
        }
    }
    let mut falling = log.clone();
    falling.special.insert(600, said(512));
    falling.grow(601);
    falling.special.insert(601, said(256));
    falling.grow(602);
    assert_eq!(problem(falling.verify()), Problem::PrunedFacts);
}

#[test]
fn pruned_tiles_of_every_level_leave_what_later_proofs_need() {
    let mut log = Log::grown(&[66_000]);
    let earlier = |size: u64| Log::grown(&[size]).checkpoint();
    log.prune(65_536);
    assert!(!log.files.contains_key("tile/1/000"), "a tile of level 1 went");
    assert!(log.files.contains_key("tile/2/000.p/1"), "its root stays");
    assert!(log.verify().is_ok());
    let pins = |sizes: &[u64]| Pins {
        earlier: sizes.iter().map(|size| earlier(*size)).collect(),
        ..Pins::default()
    };
    assert!(log.verify_under(&pins(&[65_536, 65_999])).is_ok());
    assert_eq!(problem(log.verify_under(&pins(&[300]))), Problem::Past { earlier: 300, minimum: 65_536 });
    for index in [65_536, 65_900, 66_000] {
        let proof =
            ledger::Published::open(&log).and_then(|log| log.prove(index)).expect("what is kept is proved");
        assert!(proof.verify(&Pins::of(&log.verifier_keys()), &Doubles).is_ok());
    }
}

#[test]
fn any_two_checkpoints_are_consistent_or_one_is_named() {
    let log = Log::grown(&[1_000]);
    let at = |size: u64| Log::grown(&[size]).checkpoint();
    let pins = |earlier: Vec<_>| Pins { earlier, ..Pins::default() };
    assert!(
        log.verify_under(&pins([1, 2, 255, 256, 257, 512, 700, 768, 999, 1_000].map(at).to_vec())).is_ok()
    );
    for size in [1, 255, 256, 257, 511, 512, 1_000] {
        let forged = verify::Checkpoint { root: [1; 32], ..at(size) };
        assert_eq!(
            problem(log.verify_under(&pins(vec![at(2), forged, at(999)]))),
            Problem::Inconsistent { earlier: size }
        );
    }
    let longer = pins(vec![at(5), at(1_001)]);
    assert_eq!(problem(log.verify_under(&longer)), Problem::Shrunk { size: 1_000, earlier: 1_001 });
}

/// Every job on a thread of its own.
struct Threads(Mutex<usize>);

impl Hands for Threads {
    fn run(&self, jobs: Vec<Job<'_>>) {
        *self.0.lock().expect("nobody panics") += jobs.len();
        std::thread::scope(|scope| jobs.into_iter().for_each(|job| drop(scope.spawn(job))));
    }
}

#[test]
fn handed_out_the_work_comes_to_the_same() {
    let hands = Threads(Mutex::new(0));
    let mut log = Log::grown(&[3, 2_500]);
    log.rotate(2);
    log.grow(9_000);
    let by = |log: &Log, pins: &Pins| verify::directory_by(log, &Doubles, pins, &hands);
    let report = by(&log, &Pins::default()).expect("it verifies");
    assert_eq!((report.keys, report.files), (log.verifier_keys(), log.files.len()));
    assert!(*hands.0.lock().expect("nobody panics") > 3, "there were jobs to hand out");
    for (path, at) in [
        ("tile/entries/017", 5_000),
        ("tile/0/021", 3),
        ("tile/1/000.p/35", 40),
        ("checkpoint", 60),
        ("tile/0/000.p/3", 1),
    ] {
        let mut changed = log.clone();
        changed.files.get_mut(path).expect("it is there")[at] ^= 1;
        let (one, many) =
            (changed.verify().expect_err(path), by(&changed, &Pins::default()).expect_err(path));
        assert_eq!((one.file.as_str(), &one), (path, &many));
    }
    log.prune(4_096);
    assert_eq!(by(&log, &Pins::default()).expect("it verifies").charter.minimum, 4_096);
}

/// As a place that cannot be listed: it names what a log of its size needs, and what is pruned there is not.
struct Unlisted(Log);

impl LedgerFiles for Unlisted {
    fn list(&self) -> Result<Vec<String>, verify::Unreadable> {
        let needed = verify::tiles::needed(self.0.tree.size(), 0).map(|path| path.to_string());
        Ok(needed.chain(["checkpoint".to_owned()]).collect())
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, verify::Unreadable> {
        self.0.read(path, limit)
    }

    fn is_listed(&self) -> bool {
        false
    }
}

#[test]
fn a_log_that_cannot_be_listed_verifies_alike() {
    let mut log = Log::grown(&[1_300]);
    assert!(verify::directory(&Unlisted(log.clone()), &Doubles, &Pins::default()).is_ok());
    log.prune(1_024);
    let report = verify::directory(&Unlisted(log.clone()), &Doubles, &Pins::default()).expect("it verifies");
    assert_eq!(report.charter.minimum, 1_024);
    log.files.remove("tile/entries/004");
    assert!(verify::directory(&Unlisted(log), &Doubles, &Pins::default()).is_err());
}

#[test]
fn the_statement_and_the_facts_are_the_documented_ones() {
    let log = Log::new();
    let (old, new) = (log.keys_of(1), log.keys_of(2));
    let text = |key: &Double| key.verifier_key().to_string();
    let keys = |pair: &[Double; 2]| pair.each_ref().map(|key| key.verifier_key().clone());
    let statement = verify::charter::rotation_statement(&log.origin, &keys(&old), &keys(&new));
    let expected = format!(
        "nexora.internal/ledger-keys/v1\nnexora.internal/org_{}/1\n- {}\n- {}\n+ {}\n+ {}\n",
        log.origin.organization.bare(),
        text(&old[0]),
        text(&old[1]),
        text(&new[0]),
        text(&new[1])
    );
    assert_eq!(String::from_utf8(statement), Ok(expected));

    let facts = |entry: &Entry| serde_json::Value::Object(entry.facts().clone());
    let [a, b] = &old;
    let [c, d] = &new;
    let rotation = charter::keys_rotated(log.origin, &[a, b], &[c, d]).expect("doubles sign");
    let names: Vec<_> = rotation.facts().keys().map(String::as_str).collect();
    assert_eq!(names, ["keys", "replaced", "signatures"]);
    assert_eq!(rotation.facts()["signatures"].as_array().map(Vec::len), Some(4));
    let head = verify::Checkpoint { origin: log.origin.to_string(), size: 7, root: [0; 32] };
    let named = serde_json::json!({"origin": head.origin, "root": format!("{}=", "A".repeat(43)), "size": 7});
    let recorded = charter::checkpoints_recorded(log.origin.organization, std::slice::from_ref(&head));
    assert_eq!(facts(&recorded), serde_json::json!({"checkpoints": [named]}));
    let later = Origin { generation: 2, ..log.origin };
    let begun = charter::started_after(later, &keys(&new), &head, Unpublished { count: 3, hash: [7; 32] });
    assert_eq!(begun.facts()["previous"], named);
    let pruned = charter::pruned(&Charter { keys: keys(&old).to_vec(), ..Charter::new(log.origin) }, 256);
    let expected =
        serde_json::json!({"keys": [text(&old[0]), text(&old[1])], "minimum": 256, "origin": head.origin});
    assert_eq!(facts(&pruned), expected);
}

#[test]
fn a_checkpoint_of_any_size_comes_to_an_end() {
    let log = Log::grown(&[3, 300]);
    for size in [0, 1, 2, 299, 301, 512, 65_536, 1 << 53, u64::MAX - 1, u64::MAX] {
        let mut forged = log.clone();
        let head = verify::Checkpoint { size, ..log.checkpoint() };
        let [ed25519, ml_dsa_44] = log.keys();
        let time = base::Timestamp::from_millis(1_700_000_500_000);
        let note = ledger::checkpoint::sign(&head, time, &[&ed25519, &ml_dsa_44]).expect("doubles sign");
        forged.files.insert("checkpoint".into(), note);
        assert!(forged.verify().is_err(), "{size}");
        // Nothing but a bundle at the end, which names a minimum.
        let last = verify::TilePath::at(verify::Stack::Entries, size.saturating_sub(1) / 256, size);
        let Some(last) = last else { continue };
        let minimum = (size.saturating_sub(1) / 256 * 256).min((1 << 53) - 256);
        let mut entry = Log::grown(&[3]);
        entry.special.insert(3, charter::pruned(&entry.charter(), minimum));
        let bytes = entry.entry(3);
        let length = u16::try_from(bytes.len()).expect("it fits").to_be_bytes();
        forged.files.retain(|path, _| path == "checkpoint");
        forged.files.insert(last.to_string(), [&length[..], &bytes].concat());
        assert!(forged.verify().is_err(), "{size}, pruned");
    }
}
