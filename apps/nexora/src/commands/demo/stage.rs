//! Where the demo plays: a node in this process, an organization, its credentials, and the end.

use crate::cli::Global;
use crate::failure::Failure;
use api::client::Transport;
use api::{Client, Operation};
use base::{Clock as _, Id, Kind, Secret, Timestamp, noun};
use node::config::{Config, Given};
use node::{MachineClock, Node};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked for.
const POLL: Duration = Duration::from_millis(10);

/// A running node with one organization, and its administrator's client.
pub(crate) struct Stage {
    node: Node,
    anonymous: Client,
    admin: Client,
    organization: Id<noun::Organization>,
    /// Removes what was made, unless it is to be kept.
    _temporary: Option<tempfile::TempDir>,
}

/// What the ledger's files say.
pub(crate) struct Proof {
    pub(crate) entries: u64,
    pub(crate) verified: bool,
}

impl Stage {
    /// Starts a node on an empty directory and creates the organization.
    pub(crate) async fn set(global: &Global) -> Result<Self, Failure> {
        if global.server.is_some() {
            return Err(Failure::new(Kind::BadInput, "the demo runs in this process: leave --server out"));
        }
        let (data, temporary) = match &global.data {
            Some(data) => (data.clone(), None),
            None => {
                let made = tempfile::Builder::new().prefix("nexora-demo-").tempdir();
                let made = made.map_err(|error| Failure::io("a temporary directory", &error))?;
                (made.path().to_owned(), Some(made))
            }
        };
        let taken = std::fs::read_dir(&data).is_ok_and(|mut entries| entries.next().is_some());
        if taken {
            let message = format!("{} is not empty: the demo begins on a fresh directory", data.display());
            return Err(Failure::new(Kind::Conflict, message));
        }
        let flags = BTreeMap::from([("data", data.display().to_string())]);
        let given = Given { file: None, environment: BTreeMap::new(), flags };
        let (config, _) = Config::load(&given)?;
        let node = Node::start(config, None).await?;
        let secret = node.administrator_secret().await?;
        let anonymous = Client::new(Transport::local(node.router()));
        let create = api::organizations::CreateRequest { name: "demo".to_owned(), person: "you".to_owned() };
        let administrator = anonymous.clone().with_token(secret);
        let created = administrator.call::<api::organizations::Create>(&create).await?;
        let admin = anonymous.clone().with_token(Secret::new(created.person.token.expose().to_owned()));
        let organization = created.organization;
        Ok(Self { node, anonymous, admin, organization, _temporary: temporary })
    }

    /// The organization.
    pub(crate) const fn organization(&self) -> Id<noun::Organization> {
        self.organization
    }

    /// The time, by the clock that the node goes by.
    pub(crate) fn now(&self) -> Timestamp {
        MachineClock.now()
    }

    /// Calls an operation as the organization's administrator.
    pub(crate) async fn ask<O: Operation>(&self, request: &O::Request) -> Result<O::Reply, Failure> {
        Ok(self.admin.call::<O>(request).await?)
    }

    /// The organization's administrator as a client.
    pub(crate) const fn admin(&self) -> &Client {
        &self.admin
    }

    /// Issues a credential, and gives the client that holds it.
    pub(crate) async fn holder(&self, grant: api::credentials::Grant) -> Result<Client, Failure> {
        let issue = api::credentials::IssueRequest { grant };
        let issued = self.ask::<api::credentials::Issue>(&issue).await?;
        Ok(self.anonymous.clone().with_token(Secret::new(issued.token.expose().to_owned())))
    }

    /// Asks again and again until the answer is yes.
    pub(crate) async fn until<F>(&self, what: &str, mut answer: impl FnMut() -> F) -> Result<(), Failure>
    where
        F: Future<Output = Result<bool, Failure>>,
    {
        let began = self.now();
        while !answer().await? {
            if self.now().since(began) > PATIENCE {
                let message = format!("{what} did not happen within {} seconds", PATIENCE.as_secs());
                return Err(Failure::new(Kind::Unavailable, message));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Where the organization's ledger stands.
    pub(crate) fn ledger_directory(&self) -> PathBuf {
        self.node.ledger(self.organization)
    }

    /// Ends the node, which publishes what is left, and checks the ledger from its files alone.
    pub(crate) async fn close(self) -> Result<Proof, Failure> {
        let ledger = self.ledger_directory();
        let Self { node, _temporary: temporary, .. } = self;
        node.drain().await;
        let verified = crate::commands::ledger::check(&ledger, &[])?;
        drop(temporary);
        Ok(Proof { entries: verified.size, verified: true })
    }
}
