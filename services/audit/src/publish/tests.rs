//! Publication on a disk that fails and forgets, at every call in turn.

use super::{Writer, sign};
use crate::{
    Chain, Error, LocalDirectory, LogKeys, Signatures, Storage, StorageError, Stored,
    conformance::{Call, Watched},
    disk::Disk as _,
    disk::simulated::{Fault, SimulatedDisk},
};
use base::{Actor, Id, Timestamp, noun};
use crypto::sign::{Algorithm, SigningKey};
use ledger::{Entry, Kind, Stamp, checkpoint};
use std::{
    collections::BTreeSet,
    io,
    path::Path,
    sync::{Arc, Mutex},
};
use verify::{Checkpoint, Hash, LedgerFiles, Pins, Unreadable};

const LEDGERS: &str = "/data/ledgers";

pub(super) struct House {
    organization: Id<noun::Organization>,
    pub(super) keys: LogKeys,
    pub(super) chain: Chain,
    pub(super) signatures: Signatures,
    pub(super) entries: Vec<Vec<u8>>,
}

impl House {
    pub(super) fn new(count: u64) -> Self {
        let provider = crypto::aws_lc();
        let organization = Id::from_bytes([3; 16]);
        let key = |algorithm| SigningKey::generate(&*provider, algorithm);
        let keys = LogKeys::new(organization, key(Algorithm::Ed25519), key(Algorithm::MlDsa44));
        let keys = keys.expect("one of each");
        let verifiers = keys.verifier_keys();
        let entries = (0..count).map(|position| {
            let entry = match position {
                0 => checkpoint::started(organization, 1, &verifiers[0], &verifiers[1]),
                _ => Entry::done(Kind::FindingsRecorded, organization).batch(1, [7; 32]),
            };
            let stamp = Stamp {
                organization,
                actor: &Actor::System { task: "test" },
                request: Id::from_bytes([2; 16]),
                position,
                time: Timestamp::from_millis(1_700_000_000_000),
                nonce: [1; 16],
                salt: [4; 32],
            };
            entry.seal(&stamp).expect("it fits").json
        });
        let entries = entries.collect();
        let chain = Chain::new(verifiers, Vec::new());
        Self { organization, signatures: Signatures::new(provider), keys, chain, entries }
    }

    pub(super) fn open(&self, disk: &Arc<SimulatedDisk>) -> Result<Writer, Error> {
        self.open_in(Arc::new(on(disk)))
    }

    fn open_in(&self, storage: Arc<dyn Storage>) -> Result<Writer, Error> {
        let mut opened = Writer::open(storage, self.organization, 1, &self.chain, &self.signatures)?;
        assert!(opened.reach <= self.entries.len() as u64, "no file reaches beyond what was committed");
        opened.tidy()?;
        Ok(opened.writer)
    }

    pub(super) fn publish(&self, writer: &mut Writer, up_to: u64) -> Result<(), Error> {
        let (from, to) = (writer.size(), up_to);
        let range = usize::try_from(from).expect("small")..usize::try_from(to).expect("small");
        let now = Timestamp::from_millis(1_700_000_600_000);
        let entries = self.entries[range].iter().map(Vec::as_slice);
        writer.publish(entries, (&self.keys, &self.chain), &self.signatures, now)
    }

    pub(super) fn sequence(&self, writer: &mut Writer, up_to: u64) -> Result<(), Error> {
        let range = usize::try_from(writer.size()).expect("small")..usize::try_from(up_to).expect("small");
        writer.sequence(self.entries[range].iter().map(Vec::as_slice))
    }

    pub(super) fn release(&self, writer: &mut Writer) -> Result<(), Error> {
        let now = Timestamp::from_millis(1_700_000_600_000);
        let note = sign(&writer.head(), (&self.keys, &self.chain), now)?;
        writer.release(note, &self.chain, &self.signatures)
    }

    pub(super) fn verify(&self, disk: &SimulatedDisk) -> u64 {
        self.head(disk).size
    }

    pub(super) fn root(&self, disk: &SimulatedDisk) -> Hash {
        self.head(disk).root
    }

    fn head(&self, disk: &SimulatedDisk) -> Checkpoint {
        let home = Path::new(LEDGERS).join(self.organization.bare());
        let pins = Pins { keys: self.keys.verifier_keys().to_vec(), ..Pins::default() };
        let report = verify::directory(&OnDisk(disk, &home), &self.signatures, &pins);
        report.map(|report| report.checkpoint.checkpoint().clone()).expect("the ledger verifies")
    }
}

fn on(disk: &Arc<SimulatedDisk>) -> LocalDirectory {
    let disk: Arc<SimulatedDisk> = Arc::clone(disk);
    LocalDirectory::on(disk, Path::new(LEDGERS))
}

struct OnDisk<'d>(&'d SimulatedDisk, &'d Path);

