//! `csv-protect`: a CSV file protected, beside the same file read and written unchanged with the `csv` crate.
//!
//! Three of twelve columns are sealed with AES-256-GCM. Both sides read a file and write one, on one thread, the `csv`
//! crate as it comes; then ours does the same work in jobs on two threads, and reveals it. Beside rows of 500
//! bytes stand rows of 150, where more of each row is sealed.

use crate::Failure;
use crate::machine::now;
use crate::report::{Report, quantile};
use base::{Id, Timestamp};
use crypto::{Suite, hpke::KeyPair};
use fields::{
    DatasetKey, FieldPolicy, Keyring, Manifest, Protector, Revealer, Run,
    formats::{Dialect, Done, Format, Job, Outcome, Protect, Reveal},
};
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes of a file.
const FILE: usize = if cfg!(debug_assertions) { 8 << 20 } else { 64 << 20 };
const ROUNDS: usize = if cfg!(debug_assertions) { 3 } else { 9 };
/// Bytes that are pushed at once, as a file is read.
const PUSH: usize = 256 << 10;
/// Jobs that may wait or run at a time.
const AHEAD: usize = 12;

/// Rates of one file, in MB (10⁶ bytes) of it a second.
struct Figures {
    copy: f64,
    one: f64,
    two: f64,
    reveal: f64,
    reveal_two: f64,
}

/// Runs it.
pub(crate) fn measure() -> Result<Report, Failure> {
    let long = rates(500)?;
    let short = rates(150)?;
    let all = |figures: &Figures| {
        format!(
            "{:.0} MB/s, csv crate {:.0}, ratio {:.2}; two threads {:.0} MB/s, {:.2} × one; reveal {:.0}, on two {:.0}",
            figures.one,
            figures.copy,
            figures.one / figures.copy,
            figures.two,
            figures.two / figures.one,
            figures.reveal,
            figures.reveal_two,
        )
    };
    Ok(Report {
        bench: "csv-protect",
        unit: "MB/s",
        ours: long.one,
        other: Some(("csv crate, read and written unchanged", long.copy)),
        mode: format!(
            "3 of 12 columns, AES-256-GCM, 500 B rows, {} MB from file to file in memory, one thread, medians of {ROUNDS} rounds",
            FILE / 1_000_000
        ),
        more: vec![("rows of 500 B", all(&long)), ("rows of 150 B", all(&short))],
    })
}

fn rates(row: usize) -> Result<Figures, Failure> {
    // In memory where the system has such a folder: else its write-back takes part of the second core.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
    let place = |name: &str| folder.path().join(name);
    let (plain, copied, sealed, revealed) =
        (place("plain"), place("copied"), place("sealed"), place("revealed"));
    let content = file(row);
    let size = content.len();
    std::fs::write(&plain, content)?;
    let bench = Bench::new();
    let mut times: [Vec<f64>; 5] = std::array::from_fn(|_| Vec::new());
    // One after the other in each round, so that a machine that changes its pace does so for all.
    for _ in 0..ROUNDS {
        times[0].push(timed(size, || copy(&plain, &copied))?);
        times[2].push(timed(size, || bench.protect(&plain, &sealed, true).map(drop))?);
        let mut manifest = None;
        times[1].push(timed(size, || {
            manifest = Some(bench.protect(&plain, &sealed, false)?);
            Ok(())
        })?);
        let manifest = manifest.ok_or("a run gives a manifest")?;
        times[3].push(timed(size, || bench.reveal(&sealed, &revealed, &manifest, false))?);
        times[4].push(timed(size, || bench.reveal(&sealed, &revealed, &manifest, true))?);
    }
    let [copy, one, two, reveal, reveal_two] = times.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        quantile(&rates, 0.5)
    });
    Ok(Figures { copy, one, two, reveal, reveal_two })
}

/// The rate of one run over so many bytes.
#[expect(clippy::cast_precision_loss, reason = "a few million bytes")]
fn timed(bytes: usize, run: impl FnOnce() -> Result<(), Failure>) -> Result<f64, Failure> {
    let begun = now();
    run()?;
    Ok(bytes as f64 / 1e6 / begun.elapsed().as_secs_f64())
}

