//! An organization in which every operation has something to act on, and a request for each.

use super::Caller;
use crate::custody::Custodians;
use crate::spine::{CSV, House};
use api::Descriptor;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use tests::cloudtrail::{attack, harmless, key};
use tests::dataset;
use tests::http::Request;
use tests::organization::administrator;

/// The dataset whose keys may come to harm.
const SPARE: &str = "spare";

/// The scene.
pub(super) struct Scene {
    pub(super) house: House,
    user: String,
    auditor: String,
    /// A second person who administers the organization.
    second: String,
    bound: String,
    pub(super) identity: String,
    pub(super) finding: String,
    pub(super) spare: String,
    protected: dataset::Protected,
    custodians: Custodians,
    names: Cell<u32>,
}

impl Scene {
    pub(super) fn set() -> Self {
        let house = House::open();
        let (server, organization) = (&house.server, &house.organization);
        house.send(&[
            harmless("r-1", 1, 1),
            harmless("r-2", 2, 2),
            harmless("r-3", 3, 3),
            attack("r-4", 3, 4),
        ]);
        house.quarantined(&key(3));
        let id = |who| house.identity(&key(who))["id"].as_str().expect("an id").to_owned();
        let bound = organization.bind(server, &id(1));
        let spare = {
            let listed = organization.list(server, "/api/v1/credentials");
            let _ = organization.person(server, "spare", "auditor");
            let more = organization.list(server, "/api/v1/credentials");
            let known: BTreeSet<String> = listed.iter().map(|row| row["id"].to_string()).collect();
            let new =
                more.iter().find(|row| !known.contains(&row["id"].to_string())).expect("a new credential");
            new["id"].as_str().expect("an id").to_owned()
        };
        let finding = house.identity(&key(3))["finding"].as_str().expect("a finding").to_owned();
        // A deterministic field, so that there is a field key too.
        let _ =
            dataset::protect(server, &bound, SPARE, "email=siv", CSV).expect("an answer").expect("protected");
        Self {
            user: organization.person(server, "ulla", "org_user"),
            auditor: organization.person(server, "otto", "auditor"),
            second: organization.person(server, "bela", "org_admin"),
            protected: house.protect(&bound, CSV),
            custodians: Custodians::new(&["cleo", "dora", "emil"]),
            names: Cell::new(0),
            identity: id(2),
            finding,
            spare,
            bound,
            house,
        }
    }

    pub(super) fn token(&self, caller: Caller) -> String {
        match caller {
            Caller::Admin => self.house.organization.admin.clone(),
            Caller::User => self.user.clone(),
            Caller::Auditor => self.auditor.clone(),
            Caller::Identity => self.bound.clone(),
            Caller::Source => self.house.organization.source.clone(),
            Caller::Administrator => administrator(&self.house.server),
        }
    }

    /// A name that was not given before.
    fn name(&self, what: &str) -> String {
        self.names.set(self.names.get() + 1);
        format!("{what}-{}", self.names.get())
    }

    fn rows(&self, path: &str) -> Vec<Value> {
        let answer = self.house.organization.get(&self.house.server, path).ok().json();
        answer["items"].as_array().expect("rows").clone()
    }

    /// The newest version of a key of the spare dataset, in a state if one is named.
    fn key(&self, purpose: &str, state: Option<&str>) -> String {
        let rows = self.rows(&format!("/api/v1/keys?dataset={SPARE}&purpose={purpose}&limit=1000"));
        let found = rows.iter().rev().find(|row| state.is_none_or(|state| row["state"] == state));
        let found = found.or(rows.last()).map(|row| row["id"].as_str().expect("an id").to_owned());
        found.unwrap_or_else(|| format!("key_{}", "0".repeat(26)))
    }

    /// The newest row of a list that is as it should be, by its id.
    fn newest(&self, path: &str, prefix: &str, is: impl Fn(&Value) -> bool) -> String {
        let rows = self.rows(path);
        let ids = rows.iter().filter(|row| is(row)).filter_map(|row| row["id"].as_str());
        ids.max().map_or_else(|| format!("{prefix}_{}", "0".repeat(26)), str::to_owned)
    }