impl LedgerFiles for OnDisk<'_> {
    fn list(&self) -> Result<Vec<String>, Unreadable> {
        let paths = self.0.list(self.1).map_err(|error| Unreadable(error.to_string()))?;
        Ok(paths.iter().map(|path| path.strip_prefix(self.1).expect("below").display().to_string()).collect())
    }

    fn read(&self, path: &str, _: usize) -> Result<Vec<u8>, Unreadable> {
        self.0.read(&self.1.join(path)).map_err(|error| Unreadable(error.to_string()))
    }
}

/// The publications of a run: the first, a small one, one that fills a tile, one more.
const SIZES: [u64; 4] = [1, 4, 258, 259];

/// Publishes everything on this disk, starting anew after each crash and each stop, and returns how often it
/// had to. What was published once stays published.
fn run(house: &House, disk: &Arc<SimulatedDisk>) -> usize {
    let (mut acknowledged, mut starts) = (0, 0);
    'start: loop {
        starts += 1;
        assert!(starts < 10, "a single fault does not keep a log from its end");
        if disk.is_down() {
            disk.restart();
        }
        let Ok(mut writer) = house.open(disk) else { continue };
        assert!(writer.size() >= acknowledged, "{} published, {acknowledged} acknowledged", writer.size());
        if writer.size() > 0 {
            assert_eq!(house.verify(disk), writer.size(), "after a start the files are in order");
        }
        for size in SIZES {
            while writer.size() < size {
                match house.publish(&mut writer, size) {
                    Ok(()) => acknowledged = size,
                    Err(Error::Stopped { .. }) => {
                        let calls = disk.calls();
                        assert!(matches!(house.publish(&mut writer, size), Err(Error::Stopped { .. })));
                        assert_eq!(disk.calls(), calls, "a stopped writer leaves the disk alone");
                        // The process ends, and with it what was not synced may be gone.
                        disk.restart();
                        continue 'start;
                    }
                    Err(_) if disk.is_down() => continue 'start,
                    Err(Error::Storage(StorageError::Failed { .. })) => {}
                    Err(other) => unreachable!("{other}"),
                }
            }
        }
        return starts;
    }
}

#[test]
fn every_entry_is_there_once_whichever_call_fails_or_is_the_last() {
    let house = House::new(*SIZES.last().expect("some"));
    let disk = |seed| Arc::new(SimulatedDisk::new(Path::new("/data"), seed));
    let whole = disk(0);
    assert_eq!(run(&house, &whole), 1);
    let calls = whole.calls();
    assert!(calls > 60, "{calls} calls are too few to be all of them");
    let faults = [
        Fault::Error(io::ErrorKind::Other),
        Fault::Error(io::ErrorKind::StorageFull),
        Fault::CrashBefore,
        Fault::CrashAfter,
    ];
    let mut restarted = 0;
    for call in 0..calls {
        for fault in faults {
            for seed in 1..=3 {
                let disk = disk(call * 100 + seed);
                disk.fail(call, fault);
                restarted += run(&house, &disk) - 1;
                assert_eq!(house.verify(&disk), 259, "{fault:?} at call {call}, seed {seed}");
            }
        }
    }
    assert!(restarted >= usize::try_from(calls).expect("small") * 6, "every crash made it start anew");
}

#[test]
fn a_full_disk_stalls_and_goes_on_when_there_is_room() {
    let house = House::new(20);
    let disk = Arc::new(SimulatedDisk::new(Path::new("/data"), 1));
    let mut writer = house.open(&disk).expect("an empty disk");
    house.publish(&mut writer, 10).expect("there is room");
    // The second of two tiles has no room.
    disk.fail(disk.calls() + 1, Fault::Error(io::ErrorKind::StorageFull));
    assert!(matches!(house.publish(&mut writer, 15), Err(Error::Storage(StorageError::Failed { .. }))));
    assert_eq!((writer.size(), house.verify(&disk)), (10, 10), "what was published still verifies");
    house.publish(&mut writer, 20).expect("there is room again");
    assert_eq!(house.verify(&disk), 20);
}

#[test]
fn superseded_partial_tiles_go_and_all_others_stay() {
    let house = House::new(258);
    let disk = Arc::new(SimulatedDisk::new(Path::new("/data"), 1));
    let mut writer = house.open(&disk).expect("an empty disk");
    let home = Path::new(LEDGERS).join(house.organization.bare());
    let names =
        || -> BTreeSet<String> { OnDisk(&disk, &home).list().expect("it lists").into_iter().collect() };
    for size in [1, 200] {
        house.publish(&mut writer, size).expect("it publishes");
    }
    assert!(names().contains("tile/0/000.p/1"), "checkpoint 1 needs it, and no full tile stands yet");
    house.publish(&mut writer, 258).expect("it publishes");
    let expected = [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/2",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/2",
    ];
    assert_eq!(names(), expected.map(str::to_owned).into());
}

