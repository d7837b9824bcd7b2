//! What is looked at: a ledger's directory, one that a server serves, or a proof of one entry.

use super::book::read_checkpoint;
use super::signatures;
use crate::cli::Global;
use crate::connect::Surroundings;
use crate::failure::Failure;
use api::Client;
use api::client::Transport;
use base::Kind;
use node::LedgerDirectory;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use verify::{
    Checkpoint, Hands, Hash, Job, LedgerFiles, Origin, Pins, Problem, Report, Stack, TilePath, Unreadable,
    checkpoint, note, tiles,
};

/// How long a ledger that is written meanwhile is left alone, and how often.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSES: u32 = 20;
/// How many files are fetched from a server at once.
const CONNECTIONS: usize = 8;
/// How long a server may take for one file.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest log that is verified by its URL, in entries: some hundred megabytes of paths.
const LARGEST: u64 = 1 << 27;

/// What the platform's log records of a log: a size, and the root of that.
pub(super) type Record = (u64, Hash);

/// What a command is pointed at.
pub(super) enum Source {
    /// A log's directory.
    Directory(LedgerDirectory, PathBuf),
    /// A log below a prefix of a server.
    Served(Box<Served>),
    /// A file: a proof, or a checkpoint.
    File(PathBuf, Vec<u8>),
}

impl Source {
    /// Finds out what a text names, and opens it.
    ///
    /// # Errors
    /// Nothing there, an address that is none, a file that is too large.
    pub(super) fn open(what: &str, global: &Global, surroundings: &Surroundings) -> Result<Self, Failure> {
        if what.starts_with("https://") || what.starts_with("http://") {
            let served = Served::open(what, global, surroundings)?;
            // Of the platform's log only the head stands under that name; its files, under its own.
            let is_head = served.place.rsplit('/').next() == Some("platform");
            let whole = if is_head { served.platform(global, surroundings).ok().flatten() } else { None };
            // A copy may stand under that name whole, and nothing under the other.
            let whole =
                whole.filter(|whole| !matches!(whole.get(checkpoint::FILE, note::MAX_BYTES), Ok(None)));
            return Ok(Self::Served(Box::new(whole.unwrap_or(served))));
        }
        let path = Path::new(what);
        if path.is_file() {
            return Ok(Self::File(path.to_owned(), small_file(path)?));
        }
        Ok(Self::Directory(LedgerDirectory::open(path)?, path.to_owned()))
    }

    /// The files of a log.
    ///
    /// # Errors
    /// [`Kind::BadInput`] for what is a file.
    pub(super) fn log(&self) -> Result<&dyn LedgerFiles, Failure> {
        match self {
            Self::Directory(directory, _) => Ok(directory),
            Self::Served(served) => Ok(&**served),
            Self::File(path, _) => {
                let what = format!("{} is a file: expected a ledger's directory or its URL", path.display());
                Err(Failure::new(Kind::BadInput, what))
            }
        }
    }

    /// Where it is, as pins remember it; none for a file, which is mailed about.
    pub(super) fn place(&self) -> Option<String> {
        match self {
            Self::Directory(_, path) => {
                let whole = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                Some(whole.display().to_string())
            }
            Self::Served(served) => Some(served.place.clone()),
            Self::File(..) => None,
        }
    }

    /// What a check found: the failure of the server, where one stands behind it.
    pub(super) fn told(&self, found: impl Into<Failure>) -> Failure {
        match self {
            Self::Served(served) => locked(&served.failed).take().unwrap_or_else(|| found.into()),
            Self::Directory(..) | Self::File(..) => found.into(),
        }
    }

    /// Waits for a publication that may be running just now: a short while, twenty times at most, and not at all for a
    /// server, whose files stand before the checkpoint that is read.
    pub(super) fn pause(&self) -> impl FnMut() -> bool {
        let mut left = if matches!(self, Self::Directory(..)) { PAUSES } else { 0 };
        move || {
            if left > 0 {
                left -= 1;
                std::thread::park_timeout(PAUSE);
            }
            left > 0
        }
    }

    /// What the log claims to be.
    ///
    /// # Errors
    /// Nothing there that reads as a checkpoint.
    pub(super) fn claimed(&self) -> Result<Checkpoint, Failure> {
        let files = self.log()?;
        let claimed = || {
            let wrong = |problem: Problem| verify::Failure::new(checkpoint::FILE, problem);
            let signed =
                files.read(checkpoint::FILE, note::MAX_BYTES).map_err(|error| wrong(error.into()))?;
            let text = note::read(&signed).map_err(|error| wrong(error.into()))?.text;
            Checkpoint::read(text).ok_or_else(|| wrong(Problem::Checkpoint))
        };
        verify::settled(self.pause(), claimed).map_err(|failure| self.told(failure))
    }

    /// Verifies the whole log.
    ///
    /// # Errors
    /// What is wrong with it, or with what it is read from.
    pub(super) fn verify(&self, pins: &Pins) -> Result<Report, Failure> {
        let signatures = signatures();
        self.with(|files, hands| verify::directory_by(files, &signatures, pins, hands))
    }