/// Twelve columns: a number, a name, an e-mail address, a card, and filling.
fn file(row: usize) -> Vec<u8> {
    let mut file = b"id,name,email,card,city,note1,note2,note3,note4,note5,note6,amount\n".to_vec();
    let mut at = 0_u64;
    while file.len() < FILE {
        let begun = file.len();
        let head = format!(
            "{at},Person Number {at},person.{at}@example.com,{:016},Springfield,",
            at.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 10_000_000_000_000_000
        );
        file.extend_from_slice(head.as_bytes());
        let left = row.saturating_sub(file.len() - begun + 16).max(12);
        for _ in 0..6 {
            file.extend(std::iter::repeat_n(b"lorem ipsum dolor sit amet ", 20).flatten().take(left / 6 - 1));
            file.push(b',');
        }
        file.extend_from_slice(format!("{}.99\n", at % 100_000).as_bytes());
        at += 1;
    }
    file
}

fn copy(from: &PathBuf, to: &PathBuf) -> Result<(), Failure> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(from)?;
    let mut writer = csv::Writer::from_path(to)?;
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        writer.write_byte_record(&record)?;
    }
    Ok(writer.flush()?)
}

/// Reads a file piece by piece, into one buffer.
struct Pieces {
    file: File,
    piece: Vec<u8>,
}

impl Pieces {
    fn of(path: &Path) -> Result<Self, Failure> {
        Ok(Self { file: File::open(path)?, piece: Vec::with_capacity(PUSH) })
    }

    fn next(&mut self) -> Result<Option<&[u8]>, Failure> {
        self.piece.clear();
        (&mut self.file).take(u64::try_from(PUSH)?).read_to_end(&mut self.piece)?;
        Ok((!self.piece.is_empty()).then_some(&self.piece))
    }
}

struct Bench {
    provider: std::sync::Arc<dyn crypto::Provider>,
    pair: KeyPair,
    key: DatasetKey,
}

impl Bench {
    fn new() -> Self {
        let provider = crypto::aws_lc();
        let pair = KeyPair::generate(&*provider, Suite::Hybrid768);
        let key = DatasetKey {
            organization: Id::from_bytes([1; 16]),
            dataset: Id::from_bytes([2; 16]),
            name: "customers".to_owned(),
            key: Id::from_bytes([3; 16]),
            public: pair.public.clone(),
        };
        Self { provider, pair, key }
    }

    fn protect(&self, from: &Path, to: &Path, threads: bool) -> Result<Manifest, Failure> {
        let run = Run { id: Id::from_bytes([4; 16]), created: Timestamp::from_millis(0) };
        let policy = FieldPolicy::aead(["name", "email", "card"])?;
        let protector = Protector::new(self.provider.clone(), self.key.clone(), run, policy)?;
        let mut protect = Protect::new(Format::Csv(Dialect::default()), protector, None)?;
        let (mut pieces, mut to, mut out) = (Pieces::of(from)?, File::create(to)?, Vec::new());
        if threads {
            let cut = |protect: &mut Protect, piece: Option<&[u8]>| match piece {
                Some(piece) => protect.cut(piece),
                None => protect.cut_rest(),
            };
            on_two(&mut pieces, &mut protect, &mut to, cut, Protect::join)?;
        } else {
            while let Some(piece) = pieces.next()? {
                protect.push(piece, &mut out)?;
                to.write_all(&out)?;
                out.clear();
            }
        }
        let manifest = protect.finish(&mut out)?;
        to.write_all(&out)?;
        Ok(manifest)
    }

    fn reveal(&self, from: &Path, to: &Path, manifest: &Manifest, threads: bool) -> Result<(), Failure> {
        let mut ring = Keyring::new();
        for key in &manifest.keys {
            ring.data_key(&key.field, manifest.open_key(&*self.provider, &self.pair.private, key)?);
        }
        let revealer = Revealer::new(self.provider.clone(), manifest, manifest.policy.clone(), &ring)?;
        let mut reveal = Reveal::new(manifest, revealer, None)?;
        let (mut pieces, mut to, mut out) = (Pieces::of(from)?, File::create(to)?, Vec::new());
        if threads {
            let cut = |reveal: &mut Reveal, piece: Option<&[u8]>| match piece {
                Some(piece) => reveal.cut(piece),
                None => reveal.cut_rest(),
            };
            on_two(&mut pieces, &mut reveal, &mut to, cut, Reveal::join)?;
        } else {
            while let Some(piece) = pieces.next()? {
                reveal.push(piece, &mut out)?;
                to.write_all(&out)?;
                out.clear();
            }
        }
        reveal.finish(&mut out)?;
        Ok(to.write_all(&out)?)
    }
}

