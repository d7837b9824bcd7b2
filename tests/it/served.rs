//! The files of a ledger over HTTP: to auditors of its organization and nobody else, read by a foreign program, and found
//! changed by it.

use crate::ratchets::second;
use crate::spine::House;
use base::{Context, Id, Timestamp, noun};
use ledger::{Entry, Kind};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tests::http::{Address, Answer, Request};
use tests::server::{PATIENCE, Server};
use tests::wait::until;

/// How many entries the log has at least.
const ENTRIES: u64 = 100_000;

/// When the entries of [`fill`] are of.
pub(crate) const FILLED: Timestamp = Timestamp::from_millis(1_790_000_000_000);

struct Clock;

impl base::Clock for Clock {
    fn now(&self) -> Timestamp {
        FILLED
    }
}

/// A ledger that is served over TCP.
struct Served {
    house: House,
    auditor: String,
    status: Value,
    address: String,
}

impl Served {
    /// With `more` entries than what the house left by itself.
    fn with(more: u64) -> Self {
        let mut house = House::open();
        let auditor = house.organization.person(&house.server, "otto", "auditor");
        if more > 0 {
            assert!(house.server.stop().success());
            let data = house.server.dir.clone();
            fill(&data, &house.organization.id, more);
            house.server = Server::start(&data);
        }
        let status = until("all entries are published", 2 * PATIENCE, || {
            let status = house.organization.get(&house.server, "/api/v1/ledger").ok().json();
            (status["committed"] == status["published"]).then_some(status)
        });
        let address = house.server.address();
        Self { house, auditor, status, address }
    }

    fn prefix(&self) -> String {
        format!("/ledgers/{}", self.house.organization.id)
    }

    fn get(&self, token: Option<&str>, path: &str) -> Answer {
        self.ask("GET", token, path, &[])
    }

    fn ask(&self, method: &str, token: Option<&str>, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::new(method, path);
        if let Some(token) = token {
            request = request.token(token);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send(&Address::Tcp(self.address.clone())).expect("an answer")
    }

    fn keys(&self) -> Value {
        self.status["keys"].clone()
    }

    fn dir(&self) -> PathBuf {
        self.status["dir"].as_str().expect("a path").into()
    }

    /// What fsck of Tessera says of the log as it is served.
    fn foreign(&self, token: Option<&str>) -> Value {
        let root = format!("http://{}{}/", self.address, self.prefix());
        ask(&json!({"root": root, "token": token.unwrap_or_default(), "keys": self.keys()}))
    }
}

/// Commits entries to the organization's store, as a busy month would.
#[expect(clippy::disallowed_methods, reason = "a test is its own composition root")]
pub(crate) fn fill(data: &Path, organization: &str, count: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let random = crypto::aws_lc();
        let options = store::Options {
            dir: data.to_owned(),
            clock: Arc::new(Clock),
            random: Arc::new(move |bytes: &mut [u8]| random.fill(bytes)),
        };
        let store = store::Store::open(options, &[]).await.expect("the store");
        let organization: Id<noun::Organization> = organization.parse().expect("an id");
        let ctx = Context::background(organization, "test", Id::from_bytes([2; 16]));
        let mut left = count;
        while left > 0 {
            let some = left.min(5_000);
            let entry = |number: u64| {
                let identity = u128::from(number % 5_000).to_be_bytes();
                Entry::done(Kind::IdentityQuarantined, Id::<noun::Identity>::from_bytes(identity))
            };
            let tx = store.write(&ctx).await.expect("its turn");
            let _ = tx.commit_all((0..some).map(entry).collect()).await.expect("it commits");
            left -= some;
        }
        store.close().await;
    });
}

/// Asks the program of `tests/go`.
pub(crate) fn ask(work: &Value) -> Value {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../foreign");
    assert!(program.is_file(), "{} is missing: run `make test`, which builds it", program.display());
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the foreign reader starts");
    let input = serde_json::to_vec(work).expect("JSON");
    child.stdin.take().expect("it reads").write_all(&input).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("it answers in JSON")
}

#[test]
fn fsck_reads_100_000_entries_over_http_with_a_token_and_none_without() {
    let served = Served::with(ENTRIES);
    let size = served.status["published"].as_u64().expect("a number");
    assert!(size > ENTRIES);
    assert_eq!(served.foreign(Some(&served.auditor)), json!({"size": size}));
    let without = served.foreign(None);
    assert!(without["error"].as_str().is_some_and(|said| said.contains("401")), "{without}");
    // A changed log is served as it stands, and found out.
    for path in ["tile/entries/200", "tile/0/200", "tile/1/001.p", "checkpoint"] {
        let mut file = served.dir().join(path);
        if path.ends_with(".p") {
            let widest = fs::read_dir(&file).expect("partial tiles").flatten();
            let widest = widest
                .max_by_key(|part| part.file_name().to_str().and_then(|width| width.parse::<u16>().ok()));
            file = widest.expect("one").path();
        }
        let kept = fs::read(&file).expect("it is there");
        let mut changed = kept.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(&file, changed).expect("it is written");
        let answer = served.foreign(Some(&served.auditor));
        assert!(answer["error"].is_string(), "{path}: {answer}");
        fs::write(&file, kept).expect("it is written");
    }
    assert_eq!(served.foreign(Some(&served.auditor)), json!({"size": size}), "every change was taken back");
}

