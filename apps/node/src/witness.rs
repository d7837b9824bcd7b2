//! A witness as a process of its own: a data directory, a key file, a list of logs, a listener.
//!
//! It shares nothing with a node but code: another directory, on another machine if it is to be worth anything. The
//! key file ([`audit::witness::WitnessKeys`]) is made at the first start, beside the memory of what was cosigned;
//! either of them alone is refused, for a witness that has forgotten could contradict itself.

use crate::runner::{background, chain};
use crate::{Directory, Error, MachineClock, config::WrongConfig, write_private};
use audit::Signatures;
use audit::witness::{SCHEMA, WitnessKeys, Witnessing};
use base::{Clock, Id, Kind, Secret};
use crypto::Provider;
use server::{Limits, Listener, Router, Server};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use verify::VerifierKey;
use verify::quorum::Policy;

static SCHEMAS: &[&store::Schema] = &[&SCHEMA];

/// The port that a witness listens on unless told otherwise.
pub const PORT: u16 = 7744;

/// The key file in a witness's data directory.
const KEYS: &str = "witness.key";

/// How often the list of logs is looked at.
const FOLLOW: Duration = Duration::from_secs(1);

/// How long a drain waits for what is being answered.
const DRAIN: Duration = Duration::from_secs(10);

/// What a witness is told.
#[derive(Debug, Clone)]
pub struct WitnessConfig {
    /// Its data directory.
    pub data: PathBuf,
    /// The file with the `log` lines of a C2SP tlog-policy: whose checkpoints it cosigns.
    pub logs: PathBuf,
    /// Where to listen. Other than this machine itself only with a certificate.
    pub listen: SocketAddr,
    /// What its keys are called, at the first start: a schema-less URL. Else a name nobody else has.
    pub name: Option<String>,
    /// The certificate chain and its private key, in PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// A running witness.
pub struct WitnessNode {
    config: WitnessConfig,
    keys: WitnessKeys,
    store: Store,
    router: Router,
    server: Server,
    accepting: TaskTracker,
    tasks: TaskTracker,
    stop: CancellationToken,
    _directory: Directory,
}

impl WitnessNode {
    /// Starts a witness over its data directory; it listens nowhere yet.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn start(config: WitnessConfig) -> Result<Self, Error> {
        let text = read_logs(&config.logs)?;
        let logs = logs(&config.logs, &text)?;
        let (file, begun) = (config.data.join(KEYS), Directory::is_begun(&config.data));
        match (file.exists(), begun) {
            (true, false) => return Err(Error::Forgotten { path: config.data }),
            (false, true) => return Err(Error::NoWitness { path: config.data }),
            _ => {}
        }
        let directory = Directory::hold(&config.data)?;
        let clock: Arc<dyn Clock> = Arc::new(MachineClock);
        let provider = crypto::aws_lc();
        let filler = Arc::clone(&provider);
        let random: store::Random = Arc::new(move |buffer| filler.fill(buffer));
        let options = store::Options {
            dir: config.data.clone(),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
        };
        let store = Store::open(options, SCHEMAS).await.map_err(Error::part("the store"))?;
        let platform = store.platform();
        let keys = if file.exists() {
            read_keys(&*provider, &file)?
        } else {
            let name = config.name.clone();
            let name = name.unwrap_or_else(|| format!("nexora.internal/witness/{}", platform.bare()));
            let wrong = |error| WrongConfig::Value(format!("--name: {error}"));
            let keys = WitnessKeys::generate(&*provider, &name).map_err(wrong)?;
            let written = write_private(&file, keys.to_file().expose().as_bytes());
            written.map_err(|source| Error::File { what: "the witness's key", path: file, source })?;
            keys
        };
        let signatures = Signatures::new(crypto::aws_lc());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let limits = Limits {
            connections: 512,
            head: Duration::from_secs(15),
            stall: Duration::from_secs(10),
            ..Limits::default()
        };
        let time = Arc::clone(&clock);
        let witnessing = Witnessing::new(store.clone(), keys.clone(), logs, signatures, clock);
        tasks.spawn(follow(witnessing.clone(), config.logs.clone(), text, stop.clone()));
        let cosigning = server::Cosigning {
            witnessing,
            context: Arc::new(move || {
                let mut entropy = [0; 10];
                random(&mut entropy);
                background(platform, "witness", Id::fresh(time.now(), entropy))
            }),
            tasks: tasks.clone(),
            stall: limits.stall,
        };
        Ok(Self {
            router: server::witness_router(&cosigning),
            server: Server::new(limits, stop.clone()),
            accepting: TaskTracker::new(),
            config,
            keys,
            store,
            tasks,
            stop,
            _directory: directory,
        })
    }

    /// The keys that check its cosignatures, ML-DSA-44 first.
    #[must_use]
    pub fn verifier_keys(&self) -> [VerifierKey; 2] {
        self.keys.verifier_keys()
    }

