//! Events in the order of their time, however many there are: what memory does not hold is sorted on disk.
//!
//! Of as much as memory holds a sorted run is spilled; in the end runs are merged, [`FAN`] at a time at most. What is
//! spilled is the redacted form, in packed blocks, in one file without a name: it goes with the process, however that
//! ends.

use crate::failure::Failure;
use base::Timestamp;
use std::cell::Cell;
use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// How many runs are merged at once: of each a block is in memory.
const FAN: usize = 64;
/// How many bytes of events are packed together, but for one that is larger.
const BLOCK: usize = 64 << 10;
/// What an event takes in a block beside its text: time, file, index, format, length.
const HEAD: usize = 25;
/// What stands before a block in the file: its length, packed and not.
const LENGTHS: usize = 8;
/// The fastest that packs at all.
const LEVEL: i32 = 1;

/// Where an event stands, when it happened, and of which format it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) time: Timestamp,
    /// The number of its file among those that are read, by name.
    pub(super) file: u32,
    /// Its place in its file, from 0, rejected ones counted.
    pub(super) index: u64,
    /// The place of its format among all.
    pub(super) format: u8,
}

impl Place {
    /// The order of events: by time, then by text, so that which files they stand in tells nothing.
    fn before(&self, text: &[u8], other: &Self, others: &[u8]) -> Ordering {
        let by_text = self.time.cmp(&other.time).then_with(|| text.cmp(others));
        by_text.then_with(|| (self.file, self.index).cmp(&(other.file, other.index)))
    }
}

/// Takes events in any order.
pub(super) struct Sorter {
    place: PathBuf,
    /// How many bytes memory may hold.
    bound: usize,
    held: Held,
    spill: Option<Spill>,
    runs: Vec<Run>,
}

/// Gives them in order.
pub(super) enum Sorted {
    /// Memory held all.
    Memory { held: Held, next: usize },
    /// Runs that are merged.
    Disk {
        spill: Spill,
        merge: Merge,
        /// How many were spilled.
        runs: usize,
    },
}

/// Events in memory.
#[derive(Default)]
pub(super) struct Held {
    texts: Vec<u8>,
    events: Vec<(Place, Range<usize>)>,
}

impl Held {
    /// What an event takes beside its text.
    const EACH: usize = size_of::<(Place, Range<usize>)>();

    fn bytes(&self) -> usize {
        self.texts.len() + self.events.len() * Self::EACH
    }

    fn push(&mut self, place: Place, text: &[u8]) {
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        self.events.push((place, start..self.texts.len()));
    }

    fn sort(&mut self) {
        let texts = &self.texts;
        let text = |range: &Range<usize>| texts.get(range.clone()).unwrap_or_default();
        self.events
            .sort_unstable_by(|(one, its), (other, others)| one.before(text(its), other, text(others)));
    }

    fn get(&self, at: usize) -> Option<(Place, &[u8])> {
        let (place, range) = self.events.get(at)?;
        Some((*place, self.texts.get(range.clone()).unwrap_or_default()))
    }
}

impl Sorter {
    /// One that holds so many bytes in memory, and has the rest in this directory.
    pub(super) fn new(place: &Path, bound: usize) -> Self {
        Self { place: place.to_owned(), bound, held: Held::default(), spill: None, runs: Vec::new() }
    }

    /// Takes an event.
    pub(super) fn push(&mut self, place: Place, text: &str) -> Result<(), Failure> {
        if self.held.bytes() + Held::EACH + text.len() > self.bound && !self.held.events.is_empty() {
            self.spill()?;
        }
        self.held.push(place, text.as_bytes());
        Ok(())
    }

    fn spill(&mut self) -> Result<(), Failure> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(Spill::new(&self.place)?),
        };
        self.held.sort();
        let mut run = Writer::begin(spill);
        for at in 0.. {
            let Some((place, text)) = self.held.get(at) else { break };
            run.push(place, text)?;
        }
        self.runs.push(run.end()?);
        self.held.texts.clear();
        self.held.events.clear();
        Ok(())
    }

    /// All that were taken, in order.
    pub(super) fn finish(mut self) -> Result<Sorted, Failure> {
        if self.spill.is_some() {
            self.spill()?;
        }
        let Self { spill: Some(spill), mut runs, .. } = self else {
            self.held.sort();
            return Ok(Sorted::Memory { held: self.held, next: 0 });
        };
        let count = runs.len();
        while runs.len() > FAN {
            let rest = runs.split_off(FAN);
            let mut merge = Merge::of(&spill, &runs)?;
            let mut run = Writer::begin(&spill);
            while let Some((place, text)) = merge.next(&spill)? {
                run.push(place, text)?;
            }
            runs = rest;
            runs.push(run.end()?);
        }
        let merge = Merge::of(&spill, &runs)?;
        Ok(Sorted::Disk { spill, merge, runs: count })
    }
}

