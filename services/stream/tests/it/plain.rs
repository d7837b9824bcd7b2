//! What the log does on a disk that works.

use base::{Id, Timestamp, noun};
use std::path::PathBuf;
use stream::{Block, Error, Log, NewBatch, Options};

pub(crate) const ORGANIZATION: Id<noun::Organization> = Id::from_bytes([9; 16]);

pub(crate) fn batch(number: u8, events: usize) -> NewBatch {
    let texts: Vec<String> =
        (0..events).map(|event| format!(r#"{{"batch":{number},"event":{event}}}"#)).collect();
    NewBatch {
        id: Id::from_bytes([number; 16]),
        source: Id::from_bytes([1; 16]),
        arrival: Timestamp::from_millis(i64::from(number)),
        pack: [2; 32],
        model: 3,
        block: Block::of(texts.iter().map(String::as_str)).expect("small"),
    }
}

/// Every batch from an offset on, as its number and its first offset, checked event by event.
pub(crate) fn all(log: &Log, from: u64) -> Result<Vec<(u8, u64)>, Error> {
    let mut reader = log.reader(from);
    let mut found = Vec::new();
    while let Some(batch) = reader.next(u64::MAX)? {
        let number = batch.header.id.as_bytes()[0];
        let events: Vec<_> = batch.events().map(str::to_owned).collect();
        let expected: Vec<_> =
            (0..events.len()).map(|event| format!(r#"{{"batch":{number},"event":{event}}}"#)).collect();
        assert_eq!(events, expected);
        assert_eq!(batch.header.arrival, Timestamp::from_millis(i64::from(number)));
        found.push((number, batch.header.first_offset));
    }
    Ok(found)
}

fn options(dir: &tempfile::TempDir, roll: u64) -> Options {
    Options { roll, ..Options::on_disk(PathBuf::from(dir.path()).join("stream"), ORGANIZATION) }
}

#[test]
fn what_was_appended_is_read_also_after_opening_again_and_over_many_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = Log::open(options(&dir, 500)).expect("an empty log");
    let mut expected = Vec::new();
    let mut offset = 0;
    for number in 0..40 {
        let appended = log.append(&[batch(number, 3), batch(100, 0), batch(number + 100, 1)]).expect("room");
        assert_eq!(appended.offsets, [offset, offset + 3, offset + 3]);
        log.sync().expect("a disk");
        expected.extend([(number, offset), (number + 100, offset + 3)]);
        offset += 4;
    }
    assert!(std::fs::read_dir(dir.path().join("stream")).expect("there").count() > 10);
    assert_eq!(all(&log, 0).expect("whole"), expected);
    drop(log);
    let log = Log::open(options(&dir, 500)).expect("the same log");
    assert_eq!(log.next_offset(), offset);
    assert_eq!(all(&log, 0).expect("whole"), expected);
    for from in 0..offset {
        let found = all(&log, from).expect("whole");
        let first = expected.iter().rposition(|(_, first)| *first <= from).expect("one holds it");
        assert_eq!(found, expected[first..]);
    }
    assert_eq!(all(&log, offset).expect("nothing yet"), []);
}

#[test]
fn a_reader_goes_on_where_it_stopped_and_sees_no_more_than_its_limit() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = Log::open(options(&dir, 300)).expect("an empty log");
    let mut reader = log.reader(0);
    for number in 0..10 {
        log.append(&[batch(number, 2)]).expect("room");
        log.sync().expect("a disk");
        let end = log.next_offset();
        assert!(reader.next(end - 2).expect("whole").is_none());
        assert_eq!(reader.next_header(end).expect("whole").map(|header| header.first_offset), Some(end - 2));
    }
}

#[test]
fn what_is_taken_back_is_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = Log::open(options(&dir, 1 << 20)).expect("an empty log");
    log.append(&[batch(1, 2)]).expect("room");
    log.sync().expect("a disk");
    let before = log.append(&[batch(2, 2)]).expect("room").before;
    log.sync().expect("a disk");
    log.cut(before).expect("a disk");
    assert_eq!(log.append(&[batch(3, 1)]).expect("room").offsets, [2]);
    log.sync().expect("a disk");
    drop(log);
    let log = Log::open(options(&dir, 1 << 20)).expect("the same log");
    assert_eq!(all(&log, 0).expect("whole"), [(1, 0), (3, 2)]);
}

#[test]
fn another_organizations_log_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(Log::open(options(&dir, 500)).expect("an empty log"));
    let other = Options { organization: Id::from_bytes([8; 16]), ..options(&dir, 500) };
    assert!(matches!(Log::open(other), Err(Error::Foreign { .. })));
}
