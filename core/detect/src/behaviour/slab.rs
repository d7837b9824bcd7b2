//! Where records stand: in runs of a fixed length, found by an open index of four bytes an entry, with a pool of
//! larger pages for the few identities that do very many different things.

use super::filter;
use super::record::Record;
use base::{Id, noun};

/// Records of one run.
const RUN: usize = 64;
const NONE: u32 = u32::MAX;

/// How many identities a shard remembers. The least informative sixteenth goes when one more comes.
pub const MAX_IDENTITIES: usize = 16_384;
/// How many of them may have a page: two in a hundred.
pub(crate) const MAX_PAGES: usize = MAX_IDENTITIES / 50;

/// Cells of a page's filters: of habits, of what follows what, of things touched. Four KiB in all.
pub(crate) const PAGE: [usize; 3] = [512, 1_024, 512];

/// The page of a wide identity: larger filters, asked after its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page {
    pub(crate) owner: Id<noun::Identity>,
    pub(crate) generation: u16,
    pub(crate) cells: Box<[u16]>,
}

/// All records of a shard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slab {
    runs: Vec<Box<[Record]>>,
    used: usize,
    index: Vec<u32>,
    pub(crate) pages: Vec<Page>,
}

impl Page {
    pub(crate) fn new(owner: Id<noun::Identity>, generation: u16) -> Self {
        Self { owner, generation, cells: vec![0; PAGE.iter().sum()].into_boxed_slice() }
    }

    /// The filter of this kind, swept up to a generation.
    pub(crate) fn filter(&mut self, kind: usize, generation: u16) -> &mut [u16] {
        if generation > self.generation {
            let [habits, pairs, _] = PAGE;
            let (one, rest) = self.cells.split_at_mut(habits);
            let (two, three) = rest.split_at_mut(pairs);
            [one, two, three].into_iter().for_each(|cells| filter::sweep(cells, self.generation, generation));
            self.generation = generation;
        }
        let start: usize = PAGE.iter().take(kind).sum();
        let length = PAGE.get(kind).copied().unwrap_or(0);
        self.cells.get_mut(start..start + length).unwrap_or_default()
    }
}