/// What two threads share: jobs by their number, what they did, and what is to be written.
#[derive(Default)]
struct Shared {
    jobs: VecDeque<(usize, Job)>,
    done: BTreeMap<usize, Done>,
    /// In order; bounded, for nothing is joined while too much of it waits.
    writes: VecDeque<Vec<u8>>,
    /// Buffers that were written, to be filled again.
    empty: Vec<Vec<u8>>,
    failed: Option<std::io::Error>,
    over: bool,
}

/// Runs a file through on this thread and one more. This one reads, cuts and joins, which is where the output is
/// hashed; the other writes; both take jobs while there is nothing else for them.
fn on_two<T>(
    pieces: &mut Pieces,
    work: &mut T,
    to: &mut File,
    cut: impl Fn(&mut T, Option<&[u8]>) -> Result<Vec<Job>, fields::Error>,
    join: impl Fn(&mut T, Done, &mut Vec<u8>) -> Result<(), fields::Error>,
) -> Result<(), Failure> {
    let (shared, changed) = (Mutex::new(Shared::default()), Condvar::new());
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut state = lock();
            loop {
                if let Some(bytes) = state.writes.pop_front() {
                    drop(state);
                    let written = to.write_all(&bytes);
                    state = lock();
                    if let Err(error) = written {
                        (state.failed, state.over) = (Some(error), true);
                    }
                    state.empty.push(bytes);
                } else if let Some((number, job)) = state.jobs.pop_front() {
                    drop(state);
                    let Outcome::Done(done) = job.run() else { return };
                    state = lock();
                    state.done.insert(number, done);
                } else if state.over {
                    return;
                } else {
                    state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                changed.notify_all();
            }
        });
        let mut through = || -> Result<(), Failure> {
            let (mut given, mut joined, mut ended) = (0, 0, false);
            while !ended || joined < given {
                let mut state = lock();
                if let Some(error) = state.failed.take() {
                    return Err(error.into());
                }
                if state.writes.len() < AHEAD
                    && let Some(done) = state.done.remove(&joined)
                {
                    let mut out = state.empty.pop().unwrap_or_default();
                    drop(state);
                    out.clear();
                    join(work, done, &mut out)?;
                    lock().writes.push_back(out);
                    changed.notify_all();
                    joined += 1;
                    continue;
                }
                drop(state);
                if !ended && given - joined < AHEAD {
                    let jobs = match pieces.next()? {
                        Some(piece) => cut(work, Some(piece))?,
                        // What is left may be asked for once all is joined.
                        None if joined < given => Vec::new(),
                        None => {
                            let rest = cut(work, None)?;
                            ended = rest.is_empty();
                            rest
                        }
                    };
                    let mut state = lock();
                    for job in jobs {
                        state.jobs.push_back((given, job));
                        given += 1;
                    }
                    drop(state);
                    changed.notify_all();
                    if joined == given {
                        continue;
                    }
                }
                let mut state = lock();
                if let Some((number, job)) = state.jobs.pop_front() {
                    drop(state);
                    let Outcome::Done(done) = job.run() else { return Err("a token is wanted".into()) };
                    lock().done.insert(number, done);
                } else if (!state.done.contains_key(&joined) || state.writes.len() >= AHEAD) && joined < given
                {
                    drop(changed.wait(state).unwrap_or_else(PoisonError::into_inner));
                }
            }
            Ok(())
        };
        let result = through();
        // The other thread writes what is left before it ends.
        lock().over = true;
        changed.notify_all();
        result
    })?;
    match shared.into_inner().unwrap_or_else(PoisonError::into_inner).failed {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}
