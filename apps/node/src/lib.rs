//! Composition: a [`Config`] becomes services, a router and listeners; started, made ready, drained.
//!
//! The one crate that owns the running clock, background tasks and the contexts they work in. It is used by
//! the binary, the benchmarks and the tests alike; nothing here reads argv or the environment.
//!
//! # The order of a start
//! 1. The data directory is created (0700) and its lock taken.
//! 2. The root of trust is taken and opened, or made where no data was begun; and the store.
//! 3. The services are made, each with what it may use.
//! 4. Every organization is opened: what was quarantined is refused from here on.
//! 5. The background tasks run; only then does [`Node::listen`] accept anyone.
//!
//! # The order of a drain
//! 1. Nobody is accepted any more; what was begun is finished, streams without an end are ended.
//! 2. The background tasks end.
//! 3. What is written behind is written, what is committed is published, files are closed.
//! 4. The socket is removed, the locks given back.
#![forbid(unsafe_code)]

mod anchor;
mod clock;
pub mod config;
mod directory;
mod error;
mod figures;
mod ledgers;
mod platform;
mod renewal;
pub mod root;
mod rulepack;
mod runner;
mod wiring;
pub mod witness;
mod witnesses;

pub use audit::{
    DetailsIn as LedgerDetails, Directory as LedgerDirectory, FilesIn as VouchedFiles, Signatures,
    log_name as ledger_name,
};
pub use clock::MachineClock;
pub use config::Config;
pub use directory::{Directory, write_private};
pub use error::Error;
pub use keys::{Restored, recovery as custody};

use base::{Clock, Id, Secret, noun};
use platform::ThisNode;
use runner::Runner;
use server::{Limits, Listener, Local, Rooms, Router, Server, Wired};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::time::{Instant, timeout_at};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wiring::Wiring;

/// Until when after its beginning a drain waits for requests that are in work.
const REQUESTS: Duration = Duration::from_secs(11);
/// Until when it waits for background tasks.
const TASKS: Duration = Duration::from_secs(14);
/// Until when it waits for the last writes.
const WRITES: Duration = Duration::from_secs(19);

/// A running node.
pub struct Node {
    config: Config,
    wiring: Wiring,
    router: Router,
    server: Server,
    accepting: TaskTracker,
    tasks: TaskTracker,
    runner: Runner,
    stop_requests: CancellationToken,
    stop_tasks: CancellationToken,
    socket: Option<PathBuf>,
    passphrase: Option<PathBuf>,
    /// Given back before the directory.
    _root: root::Held,
    directory: Directory,
}

impl Node {
    /// Starts a node over a data directory. It listens nowhere yet; [`Node::router`] already answers.
    ///
    /// # Errors
    /// [`Error`]; nothing keeps running then.
    pub async fn start(config: Config, passphrase: Option<Secret<String>>) -> Result<Self, Error> {
        Self::start_by(config, passphrase, Arc::new(MachineClock)).await
    }

