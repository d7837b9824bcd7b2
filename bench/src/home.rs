//! A node in this process with one organization, as the benchmarks need it.

use crate::Failure;
use api::Client;
use api::client::{Transport, Trust, Upload};
use api::credentials::{Grant, Issue, IssueRequest};
use api::events::{Receipt, Send, SendRequest};
use api::identities::{Identity, List, ListRequest};
use api::organizations::{Create, CreateRequest};
use api::response::{Mode, Set, SetRequest};
use base::Secret;
use bytes::Bytes;
use node::{Config, Node};

/// A running node that listens on loopback, and clients that act in its one organization over connections.
pub(crate) struct Home {
    node: Node,
    /// As the organization's administrator.
    pub(crate) admin: Client,
    /// As its source of events.
    source: Client,
    transport: Transport,
    _dir: tempfile::TempDir,
}

/// What the organization's brake is set to, so that it does not end a benchmark.
pub(crate) const BRAKE: u32 = 100_000;

impl Home {
    /// Starts a node on an empty directory, and makes an organization that responds by itself.
    pub(crate) async fn open(accounts: Vec<String>) -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let config = Config { listen, ..Config::local(&dir.path().join("data")) };
        let mut node = Node::start(config, None).await?;
        let address = node.listen().await?;
        let transport = Transport::server(&format!("http://{address}"), &Trust::System)?;
        let secret = node.administrator_secret().await?;
        let request = CreateRequest { name: "Bench".to_owned(), person: "ada".to_owned() };
        let created = Client::new(transport.clone()).with_token(secret).call::<Create>(&request).await?;
        let admin = signed(&transport, &created.person.token);
        let response = SetRequest { mode: Some(Mode::Automatic), brake_limit: Some(BRAKE) };
        admin.call::<Set>(&response).await?;
        let grant = Grant::Ingest { format: "aws.cloudtrail".to_owned(), accounts };
        let source = admin.call::<Issue>(&IssueRequest { grant }).await?;
        let source = signed(&transport, &source.token);
        Ok(Self { node, admin, source, transport, _dir: dir })
    }

    /// A client for the credential of an identity.
    pub(crate) async fn bound(&self, identity: &Identity) -> Result<Client, Failure> {
        let grant = Grant::Identity { identity: identity.id };
        let issued = self.admin.call::<Issue>(&IssueRequest { grant }).await?;
        Ok(signed(&self.transport, &issued.token))
    }

    /// Every identity that is known.
    pub(crate) async fn identities(&self) -> Result<Vec<Identity>, Failure> {
        let mut all = Vec::new();
        let mut request = ListRequest { limit: Some(1_000), ..ListRequest::default() };
        loop {
            let page = self.admin.call::<List>(&request).await?;
            all.extend(page.items);
            if page.next.is_none() {
                return Ok(all);
            }
            request.after = page.next;
        }
    }

    /// Sends one batch.
    pub(crate) async fn send(&self, body: Bytes) -> Result<Receipt, Failure> {
        Ok(self.source.send::<Send>(&SendRequest {}, Upload::whole(body)).await?)
    }

    /// Ends the node.
    pub(crate) async fn close(self) {
        let Self { node, admin, source, transport, _dir: dir } = self;
        // Their connections, which a drain would wait for.
        drop((admin, source, transport));
        node.drain().await;
        drop(dir);
    }
}

fn signed(transport: &Transport, token: &api::credentials::Token) -> Client {
    Client::new(transport.clone()).with_token(Secret::new(token.expose().to_owned()))
}