#[test]
fn of_a_tile_that_waits_only_the_newest_state_is_kept() {
    let house = House::new(300);
    let disk = Arc::new(SimulatedDisk::new(Path::new("/data"), 1));
    let mut writer = house.open(&disk).expect("an empty disk");
    house.publish(&mut writer, 1).expect("it publishes");
    for size in 2..=300 {
        house.sequence(&mut writer, size).expect("it is sequenced");
        let waiting = on(&disk).list(&writer.waiting, "").expect("it lists");
        assert!(waiting.len() <= 5, "{size}: {waiting:?}");
    }
    let waiting = on(&disk).list(&writer.waiting, "").expect("it lists");
    let newest =
        ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"];
    assert_eq!(waiting, newest);
    house.release(&mut writer).expect("it is published");
    assert_eq!(house.verify(&disk), 300);
    assert_eq!(on(&disk).list(&writer.waiting, "").expect("it lists"), Vec::<String>::new());
}

#[test]
fn what_waits_is_published_as_it_was_put_there_or_not_at_all() {
    let house = House::new(20);
    let missing = |storage: &LocalDirectory, log: &str| storage.remove(log, &["tile/0/000.p/20".to_owned()]);
    let other = |storage: &LocalDirectory, log: &str| {
        storage.put(log, &[Stored { path: "tile/0/000.p/20".to_owned(), bytes: vec![1; 640] }])
    };
    for damage in [&missing as &dyn Fn(&LocalDirectory, &str) -> _, &other] {
        let disk = Arc::new(SimulatedDisk::new(Path::new("/data"), 1));
        let mut writer = house.open(&disk).expect("an empty disk");
        house.publish(&mut writer, 1).expect("it publishes");
        house.sequence(&mut writer, 20).expect("it is sequenced");
        damage(&on(&disk), &writer.waiting).expect("another writer was at it");
        let refused = house.release(&mut writer);
        assert!(matches!(refused, Err(Error::Storage(StorageError::Changed { .. }))), "{refused:?}");
        assert_eq!(house.verify(&disk), 1, "nothing of it is published");
        let mut writer = house.open(&disk).expect("it is opened anew");
        house.sequence(&mut writer, 20).expect("it is made anew");
        house.release(&mut writer).expect("it is published");
        assert_eq!(house.verify(&disk), 20);
    }
}

/// A storage that others can reach too: they do so just before a checkpoint is replaced.
fn shared(disk: &Arc<SimulatedDisk>, meanwhile: &Meanwhile) -> Arc<dyn Storage> {
    let meanwhile = Arc::clone(meanwhile);
    Arc::new(Watched::new(on(disk), move |call: Call<'_>| {
        let others = || meanwhile.lock().expect("nobody panicked").take();
        if let Some(others) = matches!(call, Call::Replace(_)).then(others).flatten() {
            others();
        }
        Ok(())
    }))
}

/// What they do, once.
type Meanwhile = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

#[test]
fn a_start_removes_nothing_that_another_writer_is_about_to_publish() {
    let house = Arc::new(House::new(300));
    let disk = Arc::new(SimulatedDisk::new(Path::new("/data"), 1));
    let (none, meanwhile) = (Meanwhile::default(), Meanwhile::default());
    let mut writer = house.open_in(shared(&disk, &meanwhile)).expect("an empty disk");
    house.publish(&mut writer, 4).expect("it publishes");
    let (second, also) = (shared(&disk, &none), Arc::clone(&house));
    let start = move || assert_eq!(also.open_in(second).expect("it starts").size(), 4);
    *meanwhile.lock().expect("nobody panicked") = Some(Box::new(start));
    house.publish(&mut writer, 290).expect("it publishes");
    assert_eq!(house.verify(&disk), 290, "no tile of it is missing");
    // What is really left goes with the next checkpoint.
    let left = |path: &str| Stored { path: path.to_owned(), bytes: vec![7; 32] };
    on(&disk).put(&writer.log, &[left("tile/0/001.p/39"), left("tile/0/001.p/43")]).expect("it is put");
    let mut writer = house.open_in(shared(&disk, &none)).expect("it starts");
    house.publish(&mut writer, 298).expect("it publishes");
    let names = on(&disk).list(&writer.log, "tile/0").expect("it lists");
    assert_eq!(names, ["tile/0/000", "tile/0/001.p/34", "tile/0/001.p/42"]);
    assert_eq!(house.verify(&disk), 298);
}

#[test]
fn a_second_writer_leaves_no_tile_in_a_log_that_went_on_without_it() {
    let house = House::new(30);
    let disk = Arc::new(SimulatedDisk::new(Path::new("/data"), 1));
    let shared = || shared(&disk, &Meanwhile::default());
    let mut first = house.open_in(shared()).expect("an empty disk");
    house.publish(&mut first, 4).expect("it publishes");
    let mut second = house.open_in(shared()).expect("it starts");
    house.publish(&mut first, 10).expect("it publishes");
    let before = on(&disk).list(&first.log, "").expect("it lists");
    let refused = house.publish(&mut second, 20);
    assert!(matches!(refused, Err(Error::Storage(StorageError::Changed { .. }))), "{refused:?}");
    assert_eq!(on(&disk).list(&first.log, "").expect("it lists"), before);
}
