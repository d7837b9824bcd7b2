//! The suite of the port, and what a network adds to it.

use crate::s3::S3;
use audit::{Storage as _, StorageError, Stored, conformance};
use base::{Fault as _, Kind, Secret};
use objects::{Objects, Place, WrongPlace};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

fn file(path: &str, bytes: &[u8]) -> Stored {
    Stored { path: path.to_owned(), bytes: bytes.to_vec() }
}

#[test]
fn s3_passes_the_suite_below_a_prefix_and_at_the_top() {
    let (server, runtime) = (S3::start(), runtime());
    for (prefix, logs) in [("a/b", ["log", "log.2"]), ("", ["other", "oth"])] {
        conformance::storage(&server.client(prefix, &runtime), logs).expect("it answers");
    }
    let below = server.client("a", &runtime);
    assert_eq!(below.list("b", "").expect("a listing").len(), 2, "a prefix is a folder of the bucket");
}

#[test]
fn of_two_writers_one_learns_of_the_other() {
    let (server, runtime) = (S3::start(), runtime());
    let (one, two) = (server.client("w", &runtime), server.client("w", &runtime));
    one.replace("log", "checkpoint", None, b"1").expect("nothing was there");
    one.replace("log", "checkpoint", Some(b"1"), b"2").expect("its own");
    let late = two.replace("log", "checkpoint", Some(b"1"), b"other 2");
    assert!(matches!(late, Err(StorageError::Changed { .. })), "{late:?}");
    assert_eq!(one.read("log", "checkpoint", 100).expect("it reads").as_deref(), Some(&b"2"[..]));
}

#[test]
fn what_a_checkpoint_covers_is_overwritten_by_nobody() {
    let (server, runtime) = (S3::start(), runtime());
    let (one, two) = (server.client("w", &runtime), server.client("w", &runtime));
    let published = ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"];
    let files = published.map(|path| file(path, b"one"));
    one.put("log", &files).expect("nothing was there");
    // Before a checkpoint covers them they may be put anew, also by others, as after a crash.
    two.put("log", &published.map(|path| file(path, b"two"))).expect("they are nobody's yet");
    one.put("log", &files).expect("they are nobody's yet");
    let root = "A".repeat(43) + "=";
    let note = format!("log\n300\n{root}\n\n\u{2014} log AAAAAAAAAAAAAAAA\n");
    one.replace("log", "checkpoint", None, note.as_bytes()).expect("the first one");
    for path in published {
        for other in [&b"two"[..], b"longer", b""] {
            let told = two.put("log", &[file(path, other)]);
            assert!(matches!(&told, Err(StorageError::Changed { path: named }) if named == path), "{told:?}");
        }
        assert_eq!(one.read("log", path, 100).expect("it reads").as_deref(), Some(&b"one"[..]), "{path}");
    }
    two.put("log", &files).expect("the same is no other");
    for beyond in ["tile/0/001.p/45", "tile/entries/001.p/46", "tile/0/001"] {
        for bytes in [&b"one"[..], b"two"] {
            two.put("log", &[file(beyond, bytes)]).expect("no checkpoint covers it");
        }
        assert_eq!(one.read("log", beyond, 100).expect("it reads").as_deref(), Some(&b"two"[..]));
    }
    two.put("other", &[file("tile/0/000", b"two")]).expect("each log has its own");
}

/// The request went through and its answer was lost: it is sent again, and finds what it wrote.
#[test]
fn an_answer_that_was_lost_is_no_other_writer() {
    let (server, runtime) = (S3::start(), runtime());
    let line = server.line();
    let client = line.client("l", &runtime);
    for (expected, bytes) in [(None, &b"1"[..]), (Some(&b"1"[..]), &b"2"[..])] {
        line.lose_one_answer();
        client.replace("log", "checkpoint", expected, bytes).expect("it is there, by us");
        assert!(line.has_lost_it(), "an answer was lost");
    }
    line.lose_one_answer();
    client.put("log", &[file("tile/0/000", b"x"), file("tile/0/001", b"y")]).expect("they are there");
    assert!(line.has_lost_it());
    assert_eq!(client.list("log", "").expect("a listing"), ["checkpoint", "tile/0/000", "tile/0/001"]);
}

#[test]
fn a_storage_that_does_not_answer_fails_in_time_and_works_again() {
    let (server, runtime) = (S3::start(), runtime());
    let line = server.line();
    let client = line.client("n", &runtime);
    client.put("log", &[file("tile/0/000", b"x")]).expect("it answers");
    line.cut();
    let failed = client.read("log", "tile/0/000", 100).expect_err("nobody answers");
    assert_eq!(failed.kind(), Kind::Unavailable, "{failed}");
    let failed = client.replace("log", "checkpoint", None, b"1").expect_err("nobody answers");
    assert!(matches!(failed, StorageError::Failed { .. }), "it may be tried again: {failed}");
    line.mend();
    client.replace("log", "checkpoint", None, b"1").expect("it answers again");
    assert_eq!(client.read("log", "tile/0/000", 100).expect("it reads").as_deref(), Some(&b"x"[..]));
}

#[test]
fn nothing_outside_the_prefix_is_named() {
    let (server, runtime) = (S3::start(), runtime());
    let client = server.client("here", &runtime);
    server.client("", &runtime).put("secret", &[file("x", b"x")]).expect("it answers");
    for (log, path) in
        [("..", "secret/x"), ("log", "../../secret/x"), ("log", "/secret/x"), ("log", "a//b"), ("", "x")]
    {
        assert!(client.read(log, path, 100).is_err(), "{log} {path}");
        assert!(client.put(log, &[file(path, b"y")]).is_err(), "{log} {path}");
    }
}

#[test]
fn options_that_nobody_understands_are_refused_and_secrets_are_not_shown() {
    let runtime = runtime();
    let open = |options: &str| {
        let place: Place = "s3://ledgers/x".parse().expect("a place");
        Objects::open(&place, &Secret::new(options.as_bytes().to_vec()), runtime.handle().clone())
    };
    let wrong = open("regoin = eu").expect_err("a typing error");
    assert!(matches!(wrong, WrongPlace::Client(_)) && wrong.kind() == Kind::BadInput, "{wrong}");
    let client =
        open("region = eu-central-1\naccess_key_id = AKIA\nsecret_access_key = hunter2").expect("options");
    assert!(!format!("{client:?}").contains("hunter2"));
}
