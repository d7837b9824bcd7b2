//! Every fault at every operation, then every way a crash can leave the disk: what was acknowledged is
//! there once and in order, what was refused is not, and the rest is whole or absent.

use crate::{
    faulty::{Fault, Faulty, Leaves},
    plain::{ORGANIZATION, all, batch},
};
use base::{Fault as _, Kind};
use std::{path::PathBuf, sync::Arc};
use stream::{Error, Log, Options};

fn options(disk: &Faulty, roll: u64) -> Options {
    Options { dir: PathBuf::from("/log"), organization: ORGANIZATION, roll, files: Arc::new(disk.clone()) }
}

/// What a run promised: the batches it acknowledged, and those it said it had not kept.
#[derive(Default)]
struct Promised {
    kept: Vec<u8>,
    refused: Vec<u8>,
}

/// Twelve groups of batches, one taken back. After an error the log is opened again, as a process would.
fn run(disk: &Faulty, roll: u64, power: bool) -> Promised {
    let mut promised = Promised::default();
    let mut log = None;
    for group in 0..12u8 {
        let batches = [batch(group * 2, 2), batch(group * 2 + 1, 3)];
        let numbers = [group * 2, group * 2 + 1];
        if log.is_none() {
            log = Log::open(options(disk, roll)).ok();
        }
        let Some(open) = &log else { continue };
        match open.append(&batches) {
            Ok(appended) => match open.sync() {
                Ok(()) if group == 5 => match open.cut(appended.before) {
                    Ok(()) => promised.refused.extend(numbers),
                    Err(_) => log = None,
                },
                Ok(()) => promised.kept.extend(numbers),
                Err(_) => {
                    assert!(matches!(open.append(&batches), Err(Error::Stopped { .. })), "it must stop");
                    assert!(matches!(open.sync(), Err(Error::Stopped { .. })), "it must stop");
                    log = None;
                    // With power it could be taken back.
                    promised.refused.extend(power.then_some(numbers).into_iter().flatten());
                }
            },
            Err(error) if error.kind() == Kind::Full => promised.refused.extend(numbers),
            Err(_) => {
                log = None;
                promised.refused.extend(power.then_some(numbers).into_iter().flatten());
            }
        }
    }
    promised
}

fn check(disk: &Faulty, roll: u64, promised: &Promised, case: &str) {
    let log = Log::open(options(disk, roll)).expect(case);
    let found = all(&log, 0).expect(case);
    let numbers: Vec<u8> = found.iter().map(|(number, _)| *number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{case}: once and in order: {numbers:?}");
    assert!(promised.kept.iter().all(|kept| numbers.contains(kept)), "{case}: {numbers:?}");
    assert!(!promised.refused.iter().any(|refused| numbers.contains(refused)), "{case}: {numbers:?}");
    let mut next = 0;
    for (number, first) in &found {
        assert_eq!(*first, next, "{case}: offsets have no gaps");
        next += if number % 2 == 0 { 2 } else { 3 };
    }
    log.append(&[batch(200, 1)]).expect(case);
    log.sync().expect(case);
}

/// In files of a few groups, and in one that is never followed by another.
#[test]
fn every_fault_at_every_operation() {
    for roll in [700, 1 << 20] {
        let operations = {
            let disk = Faulty::default();
            assert_eq!(run(&disk, roll, true).kept.len(), 22);
            disk.operations()
        };
        assert!(operations > 20);
        for at in 0..=operations {
            for fault in [Fault::Full, Fault::Fails, Fault::FailsUnseen, Fault::Power] {
                for leaves in Leaves::ALL {
                    let disk = Faulty::failing(at, fault);
                    let promised = run(&disk, roll, fault != Fault::Power);
                    if fault != Fault::Power {
                        assert!(promised.kept.len() >= 18, "one fault costs at most its group and the next");
                    }
                    disk.crash(leaves);
                    let case =
                        format!("{fault:?} at {at} of {operations}, crash leaves {leaves:?}, roll {roll}");
                    check(&disk, roll, &promised, &case);
                }
            }
        }
    }
}