    /// Verifies the whole log, a platform's, and takes out what it records of the log of this name: sizes and roots.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub(super) fn records(&self, pins: &Pins, origin: &str) -> Result<(Report, Vec<Record>), Failure> {
        let signatures = signatures();
        self.with(|files, hands| verify::records_by(files, &signatures, pins, origin, hands))
    }

    /// A check of the whole log, on as many threads as are of use.
    fn with<T>(
        &self,
        check: impl Fn(&(dyn LedgerFiles + Sync), &dyn Hands) -> Result<T, verify::Failure>,
    ) -> Result<T, Failure> {
        let checked = match self {
            Self::Directory(directory, _) => {
                let hands = Threads(std::thread::available_parallelism().map_or(1, usize::from));
                verify::settled(self.pause(), || check(directory, &hands))
            }
            // Threads wait for the server most of the time.
            Self::Served(served) => verify::settled(self.pause(), || check(&**served, &Threads(CONNECTIONS))),
            Self::File(..) => return self.log().map(|_| Err(Failure::ours("a file is no log")))?,
        };
        checked.map_err(|failure| self.told(failure))
    }
}

/// So many threads.
struct Threads(usize);

impl Hands for Threads {
    fn run(&self, jobs: Vec<Job<'_>>) {
        let count = self.0.min(jobs.len());
        let queue = Mutex::new(jobs.into_iter());
        let next = || locked(&queue).next();
        let work = || {
            while let Some(job) = next() {
                job();
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..count {
                // One that cannot be started is done without: this thread works too.
                drop(std::thread::Builder::new().name("verify".to_owned()).spawn_scoped(scope, work));
            }
            work();
        });
    }
}

/// The whole of a file that is no larger than a proof can be.
pub(super) fn small_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = verify::proof::MAX_BYTES;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| Failure::file(path, &error))?;
    let read = file.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file(path, &error))?;
    if bytes.len() > limit {
        let what = format!("{}: larger than any proof or checkpoint", path.display());
        return Err(Failure::new(Kind::BadInput, what));
    }
    Ok(bytes)
}

/// A log that a server serves below a prefix. The server is not believed: one file is held at a time, within the limit
/// that its kind has. The credential goes only where a file is refused without it, and then only where the user meant
/// it to: the environment's to the server that `--server` or the environment names, a `--token-file` to the URL that
/// stands beside it. A refusal is no reason to trust whoever refuses.
pub(super) struct Served {
    open: Client,
    signed_in: Option<Client>,
    /// Whether there is a credential, and it is not for this server.
    withheld: bool,
    asked_for: AtomicBool,
    prefix: String,
    place: String,
    runtime: Handle,
    failed: Mutex<Option<Failure>>,
    /// The checkpoint as it was when the log was listed: what is checked is one state of a log that goes on growing.
    head: Mutex<Option<Vec<u8>>>,
}

