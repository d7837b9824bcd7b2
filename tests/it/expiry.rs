//! What takes years, on a running node: a clock that the test sets, over a data directory of its own.

use crate::ledger::Stranger;
use crate::served::{FILLED, fill};
use base::Timestamp;
use node::{Config, Node};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tests::http::{Address, Answer, Request};
use tests::server::PATIENCE;
use tests::wait::until;
use tokio::runtime::Runtime;

const DAY: Duration = Duration::from_secs(86_400);

/// A clock that stands.
struct Standing(Timestamp);

impl base::Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A node in this process that listens on its socket.
struct Running<'a> {
    runtime: &'a Runtime,
    node: Node,
    socket: Address,
}

impl<'a> Running<'a> {
    fn at(runtime: &'a Runtime, data: &Path, now: Timestamp) -> Self {
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::local(data) };
        let node = runtime.block_on(async {
            let mut node = Node::start_by(config, None, Arc::new(Standing(now))).await.expect("it starts");
            node.listen().await.expect("it listens");
            node
        });
        Self { runtime, node, socket: Address::Unix(data.join("nexora.sock")) }
    }

    fn ask(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
        let request = Request::new(method, path).token(token);
        let request = body.map_or(request.clone(), |body| request.json(body));
        request.send(&self.socket).expect("an answer").ok()
    }

    /// The state of the log, once all of it is published.
    fn published(&self, token: &str) -> Value {
        until("all entries are published", PATIENCE, || {
            let status = self.ask("GET", "/api/v1/ledger", token, None).json();
            (status["committed"] == status["published"]).then_some(status)
        })
    }

    fn drain(self) {
        self.runtime.block_on(self.node.drain());
    }
}

/// 600 entries that are older than 30 days: a hold keeps them, and when it is lifted the node puts on record that they
/// go, removes them once that is published, and serves what is left.
#[test]
fn a_running_node_prunes_what_has_expired_and_a_hold_stops_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let begun = Running::at(&runtime, &data, FILLED);
    let secret = runtime.block_on(begun.node.administrator_secret()).expect("a secret");
    let organization = json!({"name": "Example", "person": "ada"});
    let created = begun.ask("POST", "/api/v1/organizations", secret.expose(), Some(&organization)).json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (id, token) = (text(&created["organization"]), text(&created["person"]["token"]));
    let kept = begun.ask("POST", "/api/v1/ledger/retention", &token, Some(&json!({"days": 30}))).json();
    assert_eq!((&kept["days"], &kept["still"]["days"]), (&json!(30), &json!(2_557)), "not at once");
    let hold = begun.ask("POST", "/api/v1/ledger/holds", &token, Some(&json!({"reason": "case 17"}))).json();
    begun.drain();
    fill(&data, &id, 600);

    // Forty days later, under the hold.
    let later = FILLED + DAY * 40;
    let held = Running::at(&runtime, &data, later);
    let status = held.published(&token);
    let log = PathBuf::from(text(&status["dir"]));
    let first = log.join("tile/entries/000");
    assert!(first.is_file() && log.join("tile/entries/001").is_file());
    let kept = held.ask("GET", "/api/v1/ledger/retention", &token, None).json();
    assert_eq!(
        (&kept["minimum"], kept.get("still")),
        (&json!(0), None),
        "nothing has gone, and the time holds"
    );
    held.drain();
    let pruned = |entry: &Value| entry["kind"] == "ledger.pruned";
    assert!(first.is_file() && !tests::ledger::entries(&log).iter().any(pruned), "the hold stopped it");
    let lifting = Running::at(&runtime, &data, later);
    let lift = format!("/api/v1/ledger/holds/{}/lift", text(&hold["id"]));
    let _ = lifting.ask("POST", &lift, &token, Some(&json!({})));
    lifting.drain();

    // Without it: first the entry, and once that is published, the files.
    let pruning = Running::at(&runtime, &data, later);
    until("what has expired is gone", PATIENCE, || {
        (!first.exists() && !log.join("tile/entries/001").exists()).then_some(())
    });
    let size = pruning.published(&token)["published"].as_u64().expect("a number");
    let kept = pruning.ask("GET", "/api/v1/ledger/retention", &token, None).json();
    assert_eq!((&kept["minimum"], &kept["days"]), (&json!(512), &json!(30)));
    // The rest is served, and searched, and every entry of it proven to a stranger.
    until("the search has the entry", PATIENCE, || {
        let query = json!({"kind": "ledger.pruned"});
        let reply = pruning.ask("POST", "/api/v1/ledger/search", &token, Some(&query)).json();
        (reply["items"].as_array().map(Vec::len) == Some(1)).then_some(())
    });
    let stranger = Stranger::new();
    let _ = stranger.verify(log.to_str().expect("UTF-8")).ok();
    for entry in [512, size - 1] {
        let proof = pruning.ask("GET", &format!("/api/v1/ledger/proof?position={entry}"), &token, None);
        let proof = stranger.put("proof", proof.body);
        let _ = stranger.verify(&proof).ok();
    }
    pruning.drain();
    let said: Vec<_> = tests::ledger::entries(&log).into_iter().filter(pruned).collect();
    assert_eq!((said.len(), &said[0]["facts"]["minimum"]), (1, &json!(512)));
    let told = stranger.verify(log.to_str().expect("UTF-8")).ok().json();
    assert_eq!(told["minimum"], 512, "{told}");
    // Of what is kept nothing may be missing.
    std::fs::remove_dir_all(log.join("tile/entries/002.p")).expect("it goes");
    crate::ledger::fails(&stranger.verify(log.to_str().expect("UTF-8")), "tile/entries/");
}