#[test]
fn the_files_of_a_ledger_are_open_to_whoever_may_read_it_and_to_nobody_else() {
    let mut served = Served::with(300);
    let other = second(&mut served.house);
    served.address = served.house.server.address();
    let (server, organization) = (&served.house.server, &served.house.organization);
    let user = organization.person(server, "ulla", "org_user");
    let prefix = served.prefix();
    for path in
        [format!("{prefix}/checkpoint"), format!("{prefix}/tile/0/000"), format!("{prefix}/tile/entries/000")]
    {
        for token in [&served.auditor, &organization.admin] {
            let answer = served.get(Some(token), &path).ok();
            let file = served.dir().join(path.strip_prefix(&format!("{prefix}/")).expect("below"));
            if !path.ends_with("checkpoint") {
                assert_eq!(answer.body, fs::read(file).expect("it is there"), "{path}");
            }
        }
        for token in [None, Some("nonsense"), Some("nxa_0_0_0")] {
            let answer = served.get(token, &path);
            assert_eq!(answer.status, 401, "{path}");
            assert!(answer.headers["www-authenticate"].starts_with("Bearer"));
        }
        // Not as a user, not as a source, not from elsewhere.
        for token in [&user, &organization.source, &other.admin] {
            let answer = served.get(Some(token), &path);
            assert_eq!(answer.status, 403, "{path}: {}", answer.text());
        }
        let nobody = format!("/ledgers/{}", Id::<noun::Organization>::from_bytes([9; 16]));
        let missing = path.replace(&prefix, &nobody);
        let (there, not) = (served.get(Some(&other.admin), &path), served.get(Some(&other.admin), &missing));
        let said = |answer: &Answer| (answer.status, answer.message());
        assert_eq!(said(&there), said(&not), "whether a ledger is there is not told");
    }
    // Each refusal is on record, in the log of whoever asked.
    let refused = until("the refusals are published", PATIENCE, || {
        let search = Request::new("POST", "/api/v1/ledger/search").token(&other.admin);
        let found = server.send(&search.json(&json!({"kind": "access.refused"}))).ok().json();
        (!found["items"].as_array()?.is_empty()).then_some(found)
    });
    let entry = &refused["items"][0]["entry"];
    assert_eq!(
        (&entry["action"], &entry["facts"]["operation"]),
        (&"ledger.read".into(), &"ledger.files".into())
    );
}

#[test]
fn the_platform_s_log_is_open_to_the_auditors_of_every_organization() {
    let served = Served::with(0);
    let (server, organization) = (&served.house.server, &served.house.organization);
    let user = organization.person(server, "ulla", "org_user");
    let platform = fs::read_to_string(server.dir.join("organizations/platform")).expect("it has one");
    let platform = platform.trim();
    assert_ne!(platform, organization.id);
    let prefix = format!("/ledgers/{platform}");
    // A stranger's refusal is on record there, with the address that it came from as a detail.
    assert_eq!(served.get(Some("nonsense"), "/api/v1/identities").status, 401);
    let entries = until("the platform has published it", PATIENCE, || {
        let head = served.get(Some(&served.auditor), &format!("{prefix}/checkpoint"));
        let size = head.text().lines().nth(1).and_then(|size| size.parse::<u64>().ok())?;
        let path = format!("{prefix}/tile/entries/000.p/{size}");
        let bundle = served.get(Some(&served.auditor), &path).text();
        (bundle.contains("access.refused") && bundle.contains("checkpoints.recorded")).then_some(bundle)
    });
    assert!(entries.contains(&organization.id), "ids are what is recorded");
    for private in ["127.0.0.1", "::1", "nonsense", "Example", "\"name\"", "ulla", "\"address\""] {
        assert!(!entries.contains(private), "{private} is in it: {entries}");
    }
    // Who does not know its name finds its head, and nothing else, under another one.
    let head = |token: Option<&str>| served.get(token, "/ledgers/platform/checkpoint");
    let found = head(Some(&served.auditor)).text();
    assert!(found.starts_with(&format!("nexora.internal/{platform}/1\n")), "{found}");
    assert_eq!(served.get(Some(&served.auditor), "/ledgers/platform/tile/entries/000").status, 404);
    assert_eq!((head(Some(&user)).status, head(None).status), (403, 401));
    for path in [format!("{prefix}/checkpoint"), format!("{prefix}.2/checkpoint")] {
        assert_eq!(served.get(Some(&user), &path).status, 403);
        assert_eq!(served.get(Some(&organization.source), &path).status, 403);
        assert_eq!(served.get(None, &path).status, 401);
    }
    assert_eq!(served.get(Some(&organization.admin), &format!("{prefix}.2/checkpoint")).status, 404);
}