impl Sorted {
    /// The next event and its redacted text; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Place, &[u8])>, Failure> {
        match self {
            Self::Memory { held, next } => {
                *next += 1;
                Ok(held.get(*next - 1))
            }
            Self::Disk { spill, merge, .. } => merge.next(spill),
        }
    }

    /// How many runs were spilled, and how many bytes they took; none where memory held all.
    pub(super) fn spilled(&self) -> Option<(usize, u64)> {
        match self {
            Self::Memory { .. } => None,
            Self::Disk { spill, runs, .. } => Some((*runs, spill.end.get())),
        }
    }
}

/// The file that runs stand in, one behind the other.
pub(super) struct Spill {
    file: File,
    end: Cell<u64>,
    /// Where it stands, for messages.
    place: PathBuf,
}

/// Where a run stands in the file.
#[derive(Debug, Clone, Copy)]
struct Run {
    at: u64,
    end: u64,
}

impl Spill {
    fn new(place: &Path) -> Result<Self, Failure> {
        // Without a name from the beginning, and open to nobody else.
        let file = tempfile::tempfile_in(place).map_err(|error| Failure::file(place, &error))?;
        Ok(Self { file, end: Cell::new(0), place: place.to_owned() })
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::io(&format!("sorting in {}", self.place.display()), error)
    }

    /// Appends a block, and empties it.
    fn append(&self, block: &mut Vec<u8>) -> Result<(), Failure> {
        if block.is_empty() {
            return Ok(());
        }
        let packed = zstd::bulk::compress(block, LEVEL).map_err(|error| self.failed(&error))?;
        let mut bytes = Vec::with_capacity(LENGTHS + packed.len());
        for length in [block.len(), packed.len()] {
            let length = u32::try_from(length).map_err(|_| Failure::ours("a block of 4 GiB"))?;
            bytes.extend(length.to_le_bytes());
        }
        bytes.extend(packed);
        self.file.write_all_at(&bytes, self.end.get()).map_err(|error| self.failed(&error))?;
        self.end.set(self.end.get() + bytes.len() as u64);
        block.clear();
        Ok(())
    }

    /// The block at a place, and where the next stands.
    fn read(&self, at: u64) -> Result<(Vec<u8>, u64), Failure> {
        let mut lengths = [0; LENGTHS];
        self.file.read_exact_at(&mut lengths, at).map_err(|error| self.failed(&error))?;
        let [plain, packed] = [0, 4].map(|from| number::<4>(&lengths, from).map(u32::from_le_bytes));
        let (Some(plain), Some(packed)) = (plain, packed) else {
            return Err(Failure::ours("a block's lengths"));
        };
        let mut bytes = vec![0; packed as usize];
        self.file.read_exact_at(&mut bytes, at + LENGTHS as u64).map_err(|error| self.failed(&error))?;
        let block = zstd::bulk::decompress(&bytes, plain as usize).map_err(|error| self.failed(&error))?;
        Ok((block, at + LENGTHS as u64 + u64::from(packed)))
    }
}

/// A run that is being written.
struct Writer<'s> {
    spill: &'s Spill,
    at: u64,
    block: Vec<u8>,
}

impl<'s> Writer<'s> {
    fn begin(spill: &'s Spill) -> Self {
        Self { spill, at: spill.end.get(), block: Vec::new() }
    }

    fn push(&mut self, place: Place, text: &[u8]) -> Result<(), Failure> {
        let length = u32::try_from(text.len()).map_err(|_| Failure::ours("an event of 4 GiB"))?;
        self.block.extend(place.time.micros().to_le_bytes());
        self.block.extend(place.file.to_le_bytes());
        self.block.extend(place.index.to_le_bytes());
        self.block.push(place.format);
        self.block.extend(length.to_le_bytes());
        self.block.extend(text);
        if self.block.len() >= BLOCK { self.spill.append(&mut self.block) } else { Ok(()) }
    }

    fn end(mut self) -> Result<Run, Failure> {
        self.spill.append(&mut self.block)?;
        Ok(Run { at: self.at, end: self.spill.end.get() })
    }
}

/// A run that is being read.
struct Reader {
    run: Run,
    block: Vec<u8>,
    /// Where the next event stands in the block.
    at: usize,
    /// The event that is next, and where its text stands.
    head: Option<(Place, Range<usize>)>,
}

impl Reader {
    fn begin(spill: &Spill, run: Run) -> Result<Self, Failure> {
        let mut reader = Self { run, block: Vec::new(), at: 0, head: None };
        reader.advance(spill)?;
        Ok(reader)
    }

    fn advance(&mut self, spill: &Spill) -> Result<(), Failure> {
        self.head = None;
        if self.at == self.block.len() {
            if self.run.at == self.run.end {
                return Ok(());
            }
            (self.block, self.run.at) = spill.read(self.run.at)?;
            self.at = 0;
        }
        let head = self.decode().ok_or_else(|| Failure::ours("a block of events is cut"))?;
        self.at = head.1.end;
        self.head = Some(head);
        Ok(())
    }