    /// Listens, and gives the address.
    ///
    /// # Errors
    /// [`Error::Clear`] for an address that others reach, without TLS; [`Error::Listen`]; [`Error::Certificate`].
    pub async fn listen(&mut self) -> Result<SocketAddr, Error> {
        let asked = self.config.listen;
        let tls = match &self.config.tls {
            Some((chain, key)) => Some(server::tls::config(
                &crate::read("the certificate", chain)?,
                &crate::read("the certificate's key", key)?,
            )?),
            None if asked.ip().is_loopback() => None,
            None => return Err(Error::Clear(asked)),
        };
        let wrong = |source| Error::Listen { address: asked.to_string(), source };
        let tcp = TcpListener::bind(asked).await.map_err(wrong)?;
        let address = tcp.local_addr().map_err(wrong)?;
        let (server, router) = (self.server.clone(), self.router.clone());
        self.accepting.spawn(async move { server.accept(Listener::Tcp(tcp, tls), router).await });
        Ok(address)
    }

    /// Ends the witness: what is being answered is finished.
    pub async fn drain(self) {
        self.stop.cancel();
        self.accepting.close();
        self.tasks.close();
        let ended = async {
            self.accepting.wait().await;
            self.server.drained().await;
            self.tasks.wait().await;
        };
        if timeout(DRAIN, ended).await.is_err() {
            tracing::warn!("requests were cut off: they took too long to drain");
        }
        self.store.close().await;
    }
}

/// The keys that check the cosignatures of the witness with this data directory. The directory need not be free.
///
/// # Errors
/// [`Error::File`]; [`Error::Part`] for a file that holds none.
pub fn witness_keys(data: &Path) -> Result<[VerifierKey; 2], Error> {
    Ok(read_keys(&*crypto::aws_lc(), &data.join(KEYS))?.verifier_keys())
}

fn read_keys(provider: &dyn Provider, path: &Path) -> Result<WitnessKeys, Error> {
    let what = "the witness's key";
    let found = std::fs::metadata(path);
    let found = found.map_err(|source| Error::File { what, path: path.to_owned(), source })?;
    if found.mode() & 0o077 != 0 {
        let detail = format!(
            "{} is open to others (mode {:o}): whoever read it can speak as the witness; if nobody did, make it yours \
             alone (chmod 600)",
            path.display(),
            found.mode() & 0o7777
        );
        return Err(Error::Part { part: what, kind: Kind::CheckFailed, detail });
    }
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| Error::File { what, path: path.to_owned(), source })?;
    let keys = WitnessKeys::read(provider, &Secret::new(text));
    keys.map_err(|error| Error::Part { part: what, kind: Kind::CheckFailed, detail: error.to_string() })
}

/// Looks now and then whether the list of logs is another one. One that does not read changes nothing, and is named
/// once.
async fn follow(witnessing: Witnessing, path: PathBuf, mut text: String, stop: CancellationToken) {
    let mut trouble = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FOLLOW) => {}
        }
        let place = path.clone();
        let Ok(found) = tokio::task::spawn_blocking(move || read_logs(&place)).await else { continue };
        let changed = match found {
            Ok(found) if found == text => continue,
            Ok(found) => logs(&path, &found).map(|keys| (found, keys)),
            Err(error) => Err(error),
        };
        match changed {
            Ok((found, keys)) => {
                tracing::info!(keys = keys.len(), "the list of logs is another one");
                witnessing.set_logs(keys);
                (text, trouble) = (found, None);
            }
            Err(error) => {
                let why = chain(&error);
                if trouble.as_ref() != Some(&why) {
                    tracing::warn!(error = why, "the list of logs does not read: the one before counts");
                    trouble = Some(why);
                }
            }
        }
    }
}

fn read_logs(path: &Path) -> Result<String, Error> {
    let what = "the list of logs";
    std::fs::read_to_string(path).map_err(|source| Error::File { what, path: path.to_owned(), source })
}

/// The keys of the logs in a policy file; it needs no quorum line here.
fn logs(path: &Path, text: &str) -> Result<Vec<VerifierKey>, Error> {
    let mut text = text.to_owned();
    let says_quorum = |line: &str| line.split_ascii_whitespace().next() == Some("quorum");
    if !text.lines().any(says_quorum) {
        text.push_str("\nquorum none\n");
    }
    let wrong = |why: String| WrongConfig::Value(format!("{}: {why}", path.display()));
    let policy: Policy =
        text.parse().map_err(|error: verify::quorum::WrongPolicy| wrong(error.to_string()))?;
    if policy.logs().is_empty() {
        return Err(wrong("it names no log: `log VKEY`".to_owned()).into());
    }
    Ok(policy.logs().iter().map(|log| log.key.clone()).collect())
}
