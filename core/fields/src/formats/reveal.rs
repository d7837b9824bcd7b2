//! Revealing a file of any format.

use super::{
    Spool,
    protect::NO_VAULT,
    source::Source,
    work::{Buffers, Direction, Done, Job, Kernel, Made, Outcome, Part, Plan},
};
use crate::{Error, Manifest, Mode, Output, Revealer, manifest::sha256_text};
use crypto::digest::Sha256;
use std::sync::Arc;

/// A protected file that is being revealed.
///
/// Every value is checked before it comes out. That the file as a whole is the one that its manifest describes
/// is known only at its end: the reveal has succeeded when [`finish`](Self::finish) has, and what came out
/// before an error must be discarded.
#[derive(Debug)]
pub struct Reveal {
    revealer: Revealer,
    plan: Arc<Plan>,
    source: Source,
    idle: Vec<Kernel>,
    buffers: Buffers,
    described: Output,
    hash: Sha256,
    bytes: u64,
    rows: u64,
    /// All bytes came, and were those that are described.
    whole: bool,
    ended: bool,
}

impl Reveal {
    /// Begins the file that this manifest describes. Its [`Output::format`] says whether it needs a spool.
    ///
    /// # Errors
    /// [`Error::Manifest`] where it describes none; [`Error::Spool`] where one is missing.
    pub fn new(manifest: &Manifest, revealer: Revealer, spool: Option<Spool>) -> Result<Self, Error> {
        let plan = Plan::new(Direction::Reveal, revealer.policy());
        if manifest.policy.fields().iter().any(|field| field.mode == Mode::ParquetAead) {
            let why =
                "its columns are read by a Parquet reader, with keys that `nexora keys release` gives it";
            return Err(Error::Mode { mode: "parquet-aead", why });
        }
        let source = Source::new(manifest.output.format()?, &plan, spool, None)?;
        Ok(Self {
            revealer,
            plan: Arc::new(plan),
            source,
            idle: Vec::new(),
            buffers: Buffers::default(),
            described: manifest.output.clone(),
            hash: Sha256::new(),
            bytes: 0,
            rows: 0,
            whole: false,
            ended: false,
        })
    }

    /// Rows revealed so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes the next bytes of the protected file, and appends to `out` what is complete. One push is one
    /// batch: who may be stopped in between checks before each.
    ///
    /// # Errors
    /// [`Error::Value`] for a value that was altered or moved; [`Error::NotAsDescribed`]; what is wrong with
    /// the file, as in [`Protect::push`](super::Protect::push).
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let jobs = self.cut(bytes)?;
        self.run(jobs, out)
    }

    /// After the last bytes: appends the next part of what is left. To be called until it says `false`; each
    /// call is one batch.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn more(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        let jobs = self.cut_rest()?;
        let more = !jobs.is_empty();
        self.run(jobs, out)?;
        Ok(more)
    }

    /// Ends the file: appends what is left and gives the number of rows revealed.
    ///
    /// # Errors
    /// [`Error::NotAsDescribed`] for a file that was cut, extended or altered; as [`push`](Self::push).
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<u64, Error> {
        while self.more(out)? {}
        // After the last value: one that does not open says where it stands, which this cannot.
        if sha256_text(self.hash.finish()) != self.described.sha256() {
            return Err(Error::NotAsDescribed("its bytes were altered".to_owned()));
        }
        let (rows, described) = (self.rows, self.described.rows());
        if rows != described {
            return Err(Error::NotAsDescribed(format!("it has {rows} rows of {described}")));
        }
        Ok(rows)
    }

    /// As [`push`](Self::push), but leaves the work to the caller: to be run on any thread, and joined in order.
    ///
    /// # Errors
    /// As [`push`](Self::push), for what shows where the file is cut.
    pub fn cut(&mut self, bytes: &[u8]) -> Result<Vec<Job>, Error> {
        let described = self.described.bytes();
        self.bytes += bytes.len() as u64;
        if self.bytes > described {
            return Err(Error::NotAsDescribed(format!("it has more than {described} bytes")));
        }
        self.hash.update(bytes);
        let parts = self.source.push(bytes, &self.plan)?;
        parts.into_iter().map(|part| self.job(part)).collect()
    }

    /// As [`more`](Self::more), but leaves the work to the caller. Nothing is left once it gives no job; all
    /// that it gave must be joined before it is asked again.
    ///
    /// # Errors
    /// [`Error::NotAsDescribed`] for a file that was cut, extended or altered; as [`cut`](Self::cut).
    pub fn cut_rest(&mut self) -> Result<Vec<Job>, Error> {
        if !self.whole {
            let bytes = self.described.bytes();
            if self.bytes != bytes {
                return Err(Error::NotAsDescribed(format!("it has {} bytes of {bytes}", self.bytes)));
            }
            self.whole = true;
        }
        if self.ended {
            return Ok(Vec::new());
        }
        let parts = self.source.rest(&self.plan)?;
        self.ended = parts.is_empty();
        parts.into_iter().map(|part| self.job(part)).collect()
    }

    /// Takes what a job did, in the order in which the jobs were given, and appends to `out` what is complete.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn join(&mut self, done: Done, out: &mut Vec<u8>) -> Result<(), Error> {
        let made = self.join_behind(done)?;
        self.buffers.append(made, out);
        Ok(())
    }

    /// Takes what a job did, and gives its bytes with those before them.
    fn join_behind(&mut self, done: Done) -> Result<Vec<u8>, Error> {
        let Done { kernel, made } = done;
        self.idle.push(kernel);
        let Made { data, rows, .. } = made.map_err(|error| error.behind(self.rows))?;
        self.rows += rows;
        self.source.write(data)
    }

    fn job(&mut self, part: Part) -> Result<Job, Error> {
        Ok(Job { plan: self.plan.clone(), part, kernel: self.kernel()?, out: self.buffers.take() })
    }

    fn kernel(&mut self) -> Result<Kernel, Error> {
        match self.idle.pop() {
            Some(kernel) => Ok(kernel),
            None => Ok(Kernel::Reveal(self.revealer.worker()?)),
        }
    }

    fn run(&mut self, jobs: Vec<Job>, out: &mut Vec<u8>) -> Result<(), Error> {
        for job in jobs {
            match job.run_behind(std::mem::take(out)) {
                Outcome::Done(done) => *out = self.join_behind(done)?,
                Outcome::Wants(_) => return Err(NO_VAULT),
            }
        }
        Ok(())
    }
}