impl Slab {
    pub(crate) const fn len(&self) -> usize {
        self.used
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Record> {
        self.runs.get(at / RUN)?.get(at % RUN)
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut Record> {
        self.runs.get_mut(at / RUN)?.get_mut(at % RUN)
    }

    /// A record and its page.
    pub(crate) fn both(&mut self, at: usize) -> Option<(&mut Record, Option<&mut Page>)> {
        let record = self.runs.get_mut(at / RUN)?.get_mut(at % RUN)?;
        let page = (record.page as usize).checked_sub(1).and_then(|number| self.pages.get_mut(number));
        Some((record, page))
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.runs.iter().flatten().take(self.used)
    }

    /// Where an identity's record stands.
    pub(crate) fn find(&self, id: Id<noun::Identity>) -> Option<usize> {
        if self.index.is_empty() {
            return None;
        }
        let mask = self.index.len() - 1;
        let mut at = start(id) & mask;
        while let Some(entry) = self.index.get(at).copied().filter(|entry| *entry != NONE) {
            let place = entry as usize;
            if self.get(place).is_some_and(|record| record.id == id) {
                return Some(place);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Adds a record of an identity that has none; where it stands.
    pub(crate) fn add(&mut self, record: Record) -> usize {
        if (self.used + 1) * 8 > self.index.len() * 7 {
            let size = (self.index.len() * 2).max(64);
            self.reindex(size);
        }
        let place = self.used;
        if place == self.runs.len() * RUN {
            self.runs.push(vec![Record::VACANT; RUN].into_boxed_slice());
        }
        if let Some(vacant) = self.get_mut(place) {
            *vacant = record;
        }
        self.used += 1;
        self.enter(record.id, place);
        place
    }

    /// Keeps the records that are to be kept, in their order.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Record) -> bool) {
        let mut to = 0;
        for from in 0..self.used {
            let Some(record) = self.get(from).copied().filter(&keep) else { continue };
            if let Some(place) = self.get_mut(to) {
                *place = record;
            }
            to += 1;
        }
        self.used = to;
        let size = self.index.len();
        self.reindex(size);
        let index: Vec<_> = self.pages.iter().map(|page| self.find(page.owner).is_some()).collect();
        let mut kept = index.into_iter();
        self.pages.retain(|_| kept.next().unwrap_or(false));
        // Pages moved up: their owners are told.
        for number in 0..self.pages.len() {
            let Some(place) = self.pages.get(number).and_then(|page| self.find(page.owner)) else { continue };
            if let Some(record) = self.get_mut(place) {
                record.page = u32::try_from(number + 1).unwrap_or(0);
            }
        }
    }

    /// Gives the record at a place a page, where there is one to give.
    pub(crate) fn give_page(&mut self, place: usize) -> bool {
        // Two in a hundred; but one of a few.
        let many = !self.pages.is_empty() && (self.pages.len() + 1) * 50 > self.used;
        if many || self.pages.len() >= MAX_PAGES {
            return false;
        }
        let number = u32::try_from(self.pages.len() + 1).unwrap_or(0);
        let Some(record) = self.get_mut(place).filter(|record| record.page == 0) else { return false };
        record.page = number;
        let page = Page::new(record.id, record.current_generation());
        self.pages.push(page);
        true
    }

    /// Bytes of records, index and pages.
    pub(crate) fn bytes(&self) -> usize {
        self.runs.len() * RUN * size_of::<Record>()
            + self.index.capacity() * size_of::<u32>()
            + self.pages.len() * (size_of::<Page>() + 2 * PAGE.iter().sum::<usize>())
    }

    fn reindex(&mut self, size: usize) {
        self.index = vec![NONE; size];
        for place in 0..self.used {
            if let Some(id) = self.get(place).map(|record| record.id) {
                self.enter(id, place);
            }
        }
    }

    fn enter(&mut self, id: Id<noun::Identity>, place: usize) {
        let mask = self.index.len() - 1;
        let mut at = start(id) & mask;
        while self.index.get(at).is_some_and(|entry| *entry != NONE) {
            at = (at + 1) & mask;
        }
        if let (Some(entry), Ok(place)) = (self.index.get_mut(at), u32::try_from(place)) {
            *entry = place;
        }
    }
}

/// Ids are hashes already; their first byte chose the shard.
fn start(id: Id<noun::Identity>) -> usize {
    let bytes = id.as_bytes();
    usize::try_from(u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{MAX_PAGES, Slab};
    use crate::behaviour::record::Record;
    use base::{Id, noun};

    fn id(number: u64) -> Id<noun::Identity> {
        Id::derived("test", &[&number.to_be_bytes()])
    }

    #[test]
    fn records_are_found_and_forgotten() {
        let mut slab = Slab::default();
        for number in 0..5_000 {
            let place = slab.add(Record::new(id(number), 0, u32::try_from(number).expect("small")));
            if number % 30 == 0 {
                slab.give_page(place);
            }
        }
        assert!(slab.pages.len() <= 100 && slab.pages.len() > 90, "{}", slab.pages.len());
        assert!((0..5_000).all(|number| slab.find(id(number)).is_some()));
        assert!(slab.find(id(9_999)).is_none());
        slab.retain(|record| record.first % 3 == 0);
        assert_eq!(slab.len(), 1_667);
        for number in 0..5_000 {
            let found = slab.find(id(number)).and_then(|place| slab.get(place));
            assert_eq!(found.map(|record| u64::from(record.first)), (number % 3 == 0).then_some(number));
        }
        for record in slab.records().filter(|record| record.page > 0) {
            assert_eq!(slab.pages[record.page as usize - 1].owner, record.id);
        }
    }

    #[test]
    fn a_shard_full_of_identities_takes_a_kib_each() {
        let mut slab = Slab::default();
        for number in 0..15_625 {
            let place = slab.add(Record::new(id(number), 0, 1));
            slab.give_page(place);
        }
        assert!(slab.pages.len() <= MAX_PAGES && slab.pages.len() * 100 >= slab.len());
        let each = slab.bytes() as f64 / slab.len() as f64;
        assert!(each <= 1_024.0, "{each} bytes");
    }
}
