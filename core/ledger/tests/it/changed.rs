//! A log that was changed fails, and says where.

use crate::log::{Doubles, Log};
use ledger::Signer;
use verify::{KeyTrust, Pins, Problem};

/// Verifies the log with one file changed, and asserts that it fails and names that file.
fn fails_at(log: &mut Log, path: &str, change: impl FnOnce(&mut Vec<u8>), what: &str) {
    let kept = log.files[path].clone();
    change(log.files.get_mut(path).expect("the file is there"));
    let outcome = log.verify();
    let failure = outcome.err().unwrap_or_else(|| unreachable!("{path}: {what} goes unseen"));
    assert_eq!(failure.file, path, "{what} in {path} is reported elsewhere: {failure}");
    log.files.insert(path.to_owned(), kept);
}

#[test]
fn every_flipped_byte_of_a_small_log_fails_and_is_found() {
    let mut log = Log::grown(&[1, 3, 5]);
    let paths: Vec<_> = log.files.keys().cloned().collect();
    assert_eq!(paths.len(), 7, "checkpoint, and bundles and tiles at three sizes");
    for path in paths {
        for at in 0..log.files[&path].len() {
            let bit = 1 << (at % 8);
            fails_at(&mut log, &path, |bytes| bytes[at] ^= bit, &format!("bit {bit} of byte {at}"));
        }
    }
    assert!(log.verify().is_ok(), "every change was taken back");
}

#[test]
fn sampled_flips_of_a_log_of_two_levels_fail_and_are_found() {
    let mut log = Log::grown(&[100, 258, 700]);
    let paths: Vec<_> = log.files.keys().cloned().collect();
    assert!(paths.iter().any(|path| path.starts_with("tile/1/")));
    for path in paths {
        let length = log.files[&path].len();
        for sample in 0..12usize {
            let at = (sample * length / 12 + sample * 31) % length;
            let bit = 1 << (sample % 8);
            fails_at(&mut log, &path, |bytes| bytes[at] ^= bit, &format!("bit {bit} of byte {at}"));
        }
    }
}

#[test]
fn cut_longer_empty_missing_and_swapped_files_fail() {
    let mut log = Log::grown(&[2, 300]);
    for path in log.files.keys().cloned().collect::<Vec<_>>() {
        fails_at(&mut log, &path, |bytes| bytes.truncate(bytes.len() - 1), "a lost byte");
        fails_at(&mut log, &path, |bytes| bytes.push(0), "a further byte");
        fails_at(&mut log, &path, Vec::clear, "no bytes");
        let kept = log.files.remove(&path).expect("it is there");
        if path.contains(".p/2") {
            assert!(log.verify().is_ok(), "an older partial tile may go: {path}");
        } else {
            assert!(log.verify().is_err(), "{path} is missed by nobody");
        }
        log.files.insert(path, kept);
    }
    let (a, b) = ("tile/entries/000".to_owned(), "tile/entries/001.p/44".to_owned());
    let (first, second) = (log.files[&a].clone(), log.files[&b].clone());
    log.files.extend([(a, second), (b, first)]);
    assert!(log.verify().is_err());
}

#[test]
fn nothing_else_may_stand_beside_the_log() {
    let log = Log::grown(&[300]);
    for extra in [
        "notes.txt",
        "checkpoint.bak",
        "tile/0/002",
        "tile/0/001.p/45",
        "tile/0/001",
        "tile/2/000.p/1",
        "tile/entries/001.p/45",
        "tile/entries/x000/001",
        "tile/0/",
        "tile/1/000.p/2",
    ] {
        let mut log = log.clone();
        log.files.insert(extra.into(), log.files["tile/0/000"].clone());
        let failure = log.verify().err().unwrap_or_else(|| unreachable!("{extra} goes unseen"));
        assert_eq!(failure.file, extra);
        assert!(matches!(failure.problem, Problem::Unknown | Problem::Beyond { size: 300 }), "{failure}");
    }
}

#[test]
fn an_entry_changed_with_all_tiles_but_not_the_signature_fails() {
    let signed = Log::grown(&[600]).files["checkpoint"].clone();
    let mut forged = Log::new();
    let mut entries: Vec<_> = (0..600).map(|position| forged.entry(position)).collect();
    let text = String::from_utf8(entries[400].clone()).expect("JSON");
    entries[400] = text.replace("identity.quarantined", "identity.released").into_bytes();
    let tiles = forged.tree.append(entries.iter().map(Vec::as_slice)).expect("they fit");
    forged.files.extend(tiles.into_iter().map(|tile| (tile.path.to_string(), tile.bytes)));
    forged.files.insert("checkpoint".into(), signed);
    let failure = forged.verify().err().unwrap_or_else(|| unreachable!("the forgery goes unseen"));
    assert!(matches!(failure.problem, Problem::Rewritten { from: 0, to: 599, .. }), "{failure}");
}