    /// A legal hold that stands.
    fn hold(&self) -> Option<String> {
        let kept = self.house.organization.get(&self.house.server, "/api/v1/ledger/retention").ok().json();
        kept["holds"][0]["id"].as_str().map(str::to_owned)
    }

    /// What stands in a path's braces.
    fn path(&self, operation: &Descriptor) -> String {
        let mut path = operation.path.to_owned();
        let mut put = |name: &str, value: &dyn Fn() -> String| {
            let name = format!("{{{name}}}");
            if path.contains(&name) {
                path = path.replace(&name, &value());
            }
        };
        put("identity", &|| self.identity.clone());
        put("finding", &|| self.finding.clone());
        put("credential", &|| self.spare.clone());
        put("dataset", &|| match operation.name {
            "datasets.create" => self.name("made"),
            "datasets.set_policy" => SPARE.to_owned(),
            _ => "customers".to_owned(),
        });
        put("run", &|| {
            let outputs = self.rows("/api/v1/datasets/customers/outputs");
            outputs.first().map_or_else(|| format!("job_{}", "0".repeat(26)), |row| text(&row["run"]))
        });
        put("key", &|| match operation.name {
            "keys.activate" => self.key("dataset", Some("generated")),
            "keys.suspend" => self.key("dataset", Some("active")),
            "keys.resume" => self.key("dataset", Some("suspended")),
            "keys.destroy" => self.key("dataset", Some("retired")),
            "keys.export" => self.key("field", Some("active")),
            _ => self.key("dataset", None),
        });
        put("approval", &|| match operation.name {
            "keys.approve_export" => {
                self.newest("/api/v1/exports", "apr", |row| row["approved_by"].is_null())
            }
            "keys.fetch_export" => self.newest("/api/v1/exports", "apr", |row| !row["approved_by"].is_null()),
            "shreds.show" => self.newest("/api/v1/shreds", "apr", |_| true),
            "recovery.approve_set_up" | "recovery.cancel_set_up" => {
                let shown = self.house.organization.get(&self.house.server, "/api/v1/recovery").ok().json();
                shown["requested"][0]["id"]
                    .as_str()
                    .map_or_else(|| format!("apr_{}", "0".repeat(26)), str::to_owned)
            }
            _ => self.newest("/api/v1/shreds", "apr", |row| row["state"] == "requested"),
        });
        put("producer", &|| self.newest("/api/v1/producers", "prd", |row| row["revoked"].is_null()));
        put("hold", &|| self.hold().unwrap_or_else(|| format!("hld_{}", "0".repeat(26))));
        put("ceremony", &|| self.custodians.ceremony().unwrap_or_else(|| format!("cer_{}", "0".repeat(26))));
        path
    }

