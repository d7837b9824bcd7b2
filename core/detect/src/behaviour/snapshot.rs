//! Shard and epoch as bytes (`docs/formats/snapshot.md`), and back: every length is bounded and every number is one
//! that the models can go on with, whatever the bytes say.

use super::burst::{Means, WIDTHS};
use super::group::{Epoch, Group, MAX_ADOPTED, MAX_FRESH, MAX_GROUPS, Peers};
use super::hours::Hours;
use super::probation::{MAX_PROBATION, MAX_WAITING, Waiting};
use super::record::Record;
use super::signal::{GRADES, Signal};
use super::sketch::Sketch;
use super::slab::{MAX_IDENTITIES, MAX_PAGES, PAGE, Page};
use super::tail::{Counts, Own};
use super::trees::CELLS;
use super::watermark::MAX_SOURCES;
use crate::crowd::{self, Crowd};
use crate::sequence::{Chain, Chains, MAX_CHAINS, MAX_HANDED};
use crate::state::WrongSnapshot;
use base::{Id, digest};

const CHECKSUM: usize = 8;
/// No count in a state is greater.
const MOST: f32 = 1e12;

/// Bytes of an identity's record.
#[cfg(test)]
pub(crate) const RECORD: usize = 16 + 10 * 4 + 9 * 4 + 2 + 15 + 16 + 16 + 84 + 15 * 12 + 2 * (112 + 96 + 48);

/// Writes big-endian numbers.
pub(crate) struct Writer(Vec<u8>);

/// Reads them, and refuses what cannot be.
pub(crate) struct Reader<'b>(&'b [u8]);

pub(crate) type Read<T> = Result<T, WrongSnapshot>;

