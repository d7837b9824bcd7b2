//! No operation without its authorization and its entry: these walk `api::OPERATIONS`, and fail where an
//! operation is added and nothing is said of it here.

mod scene;

use crate::spine::House;
use api::{Descriptor, OPERATIONS};
use base::Action;
use scene::Scene;
use serde_json::{Value, json};
use std::path::Path;
use tests::http::Request;
use tests::organization::{Organization, administrator};
use tests::server::PATIENCE;
use tests::wait::until;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Admin,
    User,
    Auditor,
    Identity,
    Source,
    Administrator,
}

const CALLERS: [Caller; 6] =
    [Caller::Admin, Caller::User, Caller::Auditor, Caller::Identity, Caller::Source, Caller::Administrator];

/// Who may, as the issue says it; written here a second time on purpose.
fn may(action: Action) -> &'static [Caller] {
    use Caller::{Admin, Administrator, Auditor, Identity, Source, User};
    match action {
        Action::OrganizationsCreate => &[Administrator],
        Action::EventsSend => &[Source],
        Action::EventsTail
        | Action::IdentitiesRead
        | Action::FindingsRead
        | Action::ProducersRead
        | Action::KeysRead
        | Action::Diagnose => &[Admin, User, Auditor],
        Action::CredentialsRead | Action::ResponseRead | Action::LedgerRead | Action::LedgerSearch => {
            &[Admin, Auditor]
        }
        Action::LedgerRetain | Action::LedgerErase => &[Admin],
        Action::LedgerRotate | Action::LedgerRestart => &[Admin, Administrator],
        Action::DatasetsRead => &[Admin, User, Auditor, Identity],
        Action::DatasetsProtect | Action::DatasetsReveal => &[Admin, User, Identity],
        Action::KeysRelease => &[Admin, User],
        Action::IdentitiesQuarantine
        | Action::IdentitiesRelease
        | Action::IdentitiesProtect
        | Action::CredentialsIssue
        | Action::CredentialsRevoke
        | Action::ResponseSet
        | Action::ProducersAdd
        | Action::ProducersRevoke
        | Action::DatasetsCreate
        | Action::KeysCreate
        | Action::KeysActivate
        | Action::KeysRotate
        | Action::KeysRewrap
        | Action::KeysReencrypt
        | Action::KeysSuspend
        | Action::KeysResume
        | Action::KeysDestroy
        | Action::KeysExport
        | Action::KeysApproveExport
        | Action::BreachesDeclare
        | Action::BreachesUndo
        | Action::ShredsRequest
        | Action::ShredsApprove
        | Action::ShredsCancel
        | Action::RecoverySetUp
        | Action::RecoveryApproveSetUp
        | Action::RecoveryCancelSetUp
        | Action::RecoveryRepackage
        | Action::RecoveryBegin
        | Action::RecoveryApprove
        | Action::RecoveryRestore => &[Admin],
    }
}

#[test]
fn every_operation_is_refused_to_whom_it_is_not_open() {
    let scene = Scene::set();
    let socket = scene.house.server.socket();
    let send = |request: &Request| request.send(&socket).expect("an answer");
    // A second organization's administrator, whose credential is as good as any, elsewhere.
    let elsewhere = House::open();
    for operation in OPERATIONS {
        let name = operation.name;
        let without =
            Request::new(operation.verb.method().as_str(), &operation.path.replace(['{', '}'], "x"));
        assert_eq!(send(&without).status, 401, "{name} without a credential");
        for token in ["nonsense", "nxa_", "nxa_0_0_0"] {
            assert_eq!(send(&scene.request(operation, token)).status, 401, "{name} with `{token}`");
        }
        for bent in [bent(&scene.token(Caller::Admin)), forged(&scene.token(Caller::Admin))] {
            assert_eq!(send(&scene.request(operation, &bent)).status, 401, "{name} with a bent token");
        }
        let foreign = send(&scene.request(operation, &elsewhere.organization.admin));
        assert_eq!(foreign.status, 401, "{name} with another house's token: {}", foreign.text());
        for caller in CALLERS {
            if may(operation.action).contains(&caller) {
                continue;
            }
            let answer = send(&scene.request(operation, &scene.token(caller)));
            assert!(
                answer.status == 403 || (caller == Caller::Administrator && answer.status == 401),
                "{name} as {caller:?}: {} {}",
                answer.status,
                answer.text()
            );
        }
    }
    refusals_are_on_record(&scene);
}

/// A token that was damaged in copying.
fn bent(token: &str) -> String {
    let (whole, last) = token.split_at(token.len() - 1);
    format!("{whole}{}", if last == "0" { "1" } else { "0" })
}

/// A token that was not: another secret for the same credential, as somebody who guesses would write it.
fn forged(token: &str) -> String {
    let signed = &token[..token.len() - 8];
    let (whole, secret) = signed.split_at(signed.len() - 52);
    let secret = format!("{}{}", if secret.starts_with('0') { "1" } else { "0" }, &secret[1..]);
    let signed = format!("{whole}{secret}");
    let sum = base::base32::encode(&base::digest::sha256(signed.as_bytes())[..5]);
    format!("{signed}{sum}")
}