    /// A request that would go through for whoever may. `token` is set by the caller of this.
    pub(super) fn request(&self, operation: &Descriptor, token: &str) -> Request {
        let method = operation.verb.method().to_string();
        let path = self.path(operation);
        let with = |query: &str| Request::new(&method, &format!("{path}?{query}")).token(token);
        let plain = || Request::new(&method, &path).token(token);
        let spare = json!({"dataset": SPARE});
        match operation.name {
            "organizations.create" => plain().json(&json!({"name": "Second", "person": "bruno"})),
            "events.send" => plain().body("application/x-ndjson", harmless("r-5", 50, 9).to_string()),
            "events.tail" => with("from=0"),
            "identities.release" => plain().json(&json!({"reason": "a drill"})),
            "credentials.issue" => {
                plain().json(&json!({"grant": {"kind": "person", "name": "nina", "role": "auditor"}}))
            }
            "ledger.set_retention" => plain().json(&json!({"days": 400})),
            "ledger.place_hold" => plain().json(&json!({"reason": "a drill"})),
            "ledger.lift_hold" => plain().json(&json!({})),
            "ledger.erase" => plain().json(&json!({"entries": ["1-100000"], "reason": "a drill"})),
            "ledger.prove" => with("position=0"),
            "ledger.search" => plain().json(&json!({"kind": "person.admitted", "limit": 10})),
            "response.set" => plain().json(&json!({"mode": "ask"})),
            "datasets.create" | "datasets.set_policy" => {
                let policy = json!({"fields": [{"path": "email", "mode": "siv"}], "row_key": null});
                plain().json(&json!({"policy": policy}))
            }
            "datasets.protect" => with("fields=email").body("text/csv", CSV),
            "datasets.reveal" => dataset::reveal_request(token, &self.protected),
            "datasets.reencrypt" => dataset::both(&path, token, &self.protected),
            "datasets.release_key" => {
                let place = "/api/v1/datasets/customers/public-key";
                let admin = &self.house.organization.admin;
                let public = Request::new("POST", place).token(admin).json(&json!({}));
                let public = self.house.server.send(&public).ok().json();
                let (name, wrapped) = dataset::column_key(&public["document"].to_string());
                plain().json(&json!({"key_name": name, "wrapped_key": wrapped}))
            }
            "producers.add" => plain().json(&json!({"name": self.name("partner"), "public_key": *PRODUCER})),
            "keys.set_rotation" => plain().json(&json!({"every_days": 30, "after_uses": 1_000_000})),
            "keys.export" => plain().json(&json!({"recipient": *RECIPIENT})),
            "breaches.declare" => plain().json(&json!({"scope": spare, "reason": "a drill"})),
            "breaches.undo" => plain().json(&json!({"scope": spare})),
            "shreds.request" => plain().json(&json!({"scope": spare, "reason": "a drill"})),
            "recovery.set_up" => {
                plain().json(&json!({"threshold": 2, "custodians": self.custodians.public()}))
            }
            "recovery.begin" => with("aim=rehearsal"),
            "recovery.approve" => plain().json(&json!({"contribution": self.custodians.next()})),
            "identities.quarantine"
            | "keys.create"
            | "keys.activate"
            | "keys.rotate"
            | "keys.rewrap"
            | "keys.suspend"
            | "keys.resume"
            | "keys.destroy"
            | "keys.approve_export"
            | "keys.fetch_export"
            | "keys.reencrypt"
            | "datasets.public_key"
            | "recovery.approve_set_up"
            | "recovery.cancel_set_up"
            | "recovery.repackage"
            | "shreds.approve"
            | "shreds.cancel"
            | "producers.revoke"
            | "recovery.restore"
            | "ledger.rotate_keys"
            | "ledger.restart"
            | "datasets.forget_output" => plain().json(&json!({})),
            "identities.ls"
            | "identities.show"
            | "identities.protect"
            | "identities.unprotect"
            | "credentials.ls"
            | "credentials.revoke"
            | "findings.ls"
            | "findings.show"
            | "response.show"
            | "datasets.ls"
            | "datasets.show"
            | "datasets.outputs"
            | "keys.reencryption"
            | "keys.ls"
            | "keys.show"
            | "keys.exports"
            | "breaches.ls"
            | "shreds.ls"
            | "shreds.show"
            | "producers.ls"
            | "recovery.show"
            | "recovery.package"
            | "recovery.ceremony"
            | "ledger.status"
            | "ledger.retention"
            | "node.diagnose" => plain(),
            unknown => panic!("{unknown} is a new operation: say here how it is called, and above who may"),
        }
    }