impl Served {
    fn open(url: &str, global: &Global, surroundings: &Surroundings) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::new(
                Kind::BadInput,
                format!("{url}: {why}; expected https://HOST[:PORT]/PREFIX of a log"),
            )
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("no address"))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.contains('@') {
            return Err(wrong("a credential does not stand in an address: NEXORA_TOKEN, or --token-file"));
        }
        if path.contains(['?', '#']) || path.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(wrong("it has more than a path"));
        }
        // Somebody may have copied the address of the checkpoint itself.
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix("checkpoint").map_or(path, |path| path.trim_end_matches('/'));
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        let transport = Transport::server(&format!("{scheme}://{host}"), &surroundings.trust(global)?)?;
        let open = Client::new(transport);
        let token = surroundings.token(global)?;
        let ours = surroundings.server(global).and_then(server_of);
        let meant = global.token_file.is_some() || (ours.is_some() && ours == server_of(url));
        Ok(Self {
            withheld: token.is_some() && !meant,
            signed_in: token.filter(|_| meant).map(|token| open.clone().with_token(token)),
            open,
            asked_for: AtomicBool::new(false),
            place: format!("{scheme}://{}{prefix}", host.to_ascii_lowercase()),
            prefix,
            runtime: Handle::current(),
            failed: Mutex::default(),
            head: Mutex::default(),
        })
    }

    /// A file of the log; `None` where the server has none.
    fn get(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Unreadable> {
        match self.runtime.block_on(self.fetch(path, limit)) {
            Ok(bytes) => Ok(bytes.map(|bytes| bytes.to_vec())),
            Err(failure) => {
                let said = failure.to_string();
                *locked(&self.failed) = Some(failure);
                Err(Unreadable(said))
            }
        }
    }

    /// A tile or a bundle. A partial one may have gone meanwhile, once the full one stood: then that one's beginning.
    fn tile(&self, path: TilePath) -> Result<Option<Vec<u8>>, Unreadable> {
        let got = self.get(&path.to_string(), path.max_bytes())?;
        let full = path.with_width(tiles::WIDTH).filter(|_| !path.is_full());
        let (None, Some(full)) = (&got, full) else { return Ok(got) };
        let Some(mut bytes) = self.get(&full.to_string(), full.max_bytes())? else { return Ok(None) };
        let width = usize::from(path.width());
        let length = match path.stack() {
            Stack::Level(_) => width * size_of::<Hash>(),
            Stack::Entries => tiles::entries(&bytes)
                .map(|entries| entries.iter().take(width).map(|entry| 2 + entry.len()).sum())
                .unwrap_or(bytes.len()),
        };
        bytes.truncate(length);
        Ok(Some(bytes))
    }

    /// The log of the node's platform, where this server names one beside the log: `…/platform/checkpoint` is its head,
    /// and the origin in that says where it stands. None where there is no such file.
    ///
    /// # Errors
    /// A server that does not show it.
    pub(super) fn platform(
        &self,
        global: &Global,
        surroundings: &Surroundings,
    ) -> Result<Option<Self>, Failure> {
        let Some((beside, _)) = self.place.rsplit_once('/').filter(|(beside, _)| !beside.ends_with('/'))
        else {
            return Ok(None);
        };
        let head = Self::open(&format!("{beside}/platform"), global, surroundings)?;
        let Ok(found) = head.get(checkpoint::FILE, note::MAX_BYTES) else {
            return Err(locked(&head.failed).take().unwrap_or_else(|| Failure::ours("nothing was fetched")));
        };
        let Some(found) = found else { return Ok(None) };
        let origin = read_checkpoint(&found).and_then(|head| head.origin.parse::<Origin>().ok());
        let wrong = || {
            Failure::new(Kind::CheckFailed, format!("{} has no checkpoint of a platform's log", head.place))
        };
        let Origin { organization, generation } = origin.ok_or_else(wrong)?;
        let name =
            if generation == 1 { organization.to_string() } else { format!("{organization}.{generation}") };
        Self::open(&format!("{beside}/{name}"), global, surroundings).map(Some)
    }

    fn not_handed_over(&self) -> Failure {
        let what = format!(
            "{} asks for a credential, and the one in NEXORA_TOKEN goes to nobody but the server that --server or \
             NEXORA_SERVER names: if this one may have it, name it there, or give --token-file FILE",
            self.place
        );
        Failure::new(Kind::NotSignedIn, what)
    }

    async fn fetch(&self, path: &str, limit: usize) -> Result<Option<bytes::Bytes>, Failure> {
        let path = format!("{}/{path}", self.prefix);
        let fetch = |client: Client| {
            let path = path.clone();
            async move {
                match tokio::time::timeout(PATIENCE, client.fetch(&path, limit)).await {
                    Ok(fetched) => fetched.map_err(Failure::from),
                    Err(_) => {
                        Err(Failure::new(Kind::Unavailable, format!("{path}: no answer within a minute")))
                    }
                }
            }
        };
        if !self.asked_for.load(Ordering::Relaxed) {
            match (fetch(self.open.clone()).await, &self.signed_in) {
                (Err(failure), Some(_)) if failure.kind() == Kind::NotSignedIn => {
                    self.asked_for.store(true, Ordering::Relaxed);
                }
                (Err(failure), None) if failure.kind() == Kind::NotSignedIn && self.withheld => {
                    return Err(self.not_handed_over());
                }
                (fetched, _) => return fetched,
            }
        }
        fetch(self.signed_in.clone().unwrap_or_else(|| self.open.clone())).await
    }
}

impl LedgerFiles for Served {
    /// What a log of the checkpoint's size needs; a server lists nothing. That size is the server's claim, so it is
    /// bounded.
    fn list(&self) -> Result<Vec<String>, Unreadable> {
        *locked(&self.head) = None;
        let signed = self.read(checkpoint::FILE, note::MAX_BYTES)?;
        let head = read_checkpoint(&signed).map_or(0, |head| head.size);
        if head > LARGEST {
            return Err(Unreadable(format!("a log of {head} entries is verified from a copy of its files")));
        }
        *locked(&self.head) = Some(signed);
        let needed = tiles::needed(head, 0).map(|path| path.to_string());
        Ok(std::iter::once(checkpoint::FILE.to_owned()).chain(needed).collect())
    }

    fn is_listed(&self) -> bool {
        false
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Unreadable> {
        let held = locked(&self.head).clone().filter(|_| path == checkpoint::FILE);
        let bytes = match (held, path.parse::<TilePath>()) {
            (Some(held), _) => Some(held),
            (None, Ok(tile)) => self.tile(tile)?,
            (None, Err(_)) => self.get(path, limit)?,
        };
        match bytes {
            Some(bytes) if bytes.len() <= limit => Ok(bytes),
            Some(_) => Err(Unreadable(format!("larger than {limit} bytes"))),
            None => Err(Unreadable("the server has no such file".to_owned())),
        }
    }
}

/// The scheme, host and port of an address, as they are compared; none of what is no address.
fn server_of(address: &str) -> Option<(String, String, u16)> {
    let (scheme, rest) = address.split_once("://")?;
    let (scheme, authority) = (scheme.to_ascii_lowercase(), rest.split(['/', '?', '#']).next()?);
    let usual = if scheme == "https" { 443 } else { 80 };
    // The last colon of a bare IPv6 address stands within its brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, usual),
    };
    Some((scheme, host.to_ascii_lowercase(), port))
}

fn locked<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