#[test]
fn an_entry_in_another_place_or_of_another_log_fails() {
    for (position, from, to) in [
        (7u64, r#""position":7"#, r#""position":8"#),
        (7, "identity.quarantined", "ledger.started"),
        (7, "org_", "org_1"),
    ] {
        let mut log = Log::new();
        let mut entries: Vec<_> = (0..9).map(|position| log.entry(position)).collect();
        let at = usize::try_from(position).expect("small");
        let text = String::from_utf8(entries[at].clone()).expect("JSON");
        entries[at] = match to {
            "org_1" => {
                let other = base::Id::<base::noun::Organization>::from_bytes([1; 16]).to_string();
                let own =
                    base::Id::<base::noun::Organization>::from_bytes(crate::log::ORGANIZATION).to_string();
                text.replace(&own, &other).into_bytes()
            }
            _ => text.replace(from, to).into_bytes(),
        };
        let tiles = log.tree.append(entries.iter().map(Vec::as_slice)).expect("they fit");
        log.files.extend(tiles.into_iter().map(|tile| (tile.path.to_string(), tile.bytes)));
        log.sign();
        let failure = log.verify().err().unwrap_or_else(|| unreachable!("{to} goes unseen"));
        assert_eq!(failure.entry, Some(position), "{failure}");
    }
}

#[test]
fn whoever_rewrites_the_whole_log_under_new_keys_meets_the_pin() {
    let (log, mut other) = (Log::grown(&[300]), Log::with_keys(2));
    other.grow(300);
    assert_eq!(
        other.verify().map(|report| report.trust).ok(),
        Some(KeyTrust::Unpinned),
        "unpinned, it passes"
    );
    let pins = Pins { keys: log.keys().map(|key| key.verifier_key().clone()).to_vec(), ..Pins::default() };
    let pinned =
        |log: &Log, pins: &Pins| verify::directory(log, &Doubles, pins).map_err(|failure| failure.problem);
    assert_eq!(pinned(&log, &pins).map(|report| report.trust), Ok(KeyTrust::Pinned));
    assert_eq!(pinned(&other, &pins).err(), Some(Problem::NotPinned));

    let pins = Pins { checkpoint: Some(log.checkpoint()), ..pins };
    assert!(pinned(&Log::grown(&[300, 301]), &pins).is_ok());
    assert_eq!(pinned(&Log::grown(&[299]), &pins).err(), Some(Problem::Shrunk { size: 299, earlier: 300 }));
    let mut rewritten = Log::new();
    let mut entries: Vec<_> = (0..400).map(|position| rewritten.entry(position)).collect();
    let text = String::from_utf8(entries[10].clone()).expect("JSON");
    entries[10] = text.replace("quarantined", "released").into_bytes();
    let tiles = rewritten.tree.append(entries.iter().map(Vec::as_slice)).expect("they fit");
    rewritten.files.extend(tiles.into_iter().map(|tile| (tile.path.to_string(), tile.bytes)));
    rewritten.sign();
    assert!(rewritten.verify().is_ok(), "the operator can sign anything");
    assert_eq!(pinned(&rewritten, &pins).err(), Some(Problem::Inconsistent { earlier: 300 }));
}

#[test]
fn a_checkpoint_needs_both_signatures_and_no_other() {
    let log = Log::grown(&[5]);
    let text = String::from_utf8(log.files["checkpoint"].clone()).expect("a note");
    let (body, signatures) = text.split_once("\n\n").expect("a blank line");
    let lines: Vec<_> = signatures.lines().collect();
    let [ed25519, ml_dsa_44] = lines[..] else { unreachable!("two signatures") };
    let foreign = "— witness.example AAAAAAAA\n";
    for (lines, passes) in [
        (format!("{ed25519}\n{ml_dsa_44}\n"), true),
        (format!("{ml_dsa_44}\n{ed25519}\n"), true),
        (format!("{ed25519}\n"), false),
        (format!("{ml_dsa_44}\n"), false),
        (format!("{ed25519}\n{ed25519}\n{ml_dsa_44}\n"), false),
        (format!("{ed25519}\n{ml_dsa_44}\n{foreign}"), false),
    ] {
        let mut log = log.clone();
        log.files.insert("checkpoint".into(), format!("{body}\n\n{lines}").into_bytes());
        assert_eq!(log.verify().is_ok(), passes, "{lines}");
    }
}

#[test]
fn show_gives_what_a_foreign_tool_needs() {
    let log = Log::grown(&[5]);
    let shown = verify::show(&log, &Doubles).expect("a whole log");
    assert_eq!((shown.size, shown.origin), (5, log.checkpoint().origin));
    assert_eq!(shown.keys, log.keys().map(|key| key.verifier_key().to_string()));
    assert!(log.checkpoint().to_string().ends_with(&format!("{}\n", shown.root)));
}

#[test]
fn a_publication_that_runs_is_waited_for_and_one_that_stays_is_a_failure() {
    let (before, mut after) = (Log::grown(&[5]), Log::grown(&[5, 9]));
    let mut between = after.clone();
    between.files.insert("checkpoint".into(), before.files["checkpoint"].clone());
    assert!(between.verify().is_err());

    let mut pauses = 0;
    let outcome = verify::settled(
        || {
            pauses += 1;
            pauses < 3
        },
        || between.verify(),
    );
    assert_eq!((pauses, outcome.is_err()), (3, true), "a file that stays beyond the checkpoint fails");

    let mut looks = [between, after.clone()].into_iter();
    let outcome = verify::settled(|| true, || looks.next().expect("two looks are enough").verify());
    assert_eq!(outcome.map(|report| report.checkpoint.checkpoint().size).ok(), Some(9));

    let tile = after.files.get_mut("tile/0/000.p/9").expect("it is there");
    tile[0] ^= 1;
    let outcome = verify::settled(|| unreachable!("a changed tile is not waited for"), || after.verify());
    assert!(outcome.is_err());
}