impl Writer {
    pub(crate) fn new(magic: &[u8; 8], version: u32) -> Self {
        let mut out = Self(magic.to_vec());
        out.put(&version.to_be_bytes());
        out
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u32(&mut self, number: u32) {
        self.put(&number.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, number: u64) {
        self.put(&number.to_be_bytes());
    }

    pub(crate) fn f32(&mut self, number: f32) {
        self.put(&number.to_bits().to_be_bytes());
    }

    pub(crate) fn length(&mut self, length: usize) {
        self.u32(u32::try_from(length).expect("state is bounded far below 2^32"));
    }

    fn floats<'a>(&mut self, numbers: impl IntoIterator<Item = &'a f32>) {
        numbers.into_iter().for_each(|number| self.f32(*number));
    }

    fn cells(&mut self, cells: &[u16]) {
        cells.iter().for_each(|cell| self.put(&cell.to_be_bytes()));
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let sum = digest::sha256(&self.0);
        self.put(&sum[..CHECKSUM]);
        self.0
    }
}

impl<'b> Reader<'b> {
    /// The body behind magic and version, once the checksum holds.
    pub(crate) fn open(bytes: &'b [u8], magic: &[u8; 8], version: u32) -> Read<Self> {
        let (body, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(WrongSnapshot::Damaged)?;
        let mut reader = Self(body);
        if reader.take::<8>()? != *magic {
            return Err(WrongSnapshot::NotOne);
        }
        if digest::sha256(body)[..CHECKSUM] != *sum {
            return Err(WrongSnapshot::Damaged);
        }
        let found = reader.u32()?;
        if found == version { Ok(reader) } else { Err(WrongSnapshot::Version { found, ours: version }) }
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(WrongSnapshot::Damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u32(&mut self) -> Read<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Read<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Read<i64> {
        self.take().map(i64::from_be_bytes)
    }

    /// A count: no less than zero, not infinite, not minus zero.
    pub(crate) fn f32(&mut self) -> Read<f32> {
        let number = f32::from_bits(self.u32()?);
        require(number.is_sign_positive() && number <= MOST)?;
        Ok(number)
    }

    pub(crate) fn length(&mut self, most: usize) -> Read<usize> {
        let length = self.u32()? as usize;
        require(length <= most)?;
        Ok(length)
    }

    fn floats(&mut self, count: usize) -> Read<Vec<f32>> {
        // Nothing is set aside for what the bytes only claim.
        require(self.0.len() / 4 >= count)?;
        (0..count).map(|_| self.f32()).collect()
    }

    fn cells(&mut self, cells: &mut [u16]) -> Read<()> {
        for cell in cells {
            *cell = self.take().map(u16::from_be_bytes)?;
            // A tag is never empty where its cell is not.
            require(*cell == 0 || *cell >= 8)?;
        }
        Ok(())
    }

    pub(crate) fn end(self) -> Read<()> {
        require(self.0.is_empty())
    }
}

pub(crate) fn require(holds: bool) -> Read<()> {
    if holds { Ok(()) } else { Err(WrongSnapshot::Damaged) }
}

/// Requires that what is read comes in strictly ascending order.
pub(crate) fn ascending<T: PartialOrd>(last: Option<&T>, next: &T) -> Read<()> {
    require(last.is_none_or(|last| last < next))
}

pub(crate) fn write_record(out: &mut Writer, record: &Record) {
    out.put(record.id.as_bytes());
    for number in [
        record.group,
        record.first,
        record.last,
        record.open,
        record.seen,
        record.previous,
        record.learned,
        record.frozen,
        record.told_at,
        record.window,
    ] {
        out.u32(number);
    }
    out.floats(&[
        record.minute,
        record.hour,
        record.day,
        record.fortnight,
        record.risk,
        record.news,
        record.counted,
        record.targets_mean,
        record.actions_mean,
    ]);
    out.put(&record.generation.to_be_bytes());
    out.put(&record.told);
    out.put(&record.targets_now.0);
    out.put(&record.actions_now.0);
    out.put(&record.hours.0);
    record.own.0.iter().for_each(|counts| out.put(counts));
    out.cells(&record.habits);
    out.cells(&record.pairs);
    out.cells(&record.targets);
}

pub(crate) fn read_record(reader: &mut Reader<'_>) -> Read<Record> {
    let mut record = Record::new(Id::from_bytes(reader.take()?), 0, 0);
    for number in [
        &mut record.group,
        &mut record.first,
        &mut record.last,
        &mut record.open,
        &mut record.seen,
        &mut record.previous,
        &mut record.learned,
        &mut record.frozen,
        &mut record.told_at,
        &mut record.window,
    ] {
        *number = reader.u32()?;
    }
    for number in [
        &mut record.minute,
        &mut record.hour,
        &mut record.day,
        &mut record.fortnight,
        &mut record.risk,
        &mut record.news,
        &mut record.counted,
        &mut record.targets_mean,
        &mut record.actions_mean,
    ] {
        *number = reader.f32()?;
    }
    record.generation = reader.take().map(u16::from_be_bytes)?;
    record.told = reader.take()?;
    require(record.told.iter().all(|told| usize::from(*told) <= GRADES))?;
    record.targets_now = Sketch(reader.take()?);
    record.actions_now = Sketch(reader.take()?);
    record.hours = Hours(reader.take()?);
    let mut own = Own::default();
    for counts in &mut own.0 {
        *counts = reader.take()?;
    }
    record.own = own;
    reader.cells(&mut record.habits)?;
    reader.cells(&mut record.pairs)?;
    reader.cells(&mut record.targets)?;
    require(record.first <= record.last)?;
    Ok(record)
}

pub(crate) fn write_pages(out: &mut Writer, pages: &[&Page]) {
    out.length(pages.len());
    for page in pages {
        out.put(page.owner.as_bytes());
        out.put(&page.generation.to_be_bytes());
        out.cells(&page.cells);
    }
}

pub(crate) fn read_pages(reader: &mut Reader<'_>) -> Read<Vec<Page>> {
    let mut pages: Vec<Page> = Vec::new();
    for _ in 0..reader.length(MAX_PAGES)? {
        let owner = Id::from_bytes(reader.take()?);
        let mut page = Page::new(owner, reader.take().map(u16::from_be_bytes)?);
        require(page.cells.len() == PAGE.iter().sum::<usize>())?;
        reader.cells(&mut page.cells)?;
        ascending(pages.last().map(|last| &last.owner), &owner)?;
        pages.push(page);
    }
    Ok(pages)
}

pub(crate) fn write_probation(out: &mut Writer, probation: &super::Probation) {
    out.length(probation.0.len());
    for ((id, hash), waiting) in &probation.0 {
        out.put(id.as_bytes());
        out.u64(*hash);
        out.u32(waiting.since);
        out.u32(waiting.group);
        out.u32(waiting.network);
        out.put(&[u8::from(waiting.habitual), u8::try_from(waiting.signal.place()).unwrap_or(0)]);
        out.u64(waiting.also);
    }
}

pub(crate) fn read_probation(reader: &mut Reader<'_>) -> Read<super::Probation> {
    let mut probation = super::Probation::default();
    for _ in 0..reader.length(MAX_PROBATION + 1)? {
        let key = (Id::from_bytes(reader.take()?), reader.u64()?);
        let (since, group, network) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let [habitual, signal] = reader.take()?;
        require(habitual < 2)?;
        let signal = Signal::ALL.get(usize::from(signal)).copied().filter(|signal| signal.asks_for_news());
        let signal = signal.ok_or(WrongSnapshot::Damaged)?;
        let waiting = Waiting { since, group, network, habitual: habitual == 1, signal, also: reader.u64()? };
        ascending(probation.0.last_key_value().map(|(last, _)| last), &key)?;
        probation.0.insert(key, waiting);
        require(probation.of(key.0).count() <= usize::from(MAX_WAITING))?;
    }
    Ok(probation)
}

fn write_counts(out: &mut Writer, counts: &[Counts; 2]) {
    counts.iter().for_each(|counts| out.floats(counts.0.iter().flatten()));
}

fn read_counts(reader: &mut Reader<'_>) -> Read<[Counts; 2]> {
    let mut all: [Counts; 2] = Default::default();
    for count in all.iter_mut().flat_map(|counts| counts.0.iter_mut().flatten()) {
        *count = reader.f32()?;
    }
    let falling = |counts: &[f32; GRADES]| counts.is_sorted_by(|one, next| one >= next);
    require(all.iter().flat_map(|counts| &counts.0).all(falling))?;
    Ok(all)
}

fn write_habits<'a>(out: &mut Writer, habits: impl ExactSizeIterator<Item = (&'a u64, &'a u32)>) {
    out.length(habits.len());
    for (hash, count) in habits {
        out.u64(*hash);
        out.u32(*count);
    }
}

fn read_habits(reader: &mut Reader<'_>, most: usize) -> Read<Vec<(u64, u32)>> {
    let mut habits: Vec<(u64, u32)> = Vec::new();
    for _ in 0..reader.length(most)? {
        let (hash, count) = (reader.u64()?, reader.u32()?);
        ascending(habits.last().map(|(last, _)| last), &hash)?;
        habits.push((hash, count));
    }
    Ok(habits)
}

fn write_visits(out: &mut Writer, visits: &[f32]) {
    out.length(visits.len());
    out.floats(visits);
}

fn read_visits(reader: &mut Reader<'_>) -> Read<Vec<f32>> {
    let length = reader.length(CELLS)?;
    require(length == 0 || length == CELLS)?;
    reader.floats(length)
}

pub(crate) fn write_groups(out: &mut Writer, groups: &std::collections::BTreeMap<u32, Group>) {
    out.length(groups.len());
    for (key, group) in groups {
        out.u32(*key);
        write_counts(out, &group.counts);
        write_counts(out, &group.fresh);
        write_habits(out, group.adopted.iter());
        write_visits(out, &group.visits);
    }
}

pub(crate) fn read_groups(reader: &mut Reader<'_>) -> Read<std::collections::BTreeMap<u32, Group>> {
    let mut groups = std::collections::BTreeMap::<u32, Group>::new();
    for _ in 0..reader.length(MAX_GROUPS + 1)? {
        let key = reader.u32()?;
        ascending(groups.last_key_value().map(|(last, _)| last), &key)?;
        let (counts, fresh) = (read_counts(reader)?, read_counts(reader)?);
        let adopted = read_habits(reader, MAX_FRESH)?.into_iter().collect();
        groups.insert(key, Group { counts, fresh, adopted, visits: read_visits(reader)? });
    }
    Ok(groups)
}

pub(crate) fn write_bursts(out: &mut Writer, bursts: &super::Bursts) {
    out.u32(bursts.tick);
    out.f32(bursts.ticks);
    out.length(bursts.edges.cells.len());
    for row in [&bursts.edges, &bursts.sources, &bursts.destinations, &bursts.records] {
        out.floats(row.cells.iter().map(|[now, _]| now).chain(row.cells.iter().map(|[_, past]| past)));
    }
}

pub(crate) fn read_bursts(reader: &mut Reader<'_>) -> Read<super::Bursts> {
    let mut bursts = super::Bursts { tick: reader.u32()?, ticks: reader.f32()?, ..super::Bursts::default() };
    let cells = read_columns(reader)?;
    require((cells == 0) == (bursts.tick == 0))?;
    for row in [&mut bursts.edges, &mut bursts.sources, &mut bursts.destinations, &mut bursts.records] {
        let (now, past) = (reader.floats(cells)?, reader.floats(cells)?);
        row.cells = now.into_iter().zip(past).map(<[f32; 2]>::from).collect();
    }
    Ok(bursts)
}

pub(crate) fn write_chains(out: &mut Writer, chains: &Chains) {
    for chains in [&chains.by_identity, &chains.handed] {
        out.length(chains.len());
        for (id, chain) in chains {
            out.put(id.as_bytes());
            chain.times.iter().flatten().for_each(|time| out.u32(*time));
            out.put(&chain.told);
            out.put(&[chain.inherited]);
            out.u32(chain.network);
            out.u32(chain.touched);
        }
    }
}

pub(crate) fn read_chains(reader: &mut Reader<'_>) -> Read<Chains> {
    let mut chains = Chains::default();
    let Chains { by_identity, handed } = &mut chains;
    for (chains, most) in [(by_identity, MAX_CHAINS), (handed, MAX_HANDED)] {
        for _ in 0..reader.length(most)? {
            let id = Id::from_bytes(reader.take()?);
            ascending(chains.last_key_value().map(|(last, _)| last), &id)?;
            let mut chain = Chain::default();
            for time in chain.times.iter_mut().flatten() {
                *time = reader.u32()?;
            }
            chain.told = reader.take()?;
            [chain.inherited] = reader.take()?;
            (chain.network, chain.touched) = (reader.u32()?, reader.u32()?);
            chains.insert(id, chain);
        }
    }
    Ok(chains)
}

pub(crate) fn write_crowd(out: &mut Writer, crowd: &Crowd) {
    out.u32(crowd.hour);
    out.u64(crowd.together);
    out.length(crowd.told.len());
    for (rule, finding) in &crowd.told {
        out.u64(*rule);
        out.u64(*finding);
    }
}

pub(crate) fn read_crowd(reader: &mut Reader<'_>) -> Read<Crowd> {
    let mut crowd = Crowd { hour: reader.u32()?, together: reader.u64()?, ..Crowd::default() };
    let mut of_rule = (0, 0);
    for _ in 0..reader.length(crowd::MAX_ALL)? {
        let one = (reader.u64()?, reader.u64()?);
        ascending(crowd.told.last(), &one)?;
        of_rule = if of_rule.0 == one.0 { (one.0, of_rule.1 + 1) } else { (one.0, 1) };
        require(of_rule.1 <= crowd::MAX_EACH)?;
        crowd.told.insert(one);
    }
    Ok(crowd)
}

/// Cells of a sketch: none, or two rows of a power of two within its bounds.
fn read_columns(reader: &mut Reader<'_>) -> Read<usize> {
    let [least, most] = WIDTHS;
    let cells = reader.length(2 * most)?;
    require(cells == 0 || (cells >= 2 * least && cells.is_power_of_two()))?;
    Ok(cells)
}

const EPOCH: &[u8; 8] = b"nxepoch\x01";

impl Epoch {
    /// The epoch as bytes (`docs/formats/snapshot.md`). The same epoch gives the same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new(EPOCH, crate::state::MODEL_VERSION);
        out.u64(self.number);
        out.u32(self.hour);
        out.u32(self.moment);
        out.length(self.peers.len());
        for peers in &self.peers {
            out.u32(peers.key);
            out.u32(peers.identities);
            write_counts(&mut out, &peers.counts);
            let pairs = |table: &[(u64, u32)]| table.to_vec();
            for table in [pairs(&peers.adopted), pairs(&peers.before)] {
                write_habits(&mut out, table.iter().map(|(hash, count)| (hash, count)));
            }
            out.length(peers.welcome.len());
            peers.welcome.iter().for_each(|hash| out.u64(*hash));
            write_visits(&mut out, &peers.visits);
        }
        out.length(self.means.destinations.len());
        out.floats(self.means.destinations.iter().chain(&self.means.records));
        out.finish()
    }

    /// The epoch from its bytes.
    ///
    /// # Errors
    /// [`WrongSnapshot`]: it must then be made again from the log.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WrongSnapshot> {
        let mut reader = Reader::open(bytes, EPOCH, crate::state::MODEL_VERSION)?;
        let (number, hour, moment) = (reader.u64()?, reader.u32()?, reader.u32()?);
        let mut epoch = Self { number, hour, moment, ..Self::default() };
        // Every shard has its own groups, and an epoch has those of all.
        for _ in 0..reader.length((MAX_GROUPS + 1) * crate::state::SHARDS)? {
            let key = reader.u32()?;
            ascending(epoch.peers.last().map(|last| &last.key), &key)?;
            let identities = reader.u32()?;
            let counts = read_counts(&mut reader)?;
            let adopted = read_habits(&mut reader, MAX_ADOPTED)?;
            let before = read_habits(&mut reader, MAX_ADOPTED)?;
            let mut welcome: Vec<u64> = Vec::new();
            for _ in 0..reader.length(MAX_PROBATION * crate::state::SHARDS)? {
                let hash = reader.u64()?;
                ascending(welcome.last(), &hash)?;
                welcome.push(hash);
            }
            let visits = read_visits(&mut reader)?;
            epoch.peers.push(Peers { key, identities, counts, adopted, before, welcome, visits });
        }
        let cells = read_columns(&mut reader)?;
        epoch.means = Means { destinations: reader.floats(cells)?, records: reader.floats(cells)? };
        reader.end()?;
        Ok(epoch)
    }
}

pub(crate) fn read_sources(reader: &mut Reader<'_>) -> Read<Vec<(u64, i64)>> {
    let mut sources: Vec<(u64, i64)> = Vec::new();
    for _ in 0..reader.length(MAX_SOURCES)? {
        let (source, mark) = (reader.u64()?, reader.i64()?);
        ascending(sources.last().map(|(last, _)| last), &source)?;
        sources.push((source, mark));
    }
    Ok(sources)
}

pub(crate) fn read_records(reader: &mut Reader<'_>) -> Read<Vec<Record>> {
    let mut records: Vec<Record> = Vec::new();
    for _ in 0..reader.length(MAX_IDENTITIES)? {
        let record = read_record(reader)?;
        ascending(records.last().map(|last| &last.id), &record.id)?;
        records.push(record);
    }
    Ok(records)
}
