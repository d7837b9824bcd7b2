//! The work on a file, on all processors: cut into jobs, done at the same time, joined in their order.
//!
//! A few jobs are under way at any time, so memory is that of a few pieces however long the file is, and whoever
//! pushes waits while they are. A job that needs the token vault asks it when its turn to be joined comes.

use crate::{Error, TokenVault, VaultField, compute};
use base::{Clock, Context, Secret};
use bytes::Bytes;
use fields::formats::{Done, Job, Outcome, Protect, Reveal, Waiting};
use policy::Permit;
use std::{collections::VecDeque, sync::Arc, thread};
use tokio::task::{JoinHandle, spawn_blocking};

/// The most bytes that one check of the permit covers.
const BATCH: usize = 256 << 10;

/// A file of any format, in either direction.
pub(crate) trait File: Send + 'static {
    fn cut(&mut self, bytes: &[u8]) -> Result<Vec<Job>, fields::Error>;
    fn cut_rest(&mut self) -> Result<Vec<Job>, fields::Error>;
    fn join(&mut self, done: Done, out: &mut Vec<u8>) -> Result<(), fields::Error>;
    fn rows(&self) -> u64;
    /// At most how many values of one field were protected.
    fn values(&self) -> u64;
}

impl File for Protect {
    fn cut(&mut self, bytes: &[u8]) -> Result<Vec<Job>, fields::Error> {
        self.cut(bytes)
    }

    fn cut_rest(&mut self) -> Result<Vec<Job>, fields::Error> {
        self.cut_rest()
    }

    fn join(&mut self, done: Done, out: &mut Vec<u8>) -> Result<(), fields::Error> {
        self.join(done, out)
    }

    fn rows(&self) -> u64 {
        self.rows()
    }

    fn values(&self) -> u64 {
        self.values()
    }
}

impl File for Reveal {
    fn cut(&mut self, bytes: &[u8]) -> Result<Vec<Job>, fields::Error> {
        self.cut(bytes)
    }

    fn cut_rest(&mut self) -> Result<Vec<Job>, fields::Error> {
        self.cut_rest()
    }

    fn join(&mut self, done: Done, out: &mut Vec<u8>) -> Result<(), fields::Error> {
        self.join(done, out)
    }

    fn rows(&self) -> u64 {
        self.rows()
    }

    /// Opening is no use that is counted.
    fn values(&self) -> u64 {
        0
    }
}

/// Whether a file gives tokens for values, or values for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    Tokens,
    Values,
}

/// What the jobs of a run are done under.
#[derive(Clone)]
pub(crate) struct Under {
    pub(crate) ctx: Context,
    pub(crate) permit: Permit,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vault: Arc<dyn TokenVault>,
    pub(crate) asks: Asks,
    /// The token fields and their keys.
    pub(crate) tokens: Vec<VaultField>,
}

type Running = JoinHandle<Result<Outcome, Error>>;

/// A file that is being worked on. After an error it has ended.
pub(crate) struct Engine<F> {
    under: Under,
    /// `None` once it has ended.
    file: Option<F>,
    running: VecDeque<Running>,
    /// How many jobs may be under way when a push returns. None in the first push, so that what is wrong with the
    /// beginning of a file is told at once.
    ahead: usize,
    rows: u64,
    values: u64,
}

impl<F: File> Engine<F> {
    pub(crate) fn new(file: F, under: Under) -> Self {
        Self { under, file: Some(file), running: VecDeque::new(), ahead: 0, rows: 0, values: 0 }
    }