/// What was refused above stands in the ledger: to whoever is known by its operation and the actor, to strangers in the
/// log of the organization that they named, or else in the platform's.
fn refusals_are_on_record(scene: &Scene) {
    let status = scene.house.ledger_verifies();
    let own = Path::new(status["dir"].as_str().expect("a path"));
    let refused = |entries: Vec<Value>| -> Vec<Value> {
        entries.into_iter().filter(|entry| entry["kind"] == "access.refused").collect()
    };
    let ours = refused(tests::ledger::entries(own));
    let of = |entries: &[Value], operation: &str, is: &dyn Fn(&Value) -> bool| {
        entries.iter().any(|entry| entry["facts"]["operation"] == operation && is(entry))
    };
    let mut missing = Vec::new();
    for operation in OPERATIONS {
        for caller in CALLERS.into_iter().filter(|caller| !may(operation.action).contains(caller)) {
            let (kind, role) = match caller {
                Caller::Admin => ("person", "org_admin"),
                Caller::User => ("person", "org_user"),
                Caller::Auditor => ("person", "auditor"),
                Caller::Identity => ("identity", ""),
                Caller::Source => ("source", ""),
                // Its secret names the platform, and is for one use.
                Caller::Administrator => continue,
            };
            let by = |entry: &Value| {
                let actor = &entry["actor"];
                actor["type"] == kind && actor["role"].as_str().unwrap_or_default() == role
            };
            if !of(&ours, operation.name, &by) {
                missing.push(format!("{} to {caller:?}", operation.name));
            }
        }
        let bent = |entry: &Value| entry["reason"] == "credential_not_valid" && entry["details"].is_string();
        if !of(&ours, operation.name, &|entry| entry["actor"]["type"] == "unidentified" && bent(entry)) {
            missing.push(format!("{} to a stranger with a token of ours", operation.name));
        }
    }
    assert!(missing.is_empty(), "refusals without an entry: {missing:?}");
    // The platform's log has the others: some of them are counted in the first one's minute.
    let ledgers = own.parent().expect("the directory of ledgers");
    let others = std::fs::read_dir(ledgers).expect("it lists").map(|entry| entry.expect("it lists").path());
    let platform = others.into_iter().find(|dir| dir != own && dir.join("checkpoint").exists());
    let platform = platform.expect("the platform's log");
    until("the platform's log has every refusal", PATIENCE, || {
        let found = refused(tests::ledger::entries(&platform));
        OPERATIONS
            .iter()
            .all(|operation| of(&found, operation.name, &|entry| entry["reason"] != "folded"))
            .then_some(())
    });
}

/// Makes a second organization behind the same door. The platform gives no second administrator secret
/// while there is an organization, so a node in this process does.
pub(crate) fn second(house: &mut House) -> Organization {
    assert!(house.server.stop().success());
    let data = house.server.dir.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let secret = runtime.block_on(async {
        let node = node::Node::start(node::Config::local(&data), None).await.expect("a node");
        let secret = node.administrator_secret().await.expect("a secret");
        node.drain().await;
        secret
    });
    house.server = tests::server::Server::start(&data);
    let create = Request::new("POST", "/api/v1/organizations")
        .token(secret.expose())
        .json(&json!({"name": "Second", "person": "eve"}));
    let created = house.server.send(&create).ok().json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut organization = Organization {
        id: text(&created["organization"]),
        admin: text(&created["person"]["token"]),
        source: String::new(),
    };
    organization.source = organization.ingest(&house.server, &["444455556666"]);
    organization
}

#[test]
fn what_one_organization_has_is_out_of_reach_for_another() {
    let mut scene = Scene::set();
    let other = second(&mut scene.house);
    let server = &scene.house.server;
    let before = organization_as_seen(&scene);
    for operation in OPERATIONS {
        // With its own credential, which is good here, and the first one's ids.
        let token = if operation.name == "events.send" { &other.source } else { &other.admin };
        let answer = server.send(&scene.request(operation, token));
        let named = operation.path.contains('{') && !operation.path.contains("{dataset}");
        let named = named && operation.name != "recovery.approve";
        if named || operation.name == "datasets.public_key" {
            assert_eq!(answer.status, 404, "{}: {}", operation.name, answer.text());
        }
        if operation.name == "datasets.reveal" {
            assert!((400..500).contains(&answer.status), "{}", answer.text());
        }
        let text = answer.text();
        for secret in [&scene.identity, &scene.finding, &scene.spare, &scene.house.organization.id] {
            assert!(answer.status == 404 || !text.contains(secret.as_str()), "{}: {text}", operation.name);
        }
        assert!(!text.contains("ada@example.com") || operation.name == "datasets.protect", "{text}");
    }
    assert_eq!(organization_as_seen(&scene), before, "and nothing of it was changed");
    // A token whose parts are from two organizations is nobody's.
    let (mine, theirs): (Vec<&str>, Vec<&str>) =
        (scene.house.organization.admin.split('_').collect(), other.admin.split('_').collect());
    let mixed = format!("{}_{}_{}_{}", mine[0], mine[1], theirs[2], theirs[3]);
    let answer = server.send(&Request::new("GET", "/api/v1/findings").token(&mixed));
    assert_eq!(answer.status, 401, "{}", answer.text());
}