    fn decode(&self) -> Option<(Place, Range<usize>)> {
        let head = self.block.get(self.at..self.at + HEAD)?;
        let place = Place {
            time: Timestamp::from_micros(i64::from_le_bytes(number(head, 0)?)),
            file: u32::from_le_bytes(number(head, 8)?),
            index: u64::from_le_bytes(number(head, 12)?),
            format: *head.get(20)?,
        };
        let start = self.at + HEAD;
        let end = start.checked_add(u32::from_le_bytes(number(head, 21)?) as usize)?;
        (end <= self.block.len()).then_some((place, start..end))
    }

    fn head(&self) -> Option<(Place, &[u8])> {
        let (place, range) = self.head.as_ref()?;
        Some((*place, self.block.get(range.clone())?))
    }
}

fn number<const N: usize>(bytes: &[u8], from: usize) -> Option<[u8; N]> {
    bytes.get(from..)?.first_chunk().copied()
}

/// Runs that are read together, in order.
pub(super) struct Merge {
    readers: Vec<Reader>,
    /// Which one gave the last event.
    last: Option<usize>,
}

impl Merge {
    fn of(spill: &Spill, runs: &[Run]) -> Result<Self, Failure> {
        let readers: Result<Vec<_>, _> = runs.iter().map(|run| Reader::begin(spill, *run)).collect();
        Ok(Self { readers: readers?, last: None })
    }

    fn next(&mut self, spill: &Spill) -> Result<Option<(Place, &[u8])>, Failure> {
        if let Some(reader) = self.last.take().and_then(|last| self.readers.get_mut(last)) {
            reader.advance(spill)?;
        }
        let heads = self.readers.iter().enumerate().filter_map(|(at, reader)| Some((at, reader.head()?)));
        let first = heads.min_by(|(_, (one, its)), (_, (other, others))| one.before(its, other, others));
        self.last = first.map(|(at, _)| at);
        Ok(first.map(|(_, event)| event))
    }
}

#[cfg(test)]
mod tests {
    use super::{FAN, Place, Sorter};
    use base::Timestamp;
    use std::fs;

    /// Events with many equal times and equal texts, in an order that only the seed tells.
    fn events(count: u64, mut seed: u64) -> Vec<(Place, String)> {
        let mut next = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut made: Vec<_> = (0..count)
            .map(|index| {
                let time = Timestamp::from_millis(i64::try_from(next(50)).expect("small") - 25);
                let file = u32::try_from(next(3)).expect("small");
                let length = usize::try_from(next(300)).expect("small");
                (Place { time, file, index, format: 7 }, format!("{}{}", next(4), "x".repeat(length)))
            })
            .collect();
        for at in (1..made.len()).rev() {
            made.swap(at, usize::try_from(next(at as u64 + 1)).expect("small"));
        }
        made
    }

    /// What comes out of a sorter that holds so many bytes, and how many runs it spilled.
    fn sorted(events: &[(Place, String)], bound: usize) -> (Vec<(Place, String)>, usize) {
        let dir = tempfile::tempdir().expect("a directory");
        let mut sorter = Sorter::new(dir.path(), bound);
        for (place, text) in events {
            sorter.push(*place, text).expect("there is room");
            assert!(sorter.held.bytes() <= bound.max(1_000), "no more is held than may be");
        }
        let mut sorted = sorter.finish().expect("it is sorted");
        let mut found = Vec::new();
        while let Some((place, text)) = sorted.next().expect("it is there") {
            found.push((place, String::from_utf8(text.to_vec()).expect("text")));
            assert_eq!(
                fs::read_dir(dir.path()).expect("it is there").count(),
                0,
                "what is spilled has no name"
            );
        }
        assert_eq!(sorted.next().expect("it has ended"), None);
        (found, sorted.spilled().map_or(0, |(runs, _)| runs))
    }

    #[test]
    fn events_come_in_their_order_however_little_memory_holds() {
        let given = events(5_000, 1);
        let mut expected = given.clone();
        expected.sort_by(|(one, its), (other, others)| {
            (one.time, its, one.file, one.index).cmp(&(other.time, others, other.file, other.index))
        });
        for (bound, least, most) in [
            (usize::MAX, 0, 0),
            (500_000, 2, 10),
            (20_000, 10, FAN),
            (2_000, 2 * FAN, 5_000),
            (0, 5_000, 5_000),
        ] {
            let (found, runs) = sorted(&given, bound);
            assert!(found == expected, "held in {bound} bytes");
            assert!((least..=most).contains(&runs), "{runs} runs of {bound} bytes");
        }
        let mut others = given.clone();
        others.reverse();
        assert!(sorted(&others, 2_000).0 == expected, "whatever the order in which they came");
        assert_eq!(sorted(&[], 0), (Vec::new(), 0));
    }

    #[test]
    fn where_nothing_can_be_spilled_it_says_where() {
        let mut sorter = Sorter::new("/nowhere/at/all".as_ref(), 100);
        let given = events(2, 1);
        sorter.push(given[0].0, &given[0].1).expect("memory holds one");
        let failure = sorter.push(given[1].0, &given[1].1).expect_err("there is no such directory");
        assert!(failure.to_string().contains("/nowhere/at/all"), "{failure}");
    }
}