    /// As [`start`](Self::start), by another clock than the machine's: for tests of what takes years.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_by(
        config: Config,
        passphrase: Option<Secret<String>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        figures::recorder();
        let directory = Directory::hold(&config.data)?;
        let (stop_requests, stop_tasks) = (CancellationToken::new(), CancellationToken::new());
        let runner = Runner::new(stop_tasks.clone());
        let (wiring, generated, root) =
            Wiring::make(&directory, &config, passphrase, (clock, runner.clone())).await?;
        wiring.open_all().await?;
        let limits = Limits { connections: config.connections, ..Limits::default() };
        let tasks = TaskTracker::new();
        let rooms = Rooms::new(Wired {
            store: wiring.store.clone(),
            policy: wiring.policy.clone(),
            issuer: wiring.issuer.clone(),
            identities: wiring.identities.clone(),
            findings: wiring.findings.clone(),
            respond: wiring.respond.clone(),
            pipeline: wiring.pipeline.clone(),
            keys: wiring.keys.clone(),
            datasets: wiring.datasets.clone(),
            audit: wiring.audit.clone(),
            search: wiring.search.clone(),
            public_checkpoints: config.ledger_public_checkpoints,
            clock: Arc::clone(&wiring.clock),
            random: Arc::clone(&wiring.random),
            platform: Arc::new(ThisNode { wiring: wiring.clone() }),
            tasks: tasks.clone(),
            drain: stop_requests.clone(),
            stall: limits.stall,
        });
        Ok(Self {
            router: server::router(&rooms),
            server: Server::new(limits, stop_requests.clone()),
            accepting: TaskTracker::new(),
            config,
            wiring,
            tasks,
            runner,
            stop_requests,
            stop_tasks,
            socket: None,
            passphrase: generated,
            _root: root,
            directory,
        })
    }

    /// The same router that listeners serve, for a client in this process.
    #[must_use]
    pub fn router(&self) -> Local {
        server::local(self.router.clone())
    }

    /// Listens where the configuration says and on the data directory's socket, and gives the address.
    ///
    /// # Errors
    /// [`Error::Clear`] for an address that others reach, without TLS; [`Error::Listen`];
    /// [`Error::Certificate`].
    pub async fn listen(&mut self) -> Result<SocketAddr, Error> {
        self.config.may_listen()?;
        let tls = match (&self.config.tls_certificate, &self.config.tls_key) {
            (Some(chain), Some(key)) => Some(server::tls::config(
                &read("the certificate", chain)?,
                &read("the certificate's key", key)?,
            )?),
            _ => None,
        };
        let wrong = |address: String| move |source| Error::Listen { address, source };
        let asked = self.config.listen;
        let tcp = TcpListener::bind(asked).await.map_err(wrong(asked.to_string()))?;
        let address = tcp.local_addr().map_err(wrong(asked.to_string()))?;
        let socket = Directory::socket(self.directory.path());
        // The lock is ours: a socket that is there was left behind by a process that died.
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Listen { address: socket.display().to_string(), source: error });
            }
            _ => {}
        }
        let unix = UnixListener::bind(&socket).map_err(wrong(socket.display().to_string()))?;
        self.socket = Some(socket);
        for listener in [Listener::Tcp(tcp, tls), Listener::Unix(unix)] {
            let (server, router) = (self.server.clone(), self.router.clone());
            self.accepting.spawn(async move { server.accept(listener, router).await });
        }
        Ok(address)
    }

    /// The configuration in force.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Where the passphrase of the root of trust was put, if this start made it.
    #[must_use]
    pub fn generated_passphrase(&self) -> Option<&Path> {
        self.passphrase.as_deref()
    }

    /// Whether there is no organization yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wiring.store.organizations().is_empty()
    }

    /// Makes a one-time administrator secret, and ends those before it. It creates one organization with its
    /// first person, within a day.
    ///
    /// # Errors
    /// [`Error::Part`].
    pub async fn administrator_secret(&self) -> Result<Secret<String>, Error> {
        let ctx = self.wiring.background(self.wiring.store.platform(), "administrator");
        let now = self.wiring.clock.now();
        let issued = self.wiring.issuer.issue_administrator(&ctx, now).await;
        Ok(issued.map_err(Error::part("the administrator secret"))?.token)
    }

    /// Where an organization's ledger is published, where that is a directory.
    #[must_use]
    pub fn ledger(&self, organization: Id<noun::Organization>) -> PathBuf {
        self.wiring.audit.directory(organization).unwrap_or_default()
    }

    /// Publishes what the organization has committed so far: afterwards its ledger holds it.
    ///
    /// # Errors
    /// [`Error::Part`].
    pub async fn publish(&self, organization: Id<noun::Organization>) -> Result<(), Error> {
        let ctx = self.wiring.background(organization, "publish");
        let publish = || self.wiring.publish(&ctx);
        while publish().await.map_err(Error::part("the ledger"))?.is_some_and(|step| step.more) {}
        Ok(())
    }

    /// Ends the node: accepts nobody, finishes what was begun, writes and publishes what is left, within 20
    /// seconds.
    pub async fn drain(self) {
        let began = Instant::now();
        self.stop_requests.cancel();
        self.accepting.close();
        self.tasks.close();
        let requests = async {
            self.accepting.wait().await;
            self.server.drained().await;
            self.tasks.wait().await;
        };
        if timeout_at(began + REQUESTS, requests).await.is_err() {
            tracing::warn!(open = self.server.open(), "requests were cut off: they took too long to drain");
        }
        self.stop_tasks.cancel();
        if timeout_at(began + TASKS, self.runner.drained()).await.is_err() {
            tracing::warn!("background tasks were cut off: they took too long to drain");
        }
        if timeout_at(began + WRITES, self.wiring.finish()).await.is_err() {
            tracing::warn!("the last writes took too long: what is committed is published at the next start");
        }
        if let Some(socket) = &self.socket {
            // A socket that is left behind is removed at the next start.
            drop(std::fs::remove_file(socket));
        }
    }
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File { what, path: path.to_owned(), source })
}