#[test]
fn only_files_of_a_log_are_served_each_under_one_name() {
    let served = Served::with(300);
    let (prefix, token) = (served.prefix(), served.auditor.clone());
    let id = &served.house.organization.id;
    let bare = id.trim_start_matches("org_");
    for path in [
        format!("{prefix}/"),
        format!("{prefix}/tile/"),
        format!("{prefix}/tile/0"),
        format!("{prefix}/tile/0/0"),
        format!("{prefix}/tile/0/999"),
        format!("{prefix}/tile/0/000.p/0"),
        format!("{prefix}/tile/0/000.p/256"),
        format!("{prefix}/tile/0/../0/000"),
        format!("{prefix}/tile/../checkpoint"),
        format!("{prefix}/tile/..%2f..%2f..%2forganizations%2fplatform"),
        format!("{prefix}/tile/%2e%2e/%2e%2e/checkpoint"),
        format!("{prefix}/tile/0/000%00"),
        format!("{prefix}/tile/entries/x000/000"),
        format!("{prefix}/tile/0/000/"),
        format!("{prefix}//checkpoint"),
        format!("{prefix}/.staging"),
        format!("{prefix}.2/checkpoint"),
        format!("{prefix}.1/checkpoint"),
        format!("{prefix}.02/checkpoint"),
        format!("/ledgers/{bare}/checkpoint"),
        format!("/ledgers/{}/checkpoint", id.to_uppercase()),
        "/ledgers/../organizations/platform".to_owned(),
        format!("/ledgers/.waiting%2f{bare}/checkpoint"),
    ] {
        let answer = served.get(Some(&token), &path);
        assert!(matches!(answer.status, 403 | 404), "{path}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains("BEGIN") && answer.body.len() < 1_000, "{path}");
    }
    let changed = served.ask("DELETE", Some(&token), &format!("{prefix}/checkpoint"), &[]);
    assert!(matches!(changed.status, 404 | 405), "{}", changed.status);
}

#[test]
fn tiles_are_kept_by_clients_and_checkpoints_are_asked_for_again() {
    let served = Served::with(300);
    let (prefix, token) = (served.prefix(), served.auditor.clone());
    for (path, caching, media) in [
        (format!("{prefix}/tile/0/000"), "private, max-age=31536000, immutable", "application/octet-stream"),
        (format!("{prefix}/checkpoint"), "private, no-cache", "text/plain; charset=utf-8"),
    ] {
        let got = served.get(Some(&token), &path).ok();
        let header = |answer: &Answer, name: &str| answer.headers.get(name).cloned().unwrap_or_default();
        assert_eq!(
            (header(&got, "cache-control").as_str(), header(&got, "content-type").as_str()),
            (caching, media)
        );
        assert_eq!(header(&got, "content-length"), got.body.len().to_string());
        let tag = header(&got, "etag");
        assert!(tag.starts_with('"') && tag.len() == 66, "{tag}");
        let head = Request::new("HEAD", &path).token(&token).open(&Address::Tcp(served.address.clone()));
        assert_eq!(head.expect("an answer").status, 200);
        let again = served.ask("GET", Some(&token), &path, &[("if-none-match", &tag)]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!((header(&again, "etag"), header(&again, "cache-control").as_str()), (tag, caching));
        let other = served.ask("GET", Some(&token), &path, &[("if-none-match", "\"other\"")]);
        assert_eq!((other.status, other.body), (200, got.body));
        // Whoever has a tag has no right yet.
        assert_eq!(served.ask("GET", None, &path, &[("if-none-match", "*")]).status, 401);
    }
    // The checkpoint's tag changes with it.
    let path = format!("{prefix}/checkpoint");
    let tag = served.get(Some(&token), &path).ok().headers["etag"].clone();
    let _ = served.house.organization.person(&served.house.server, "nina", "auditor");
    until("another checkpoint is published", PATIENCE, || {
        let answer = served.ask("GET", Some(&token), &path, &[("if-none-match", &tag)]);
        (answer.status == 200).then_some(())
    });
}

#[test]
fn only_checkpoints_can_be_public() {
    let mut served = Served::with(300);
    assert!(served.house.server.stop().success());
    let data = served.house.server.dir.clone();
    let environment = [("NEXORA_LEDGER_PUBLIC_CHECKPOINTS", "true")];
    served.house.server =
        Server::spawn(&data, &tests::server::Start { environment: &environment, ..Default::default() });
    served.house.server.ready();
    served.address = served.house.server.address();
    let prefix = served.prefix();
    let checkpoint = served.get(None, &format!("{prefix}/checkpoint")).ok();
    assert_eq!(checkpoint.headers["cache-control"], "public, no-cache");
    assert!(checkpoint.text().starts_with("nexora.internal/org_"), "{}", checkpoint.text());
    for path in ["tile/0/000", "tile/entries/000", "tile/checkpoint", "tile/"] {
        let answer = served.get(None, &format!("{prefix}/{path}"));
        assert!(matches!(answer.status, 401 | 404), "{path}: {}", answer.status);
        assert_ne!(answer.status, 200);
    }
    assert_eq!(served.get(None, &format!("{prefix}/tile/0/000")).status, 401);
}
