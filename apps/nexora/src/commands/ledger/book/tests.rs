//! The file of pins: its golden bytes, what is refused, and two commands that write it at once.

use super::{Book, Head, Known, Why, read_checkpoint};
use base::{Kind, Timestamp};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use verify::{SignatureType, VerifierKey};

const ORIGIN: &str = "nexora.internal/org_040g2081040g2081040g208104/1";
const PLATFORM: &str = "nexora.internal/org_041061050r3gg28a1c60t3gf20/1";
const GOLDEN: &str = include_str!("golden.json");

fn note(size: u64) -> String {
    let line = verify::note::signature_line(ORIGIN, [1, 2, 3, 4], &[7; 64]);
    format!("{ORIGIN}\n{size}\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n{line}")
}

fn head(size: u64) -> Head {
    let note = note(size);
    let checkpoint = read_checkpoint(note.as_bytes()).expect("a checkpoint");
    Head { checkpoint, note, verified: Timestamp::from_millis(1_700_000_600_000) }
}

fn known() -> Known {
    let key = VerifierKey::new(ORIGIN, SignatureType::Ed25519, &[9; 32]).expect("it fits");
    Known {
        origin: ORIGIN.to_owned(),
        keys: vec![key],
        why: Why::FirstUse,
        since: Timestamp::from_millis(1_700_000_000_000),
        head: Some(head(7)),
        seen: vec![head(9)],
        policy: Some("quorum none\n".to_owned()),
        places: vec!["/var/lib/nexora/ledgers/040g2081040g2081040g208104".to_owned()],
        platform: Some(PLATFORM.to_owned()),
    }
}

fn book(dir: &Path) -> Book {
    Book(dir.join("config/nexora/ledger-pins.json"))
}

fn put(book: &Book, text: &str) {
    fs::create_dir_all(book.path().parent().expect("a folder")).expect("made");
    fs::write(book.path(), text).expect("written");
    fs::set_permissions(book.path(), fs::Permissions::from_mode(0o600)).expect("it is ours");
}

#[test]
fn the_file_has_its_documented_bytes_and_is_private() {
    let dir = tempfile::tempdir().expect("a directory");
    let book = book(dir.path());
    assert_eq!(book.read().expect("nothing is known"), []);
    book.change(|logs| {
        logs.push(known());
        Ok(())
    })
    .expect("written");
    let text = fs::read_to_string(book.path()).expect("it is there");
    assert_eq!(text, GOLDEN, "{text}");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(book.path()), mode(book.path().parent().expect("a folder"))), (0o600, 0o700));
    assert_eq!(book.find(ORIGIN).expect("it reads"), Some(known()));
    assert_eq!(book.find("other").expect("it reads"), None);
    // What a change refuses is not written.
    let refused = book.change(|logs| {
        logs.clear();
        Err::<(), _>(crate::failure::Failure::new(Kind::Conflict, "no"))
    });
    assert!(refused.is_err());
    assert_eq!(fs::read_to_string(book.path()).expect("it is there"), GOLDEN);
}

#[test]
fn pins_that_cannot_be_relied_upon_are_refused_and_never_taken_for_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let book = book(dir.path());
    let key = GOLDEN.split('"').find(|text| text.contains("+A")).expect("a key");
    let mut changed = key.to_owned();
    changed.replace_range(key.len() - 6..key.len() - 5, "B");
    let twice = GOLDEN.replacen(
        "    {",
        &format!(
            "    {},\n    {{",
            &GOLDEN
                [GOLDEN.find("{\n      \"origin").expect("a log")..GOLDEN.rfind("\n  ]").expect("its end")]
        ),
        1,
    );
    for (what, text) in [
        ("nothing", String::new()),
        ("half of it", GOLDEN[..GOLDEN.len() / 2].to_owned()),
        ("a later version", GOLDEN.replace("\"v\": 1", "\"v\": 2")),
        ("an unknown field", GOLDEN.replace("\"v\": 1", "\"v\": 1, \"w\": 1")),
        ("another key", GOLDEN.replace(key, &changed)),
        ("another log's key", GOLDEN.replacen(ORIGIN, "nexora.internal/org_040g2081040g2081040g208105/1", 1)),
        ("no checkpoint", GOLDEN.replacen("\\n7\\n", "\\n07\\n", 1)),
        ("no policy", GOLDEN.replace("quorum none", "quorum of none")),
        ("a log twice", twice),
    ] {
        assert_ne!(text, GOLDEN, "{what}");
        put(&book, &text);
        let failure = book.read().expect_err(what);
        assert_eq!(failure.kind(), Kind::BadInput, "{what}: {failure}");
        assert!(book.change(|_| Ok(())).is_err(), "{what}");
        assert_eq!(fs::read_to_string(book.path()).expect("it is there"), text, "{what} is left as it is");
    }
    put(&book, GOLDEN);
    fs::set_permissions(book.path(), fs::Permissions::from_mode(0o620)).expect("it is ours");
    assert!(book.read().expect_err("others write it").to_string().contains("chmod 600"));
}

#[test]
fn two_commands_at_once_lose_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let book = book(dir.path());
    std::thread::scope(|scope| {
        for worker in 0..4_u8 {
            let book = book.clone();
            scope.spawn(move || {
                for n in 0..8_u8 {
                    let origin = format!("log.example/{worker}/{n}");
                    let key = VerifierKey::new(&origin, SignatureType::Ed25519, &[n; 32]).expect("it fits");
                    let row = Known { origin, keys: vec![key], head: None, seen: Vec::new(), ..known() };
                    book.change(|logs| {
                        logs.push(row);
                        Ok(())
                    })
                    .expect("written");
                }
            });
        }
    });
    assert_eq!(book.read().expect("it reads").len(), 32);
}

#[test]
fn pins_inside_of_what_they_are_held_against_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let book = book(dir.path());
    let elsewhere = dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    for there in [false, true] {
        assert!(book.stands_outside(&elsewhere).is_ok(), "{there}");
        assert!(book.stands_outside(dir.path()).is_err(), "{there}");
        put(&book, GOLDEN);
    }
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(dir.path().join("config"), &link).expect("linked");
    assert!(book.stands_outside(&link).is_err(), "whatever it is called");
}