/// Everything that the first organization's administrator sees.
fn organization_as_seen(scene: &Scene) -> Vec<Value> {
    let (server, organization) = (&scene.house.server, &scene.house.organization);
    let mut seen: Vec<Value> = ["identities", "findings", "credentials", "datasets", "producers"]
        .into_iter()
        .flat_map(|list| organization.list(server, &format!("/api/v1/{list}")))
        .collect();
    seen.push(organization.get(server, "/api/v1/response").ok().json());
    seen.extend(organization.log(server));
    seen
}

#[test]
fn every_operation_is_open_to_whom_it_is_open_and_leaves_its_entry() {
    let scene = Scene::set();
    let mut missing = Vec::new();
    for operation in OPERATIONS {
        for caller in may(operation.action) {
            // One holder of the administrator's secret may create one organization.
            let answer = match (operation.name, caller) {
                ("organizations.create", _) => fresh(),
                (_, Caller::Administrator) => of_the_platform(operation),
                ("ledger.restart", _) => restarted(&scene, operation),
                _ => {
                    scene.prepare(operation.name);
                    let before = count(&scene, operation);
                    let request = scene.request(operation, &scene.token(*caller));
                    let answer = scene.house.server.send(&request);
                    if let Some(kind) = operation.audit
                        && answer.status == 200
                        && count(&scene, operation) == before
                    {
                        missing.push(format!("{}: no {kind}", operation.name));
                    }
                    (answer.status, answer.text())
                }
            };
            assert!(answer.0 == 200, "{} as {caller:?}: {} {}", operation.name, answer.0, answer.1);
        }
    }
    assert!(missing.is_empty(), "a change without its entry: {missing:?}");
    scene.house.ledger_verifies();
}

/// Breaks the published checkpoint of the one log below `ledgers`, so that there is reason to begin another.
fn break_log(ledgers: &Path) {
    let broken = until("a checkpoint is published", PATIENCE, || {
        let logs = std::fs::read_dir(ledgers).ok()?.flatten().map(|entry| entry.path());
        let ours = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            !name.contains('.')
        };
        logs.filter(ours).map(|log| log.join("checkpoint")).find(|checkpoint| checkpoint.is_file())
    });
    std::fs::write(broken, "no checkpoint").expect("it is written");
}

/// Begins another log in the place of one whose files are damaged.
fn restarted(scene: &Scene, operation: &Descriptor) -> (u16, String) {
    let status = scene.house.ledger_verifies();
    let checkpoint = Path::new(status["dir"].as_str().expect("a path")).join("checkpoint");
    std::fs::write(checkpoint, "no checkpoint").expect("it is written");
    let answer = scene.house.server.send(&scene.request(operation, &scene.token(Caller::Admin)));
    let status = scene.house.ledger_verifies();
    assert_eq!(status["generation"], 2, "{}", answer.text());
    let entries = tests::ledger::entries(Path::new(status["dir"].as_str().expect("a path")));
    assert_eq!(entries[0]["kind"], operation.audit.expect("it leaves an entry").as_str());
    (answer.status, answer.text())
}

/// What the administrator does with the platform's own log, while there is no organization.
fn of_the_platform(operation: &Descriptor) -> (u16, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let server = tests::server::Server::start(&data);
    let secret = administrator(&server);
    if operation.name == "ledger.restart" {
        break_log(&data.join("ledgers"));
    }
    let request = Request::new(operation.verb.method().as_str(), operation.path).token(&secret);
    let answer = server.send(&request.json(&json!({})));
    (answer.status, answer.text())
}

/// How many entries of the operation's kind are published.
fn count(scene: &Scene, operation: &Descriptor) -> usize {
    let Some(kind) = operation.audit else { return 0 };
    let status = scene.house.ledger_verifies();
    let entries = tests::ledger::entries(Path::new(status["dir"].as_str().expect("a path")));
    assert_eq!(Some(entries.len() as u64), status["published"].as_u64());
    entries.iter().filter(|entry| entry["kind"] == kind.as_str()).count()
}

/// Creates an organization on a new server, which is all that the administrator's secret is for.
fn fresh() -> (u16, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let server = tests::server::Server::start(&dir.path().join("data"));
    let secret = administrator(&server);
    let create = |name: &str| {
        Request::new("POST", "/api/v1/organizations")
            .token(&secret)
            .json(&json!({"name": name, "person": "ada"}))
    };
    let first = server.send(&create("First"));
    let again = server.send(&create("Second"));
    assert!(matches!(again.status, 401 | 403), "the secret is for one use: {}", again.text());
    let created: Value = first.json();
    let organization = Organization {
        id: String::new(),
        admin: created["person"]["token"].as_str().unwrap_or_default().to_owned(),
        source: String::new(),
    };
    let status = organization.get(&server, "/api/v1/ledger").status;
    assert_eq!(status, 200, "its first person can sign in");
    (first.status, first.text())
}
