//! Protecting a file of any format.

use super::{
    Format, Spool, parquet,
    source::Source,
    work::{Buffers, Direction, Done, Job, Kernel, Made, Outcome, Part, Plan},
};
use crate::{Error, Manifest, Mode, Output, Protector, manifest::sha256_text};
use crypto::digest::Sha256;
use std::sync::Arc;

/// A file that is being protected.
///
/// After an error nothing more can be pushed, and what came out is of no use.
#[derive(Debug)]
pub struct Protect {
    format: Format,
    protector: Protector,
    plan: Arc<Plan>,
    source: Source,
    /// The workers of jobs that were joined.
    idle: Vec<Kernel>,
    buffers: Buffers,
    hash: Sha256,
    bytes: u64,
    rows: u64,
    values: u64,
    /// The fields of which a value was seen.
    seen: Vec<bool>,
    ended: bool,
}

impl Protect {
    /// Begins a file. A format that is [`Format::spooled`] needs an empty spool; others leave it unused.
    ///
    /// # Errors
    /// [`Error::Spool`] where one is missing; [`Error::Mode`] for a mode that the format does not have.
    pub fn new(format: Format, mut protector: Protector, spool: Option<Spool>) -> Result<Self, Error> {
        let plan = Plan::new(Direction::Protect, protector.policy());
        let whole = match format {
            Format::Parquet => parquet::whole_keys(&protector)?,
            _ if protector.policy().fields().iter().any(|field| field.mode == Mode::ParquetAead) => {
                return Err(Error::Mode { mode: "parquet-aead", why: "no other format than Parquet has it" });
            }
            _ => None,
        };
        let source = Source::new(format, &plan, spool, whole)?;
        source.state_types(&mut protector)?;
        let seen = vec![false; plan.fields.len()];
        Ok(Self {
            format,
            protector,
            plan: Arc::new(plan),
            source,
            idle: Vec::new(),
            buffers: Buffers::default(),
            hash: Sha256::new(),
            bytes: 0,
            rows: 0,
            values: 0,
            seen,
            ended: false,
        })
    }

    /// Rows protected so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// At most how many values of any one field were protected so far; repeated fields have several in a row.
    #[must_use]
    pub const fn values(&self) -> u64 {
        self.values
    }

    /// Takes the next bytes of the file, and appends to `out` what is complete.
    ///
    /// # Errors
    /// What is wrong with the file, by place: [`Error::Csv`], [`Error::Json`], [`Error::Parquet`],
    /// [`Error::MissingColumn`], [`Error::Value`]; [`Error::Spool`]. [`Error::Mode`] where a token vault must be
    /// asked: that takes [`cut`](Self::cut).
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let jobs = self.cut(bytes)?;
        self.run(jobs, out)
    }

    /// After the last bytes: appends the next part of what is left. To be called until it says `false`; the
    /// first call ends the input.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn more(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        let jobs = self.cut_rest()?;
        let more = !jobs.is_empty();
        self.run(jobs, out)?;
        Ok(more)
    }

    /// Ends the file: appends what is left and gives the manifest to sign.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<Manifest, Error> {
        while self.more(out)? {}
        if let Some(field) = self.seen.iter().position(|seen| !seen).filter(|_| self.rows > 0) {
            // A name that nothing has is more often mistyped than absent, and what it was to hide has gone out.
            let columns = "other ones: no record has it".to_owned();
            return Err(Error::MissingColumn { column: self.plan.fields[field].path.to_string(), columns });
        }
        let Self { format, rows, bytes, .. } = self;
        let sha256 = sha256_text(self.hash.finish());
        self.protector.add_rows(rows);
        Ok(self.protector.finish(match format {
            Format::Csv(dialect) => Output::Csv { delimiter: dialect.delimiter(), rows, bytes, sha256 },
            Format::Json => Output::Json { rows, bytes, sha256 },
            Format::Ndjson => Output::Ndjson { rows, bytes, sha256 },
            Format::Parquet => Output::Parquet { rows, bytes, sha256 },
        }))
    }

    /// As [`push`](Self::push), but leaves the work to the caller: to be run on any thread, and joined in order.
    /// As many data keys are made for each field as there are jobs at a time.
    ///
    /// # Errors
    /// What is wrong with the file where it is cut; the rest shows when a job is joined.
    pub fn cut(&mut self, bytes: &[u8]) -> Result<Vec<Job>, Error> {
        let parts = self.source.push(bytes, &self.plan)?;
        parts.into_iter().map(|part| self.job(part)).collect()
    }

    /// As [`more`](Self::more), but leaves the work to the caller. Nothing is left once it gives no job; all
    /// that it gave must be joined before it is asked again.
    ///
    /// # Errors
    /// As [`cut`](Self::cut).
    pub fn cut_rest(&mut self) -> Result<Vec<Job>, Error> {
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
        let made = self.join_behind(done, 0)?;
        self.buffers.append(made, out);
        Ok(())
    }

    /// Takes what a job did behind so many bytes, and gives those and its own.
    fn join_behind(&mut self, done: Done, behind: usize) -> Result<Vec<u8>, Error> {
        let Done { kernel, made } = done;
        self.idle.push(kernel);
        let Made { data, rows, fields, values } = made.map_err(|error| error.behind(self.rows))?;
        self.rows += rows;
        self.values += values;
        for field in fields {
            self.seen[field] = true;
        }
        let made = self.source.write(data)?;
        self.hash.update(&made[behind..]);
        self.bytes += (made.len() - behind) as u64;
        Ok(made)
    }

    fn job(&mut self, part: Part) -> Result<Job, Error> {
        Ok(Job { plan: self.plan.clone(), part, kernel: self.kernel()?, out: self.buffers.take() })
    }

    fn kernel(&mut self) -> Result<Kernel, Error> {
        match self.idle.pop() {
            Some(kernel) => Ok(kernel),
            None => Ok(Kernel::Protect(self.protector.worker()?)),
        }
    }

    fn run(&mut self, jobs: Vec<Job>, out: &mut Vec<u8>) -> Result<(), Error> {
        for job in jobs {
            let behind = out.len();
            match job.run_behind(std::mem::take(out)) {
                Outcome::Done(done) => *out = self.join_behind(done, behind)?,
                Outcome::Wants(_) => return Err(NO_VAULT),
            }
        }
        Ok(())
    }
}

pub(super) const NO_VAULT: Error =
    Error::Mode { mode: "token", why: "there is no token vault here: have a node do it" };
