//! A thousand crashes at seeded points, on a disk that drops and tears what was not synced: the ledger's writer
//! against the entries of its outbox.

use super::tests::House;
use crate::{
    Error,
    disk::simulated::{Fault, SimulatedDisk},
};
use ledger::Tree;
use std::{path::Path, sync::Arc};

const ENTRIES: u64 = 300;
const CRASHES: usize = 1_000;
/// Crashes of one log, one after the other: also while it recovers from the one before.
const IN_A_ROW: usize = 8;

struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

struct Run<'h> {
    house: &'h House,
    disk: Arc<SimulatedDisk>,
    dice: Dice,
    crashes: usize,
    /// What a publication that returned has made public.
    acknowledged: u64,
}

impl Run<'_> {
    fn arm(&mut self) {
        if self.crashes < IN_A_ROW {
            let call = self.disk.calls() + self.dice.below(50);
            self.disk
                .fail(call, if self.dice.below(2) == 0 { Fault::CrashBefore } else { Fault::CrashAfter });
        }
    }

    /// Publishes everything, and comes back after each crash.
    fn publish_all(&mut self) {
        self.arm();
        while let Err(error) = self.until_a_crash() {
            assert!(self.disk.is_down(), "nothing but a crash keeps the writer from its end: {error:?}");
            self.crashes += 1;
            self.disk.restart();
            self.arm();
        }
    }

    fn until_a_crash(&mut self) -> Result<(), Error> {
        let mut writer = self.house.open(&self.disk)?;
        assert!(writer.published() >= self.acknowledged, "what was published stays published");
        if writer.published() > 0 && !self.disk.is_down() {
            assert_eq!(
                self.house.verify(&self.disk),
                writer.published(),
                "after a start the files are in order"
            );
        }
        while writer.published() < ENTRIES {
            let more = ENTRIES - writer.size();
            let up_to = writer.size() + if more > 0 { 1 + self.dice.below(more.min(90)) } else { 0 };
            // With witnesses or without; a log may begin to ask them, and cease to.
            let waits = writer.size() > writer.published();
            match self.dice.below(3) {
                0 if !waits => self.house.publish(&mut writer, up_to)?,
                1 if waits => self.house.release(&mut writer)?,
                _ if more > 0 => self.house.sequence(&mut writer, up_to)?,
                _ => self.house.release(&mut writer)?,
            }
            self.acknowledged = self.acknowledged.max(writer.published());
        }
        Ok(())
    }
}

#[test]
fn a_thousand_crashes_lose_nothing_and_double_nothing() {
    let house = House::new(ENTRIES);
    let mut tree = Tree::new();
    tree.append(house.entries.iter().map(Vec::as_slice)).expect("they fit");
    let (mut crashes, mut seed) = (0, 0);
    while crashes < CRASHES {
        seed += 1;
        let disk = Arc::new(SimulatedDisk::new(Path::new("/data"), seed));
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut run = Run { house: &house, disk, dice, crashes: 0, acknowledged: 0 };
        run.publish_all();
        crashes += run.crashes;
        // The root is that of every entry, once, in its place.
        assert_eq!(house.root(&run.disk), tree.root(), "seed {seed}");
    }
    assert!(seed < 400, "most runs crash several times: {seed} were needed");
}