    /// Brings the scene to where an operation has something to do.
    pub(super) fn prepare(&self, operation: &str) {
        let admin = &self.house.organization.admin;
        let post = |token: &str, path: &str, body: &Value| {
            self.house.server.send(&Request::new("POST", path).token(token).json(body))
        };
        let act = |what: &str| {
            let _ = post(admin, &format!("/api/v1/identities/{}/{what}", self.identity), &json!({}));
        };
        let key = |purpose: &str, state: &str, what: &str| {
            format!("/api/v1/keys/{}/{what}", self.key(purpose, Some(state)))
        };
        let scope = json!({"scope": {"dataset": SPARE}, "reason": "a drill"});
        match operation {
            "identities.release" => act("quarantine"),
            "identities.quarantine" => act("release"),
            "identities.protect" => act("unprotect"),
            "identities.unprotect" => act("protect"),
            "keys.activate" => drop(post(admin, &key("dataset", "active", "versions"), &json!({})).ok()),
            // Retired, and nothing stands under it: made after the only output was protected.
            "keys.destroy" => {
                let _ = post(admin, &key("dataset", "active", "rotate"), &json!({})).ok();
                let _ = post(admin, &key("dataset", "active", "rotate"), &json!({})).ok();
            }
            // By the other person.
            "keys.approve_export" => {
                let request = json!({"recipient": *RECIPIENT});
                let _ = post(&self.second, &key("field", "active", "export"), &request).ok();
            }
            "keys.fetch_export" => {
                let request = json!({"recipient": *RECIPIENT});
                let asked = post(admin, &key("field", "active", "export"), &request).ok().json();
                let path = format!("/api/v1/exports/{}/approve", text(&asked["id"]));
                let _ = post(&self.second, &path, &json!({})).ok();
            }
            // By the other person, in place of one's own.
            "shreds.approve" => {
                let own = self.newest("/api/v1/shreds", "apr", |row| row["state"] == "requested");
                let _ = post(admin, &format!("/api/v1/shreds/{own}/cancel"), &json!({}));
                let _ = post(&self.second, "/api/v1/shreds", &scope).ok();
            }
            // The spare dataset is gone by now.
            "shreds.cancel" => {
                let all = json!({"scope": "organization", "reason": "a drill"});
                let _ = post(admin, "/api/v1/shreds", &all).ok();
            }
            // Something to lift; and nothing that is erased while it stands.
            "ledger.lift_hold" => {
                drop(post(admin, "/api/v1/ledger/holds", &json!({"reason": "a drill"})).ok())
            }
            "ledger.erase" => {
                while let Some(hold) = self.hold() {
                    let _ = post(admin, &format!("/api/v1/ledger/holds/{hold}/lift"), &json!({})).ok();
                }
                // Names are details.
                let _ = self.house.organization.person(&self.house.server, &self.name("nina"), "auditor");
            }
            "producers.revoke" => {
                let body = json!({"name": self.name("partner"), "public_key": producer()});
                let _ = post(admin, "/api/v1/producers", &body).ok();
            }
            // By the other person.
            "recovery.approve_set_up" | "recovery.cancel_set_up" => {
                let body = json!({"threshold": 2, "custodians": self.custodians.public()});
                let _ = post(&self.second, "/api/v1/recovery", &body).ok();
            }
            "recovery.begin" | "recovery.approve" | "recovery.restore" | "recovery.ceremony"
            | "recovery.package" | "recovery.repackage" => {
                let aim = if operation == "recovery.restore" { "restore" } else { "rehearsal" };
                self.custodians.meet(&self.house, admin, aim, operation == "recovery.restore");
            }
            _ => {}
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

/// A producer's public key, as `keys producer new` prints it.
static PRODUCER: LazyLock<String> = LazyLock::new(producer);

/// Somebody's X-Wing public key.
static RECIPIENT: LazyLock<String> = LazyLock::new(|| {
    let pair = crypto::hpke::KeyPair::generate(&*crypto::aws_lc(), crypto::Suite::Hybrid768);
    crypto::text::encode(pair.public.as_bytes())
});

fn producer() -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("producer.key");
    let file = file.to_str().expect("UTF-8");
    let said =
        tests::server::run(&mut tests::server::nexora(&["keys", "producer", "new", file, "-o", "json"]));
    said.ok().json()["public_key"].as_str().expect("a public key").to_owned()
}
