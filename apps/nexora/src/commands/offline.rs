//! `protect --public-key`: without a server, on all processors.

use super::datasets::policy;
use super::place::{Sink, Source, Wrote, is_pipe};
use super::protect::Places;
use crate::cli::Protect;
use crate::failure::Failure;
use crate::output::Output;
use base::{Clock as _, Id, Kind, Secret};
use crypto::sign::SigningKey;
use fields::formats::{self, Job, Outcome, Scratch, Spool};
use fields::{DatasetKey, Protector, Run};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::available_parallelism;
use tokio::task::{JoinHandle, spawn_blocking};

/// `protect --public-key`: without a server, under a dataset's public key; a node that does so cannot reveal.
pub(crate) async fn protect(output: Output, protect: &Protect) -> Result<ExitCode, Failure> {
    let (Some(public), Some(signing)) = (&protect.public_key, &protect.signing_key) else {
        return Err(Failure::ours("offline without keys"));
    };
    let text = fs::read(public).map_err(|error| Failure::file(public, &error))?;
    let to: DatasetKey = serde_json::from_slice(&text)
        .map_err(|error| Failure::new(Kind::BadInput, format!("{}: {error}", public.display())))?;
    let provider = crypto::aws_lc();
    let jwk = Secret::new(fs::read_to_string(signing).map_err(|error| Failure::file(signing, &error))?);
    let key = SigningKey::from_jwk(&*provider, &jwk)?;
    let Some(policy) = policy(&protect.policy)? else {
        let what = "which fields? offline nobody knows the dataset's policy: say --fields or --policy";
        return Err(Failure::new(Kind::BadInput, what));
    };
    policy.offline()?;
    let mut source = Source::open(&protect.file, "protecting").await?;
    let format = source.format(protect.form.format.map(|format| format.code()), protect.form.delimiter)?;
    let Places { out, manifest, replaces } = Places::of(protect, format)?;
    let spool = match format.spooled() {
        true => Some(Spool::new(&*provider, Box::new(Temporary::beside(&out)?))),
        false => None,
    };
    let created = node::MachineClock.now();
    let run = Run { id: Id::fresh(created, crypto::random(&*provider)), created };
    let protector = Protector::new(provider, to, run, policy)?;
    let mut lanes = Lanes::of(formats::Protect::new(format, protector, spool)?);

    let (mut data, mut signed) =
        (Sink::open(&out, output, replaces)?, Sink::open(&manifest, output, replaces)?);
    let mut protected = Vec::new();
    while let Some(piece) = source.piece().await? {
        lanes.push(&piece, &mut protected).await?;
        data.write(&protected)?;
        protected.clear();
    }
    while lanes.more(&mut protected).await? {
        data.write(&protected)?;
        protected.clear();
    }
    let described = lanes.file.finish(&mut protected)?;
    data.write(&protected)?;
    signed.write(&described.sign(&key).to_file())?;
    source.bar().finish_and_clear();
    Wrote::finish(data, Some(signed), output)?;
    Ok(ExitCode::SUCCESS)
}

/// The file in which a spool keeps what it sealed. It has no name: it goes with the process, however that ends.
struct Temporary {
    file: File,
}

impl Temporary {
    /// One in the directory of the output, where there is room for it; in the system's for a pipe.
    fn beside(out: &Path) -> Result<Self, Failure> {
        let place = match out.parent().filter(|_| !is_pipe(out)) {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => PathBuf::from("/tmp"),
        };
        let file = tempfile::tempfile_in(&place).map_err(|error| Failure::file(&place, &error))?;
        Ok(Self { file })
    }
}

impl Scratch for Temporary {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }
}

/// A file that is worked on by as many threads as there are processors: cut into jobs, and joined in their order. A few
/// are under way at any time, so memory is that of a few pieces however long the file is.
struct Lanes {
    file: formats::Protect,
    running: VecDeque<JoinHandle<Outcome>>,
    lanes: usize,
}

impl Lanes {
    fn of(file: formats::Protect) -> Self {
        let lanes = available_parallelism().map_or(1, usize::from);
        Self { file, running: VecDeque::new(), lanes }
    }

    /// Takes the next bytes, and appends what is complete.
    async fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let jobs = self.file.cut(bytes);
        self.begin(jobs, out).await.map(drop)
    }

    /// After the last bytes: appends the next part of what is left. `false` once there is no more.
    async fn more(&mut self, out: &mut Vec<u8>) -> Result<bool, Failure> {
        // The rest is cut only when all before it is joined.
        self.settle(0, out).await?;
        let jobs = self.file.cut_rest();
        let begun = self.begin(jobs, out).await?;
        self.settle(0, out).await?;
        Ok(begun > 0)
    }

    async fn begin(
        &mut self,
        jobs: Result<Vec<Job>, fields::Error>,
        out: &mut Vec<u8>,
    ) -> Result<usize, Failure> {
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
            self.settle(self.lanes - 1, out).await?;
            self.running.push_back(spawn_blocking(move || job.run()));
        }
        Ok(count)
    }

    /// Joins jobs in their order until at most `ahead` are under way.
    async fn settle(&mut self, ahead: usize, out: &mut Vec<u8>) -> Result<(), Failure> {
        while self.running.len() > ahead {
            let Some(running) = self.running.pop_front() else { break };
            let outcome = running.await.map_err(|_| Failure::ours("a part of the file was not worked on"))?;
            match outcome {
                Outcome::Done(done) => self.file.join(done, out)?,
                // The policy was found to need no vault.
                Outcome::Wants(_) => return Err(Failure::ours("a token vault is asked where there is none")),
            }
        }
        Ok(())
    }
}
