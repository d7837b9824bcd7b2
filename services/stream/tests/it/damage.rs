//! Damage that no crash makes: it is told, not cut off.

use crate::{
    faulty::Faulty,
    plain::{ORGANIZATION, all, batch},
};
use std::{path::PathBuf, sync::Arc};
use stream::{Error, Log, Options};

fn options(disk: &Faulty) -> Options {
    Options {
        dir: PathBuf::from("/log"),
        organization: ORGANIZATION,
        roll: 1 << 20,
        files: Arc::new(disk.clone()),
    }
}

#[test]
fn a_flipped_byte_in_front_of_a_later_group_is_an_error() {
    let path = PathBuf::from("/log/00000000000000000000.log");
    let disk = Faulty::default();
    let log = Log::open(options(&disk)).expect("an empty log");
    log.append(&[batch(1, 2)]).expect("room");
    log.sync().expect("a disk");
    let mut first = 0;
    disk.change(&path, |bytes| first = bytes.len());
    log.append(&[batch(2, 2)]).expect("room");
    log.sync().expect("a disk");
    drop(log);
    let mut whole = Vec::new();
    disk.change(&path, |bytes| whole.clone_from(bytes));
    for at in 0..whole.len() {
        disk.change(&path, |bytes| {
            bytes.clone_from(&whole);
            bytes[at] ^= 0x10;
        });
        match Log::open(options(&disk)) {
            Err(Error::Damaged { .. } | Error::Foreign { .. }) => assert!(at < first, "{at}"),
            Err(other) => panic!("{at}: {other}"),
            // The last record alone cannot be told from one that was never synced.
            Ok(log) => {
                assert!(at >= first, "{at}");
                assert_eq!(all(&log, 0).expect("whole"), [(1, 0)], "{at}");
            }
        }
    }
}

#[test]
fn damage_in_an_earlier_file_is_told_when_it_is_read() {
    let disk = Faulty::default();
    let small = || Options { roll: 100, ..options(&disk) };
    let log = Log::open(small()).expect("an empty log");
    for number in 0..3 {
        log.append(&[batch(number, 2)]).expect("room");
        log.sync().expect("a disk");
    }
    drop(log);
    disk.change(&PathBuf::from("/log/00000000000000000000.log"), |bytes| bytes[200] ^= 1);
    let log = Log::open(small()).expect("its end is whole");
    assert!(matches!(all(&log, 0), Err(Error::Damaged { .. })));
    assert_eq!(all(&log, 2).expect("whole"), [(1, 2), (2, 4)]);
}