    /// Rows that have come out.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) const fn values(&self) -> u64 {
        self.values
    }

    pub(crate) const fn over(&self) -> bool {
        self.file.is_none()
    }

    /// Takes the next bytes, and gives what is complete.
    pub(crate) async fn push(&mut self, mut bytes: Bytes) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(BATCH));
            self.settle(lanes(), &mut out).await?;
            self.turn(&mut out, move |file| file.cut(&piece)).await?;
        }
        let ahead = std::mem::replace(&mut self.ahead, lanes());
        self.settle(ahead, &mut out).await?;
        Ok(out)
    }

    /// After the last bytes: what is left, in parts, until there is no more.
    pub(crate) async fn more(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut out = Vec::new();
        loop {
            // The rest is cut only when all before it is joined; it comes in several jobs at a time.
            self.settle(0, &mut out).await?;
            if !out.is_empty() {
                return Ok(Some(out));
            }
            if self.turn(&mut out, F::cut_rest).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The file, once `more` has given all.
    pub(crate) fn take(&mut self) -> Result<F, Error> {
        self.file.take().ok_or(Error::Over)
    }

    /// Ends it before its time.
    pub(crate) fn end(&mut self) {
        self.file = None;
        self.running.clear();
    }

    /// Cuts further jobs and begins them; how many.
    async fn turn(
        &mut self,
        out: &mut Vec<u8>,
        cut: impl FnOnce(&mut F) -> Result<Vec<Job>, fields::Error> + Send + 'static,
    ) -> Result<usize, Error> {
        let mut file = self.take()?;
        let work = compute(move || {
            let jobs = cut(&mut file);
            Ok((file, jobs))
        });
        let (file, jobs) = work.await?;
        self.file = Some(file);
        let jobs = match jobs {
            Ok(jobs) => jobs,
            Err(error) => {
                // What is wrong with an earlier part of the file is told first.
                self.settle(0, out).await?;
                return Err(error.into());
            }
        };
        let count = jobs.len();
        for job in jobs {
            self.settle(lanes(), out).await?;
            self.begin(job);
        }
        Ok(count)
    }

    /// Begins a job: what the permit says then holds for this batch.
    fn begin(&mut self, job: Job) {
        let (permit, clock) = (self.under.permit.clone(), Arc::clone(&self.under.clock));
        self.running.push_back(spawn_blocking(move || {
            permit.check(clock.now())?;
            Ok(job.run())
        }));
    }

    /// Joins jobs in their order until at most `ahead` are under way.
    async fn settle(&mut self, ahead: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        while self.running.len() > ahead {
            let mut file = self.take()?;
            let Some(running) = self.running.pop_front() else { break };
            let done = match running.await.map_err(|_| Error::Worker)?? {
                Outcome::Done(done) => done,
                Outcome::Wants(waiting) => self.under.answer(waiting).await?,
            };
            let mut joined = std::mem::take(out);
            let work = compute(move || file.join(done, &mut joined).map(|()| (file, joined)));
            let (file, joined) = work.await?;
            *out = joined;
            (self.rows, self.values) = (file.rows(), file.values());
            self.file = Some(file);
        }
        Ok(())
    }
}

impl Under {
    /// Asks the vault for what a job waits for: one question for each of its fields.
    async fn answer(&self, waiting: Waiting) -> Result<Done, Error> {
        let mut answers = Vec::new();
        for wants in waiting.wants() {
            let path = wants.field().as_str();
            let field = self.tokens.iter().find(|field| field.field == path);
            let field = field.ok_or(Error::Damaged { what: "plan of a run" })?;
            answers.push(match self.asks {
                Asks::Tokens => {
                    let texts = wants.texts().iter();
                    let values: Vec<_> = texts.map(|text| Secret::new(text.as_bytes().to_vec())).collect();
                    let tokens = self.vault.tokens(&self.ctx, field, &values).await?;
                    tokens.into_iter().map(Some).collect()
                }
                Asks::Values => {
                    let values = self.vault.values(&self.ctx, field, wants.texts()).await?;
                    // Only text was given a token.
                    let text = |value: &Secret<Vec<u8>>| String::from_utf8(value.expose().clone()).ok();
                    values.iter().map(|value| value.as_ref().and_then(text)).collect()
                }
            });
        }
        compute(move || Ok(waiting.complete(answers))).await
    }
}

/// How many jobs are done at the same time: as many as there are processors.
fn lanes() -> usize {
    thread::available_parallelism().map_or(2, usize::from)
}
