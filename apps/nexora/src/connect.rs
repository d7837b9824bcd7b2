//! Which transport a command's client uses, and with which credential.

use crate::cli::{Global, Passphrase};
use crate::failure::Failure;
use api::Client;
use api::client::{Transport, Trust};
use base::{Kind, Secret};
use node::config::{Config, Effective, Given};
use node::{Directory, Node};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use tokio::net::UnixStream;

/// What `main` read of the process's surroundings.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The environment's variables.
    pub(crate) environment: BTreeMap<String, String>,
}

/// A client, and the node behind it where that is in this process.
pub(crate) struct Session {
    client: Client,
    node: Option<Node>,
    local: bool,
}

impl Surroundings {
    fn set(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where this program's configuration of the user stands, by the XDG base directory specification: which takes
    /// no relative path. None where the environment names no place.
    pub(crate) fn configuration(&self) -> Option<PathBuf> {
        let absolute = |name: &str| self.set(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let place = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
        Some(place.join("nexora"))
    }

    /// A directory that is removed with what this returns.
    pub(crate) fn temporary(&self) -> Result<tempfile::TempDir, Failure> {
        let place = self.scratch();
        let made = tempfile::Builder::new().prefix("nexora-").tempdir_in(&place);
        made.map_err(|error| Failure::file(&place, &error))
    }

    /// The directory for what is temporary.
    pub(crate) fn scratch(&self) -> PathBuf {
        PathBuf::from(self.set("TMPDIR").unwrap_or("/tmp"))
    }

    /// The effective configuration under these flags.
    pub(crate) fn config(
        &self,
        global: &Global,
        flags: BTreeMap<&'static str, String>,
    ) -> Result<(Config, Vec<Effective>), Failure> {
        let file = global.config.clone().or_else(|| self.set("NEXORA_CONFIG").map(Into::into));
        let mut given = Given { file, environment: self.environment.clone(), flags };
        if let Some(data) = &global.data {
            given.flags.insert("data", data.display().to_string());
        }
        Ok(Config::load(&given)?)
    }

    /// The passphrase of the root of trust, from a file or the environment.
    pub(crate) fn passphrase(&self, config: &Config) -> Result<Option<Secret<String>>, Failure> {
        if let Some(path) = &config.root_passphrase_file {
            let text = fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
            return Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned())));
        }
        Ok(self.set("NEXORA_ROOT_PASSPHRASE").map(|text| Secret::new(text.to_owned())))
    }

    /// A passphrase that is not the root's own: a custodian's, a backup's. From a file or the environment.
    pub(crate) fn other_passphrase(&self, named: &Passphrase) -> Result<Secret<String>, Failure> {
        let text = match &named.passphrase_file {
            Some(path) => fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?,
            None => self.set("NEXORA_PASSPHRASE").unwrap_or_default().to_owned(),
        };
        let text = Secret::new(text);
        let passphrase = text.expose().trim_end_matches(['\r', '\n']);
        if passphrase.is_empty() {
            let what = "no passphrase: give --passphrase-file FILE or NEXORA_PASSPHRASE";
            return Err(Failure::new(Kind::BadInput, what));
        }
        Ok(Secret::new(passphrase.to_owned()))
    }

    /// Which certificates a server's are held against.
    pub(crate) fn trust(&self, global: &Global) -> Result<Trust, Failure> {
        Ok(match &global.ca {
            Some(path) => Trust::Pem(fs::read(path).map_err(|error| Failure::file(path, &error))?),
            None => Trust::System,
        })
    }

    /// The credential's token, from a file or the environment.
    pub(crate) fn token(&self, global: &Global) -> Result<Option<Secret<String>>, Failure> {
        if let Some(path) = &global.token_file {
            let text = Secret::new(fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?);
            return Ok(Some(Secret::new(text.expose().trim().to_owned())));
        }
        Ok(self.set("NEXORA_TOKEN").map(|text| Secret::new(text.trim().to_owned())))
    }

    /// The server that the user calls theirs: `--server`, else the environment's.
    pub(crate) fn server<'a>(&'a self, global: &'a Global) -> Option<&'a str> {
        global.server.as_deref().or_else(|| self.set("NEXORA_SERVER"))
    }
}

impl Session {
    /// The client that the flags and the environment name: `--server`, else the data directory's socket,
    /// else the directory itself, in this process.
    pub(crate) async fn open(global: &Global, surroundings: &Surroundings) -> Result<Self, Failure> {
        let token = surroundings.token(global)?;
        let server = match (&global.server, &global.data) {
            (Some(server), _) => Some(server.as_str()),
            (None, Some(_)) => None,
            (None, None) => surroundings.set("NEXORA_SERVER"),
        };
        let (transport, node) = match server {
            Some(server) => (Transport::server(server, &surroundings.trust(global)?)?, None),
            None => Self::directory(global, surroundings).await?,
        };
        let client = Client::new(transport);
        let client = match token {
            Some(token) => client.with_token(token),
            None => client,
        };
        Ok(Self { client, node, local: server.is_none() })
    }

    async fn directory(
        global: &Global,
        surroundings: &Surroundings,
    ) -> Result<(Transport, Option<Node>), Failure> {
        let (config, _) = surroundings.config(global, BTreeMap::new())?;
        let socket = Directory::socket(&config.data);
        // A socket that nobody answers was left behind by a process that died.
        if UnixStream::connect(&socket).await.is_ok() {
            return Ok((Transport::unix(socket), None));
        }
        // Only `serve` begins one; a command must not make one out of any directory it is pointed at.
        if !Directory::is_begun(&config.data) {
            return Err(Failure::new(
                Kind::NotFound,
                format!(
                    "there is no data directory {}: start `nexora serve`, or name a server with --server",
                    config.data.display()
                ),
            ));
        }
        let passphrase = surroundings.passphrase(&config)?;
        let node = Node::start(config, passphrase).await?;
        Ok((Transport::local(node.router()), Some(node)))
    }

    /// Whether the node stands on this machine, so that both mean the same file by a path.
    pub(crate) const fn is_local(&self) -> bool {
        self.local
    }

    /// The client.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Ends the node in this process, where there is one: what was begun is finished and synced.
    pub(crate) async fn close(self) {
        if let Some(node) = self.node {
            node.drain().await;
        }
    }
}
