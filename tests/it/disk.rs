//! The disk fails, at every write in turn: unsynced writes are lost, the last record is torn, a sync fails
//! once, the disk is full. `faults/disk.c` is that disk; a short scenario runs on it once for each place.

use crate::crash::once;
use crate::spine::{CSV, House};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, thread};
use tests::cloudtrail::{attack, harmless, key};
use tests::dataset::{self, Protected};
use tests::http::Request;
use tests::organization::{Organization, administrator};
use tests::server::{PATIENCE, Server, Start, nexora, run};
use tests::wait::{until, within};

/// How many runs go on at once.
const ABREAST: usize = 4;

/// How the disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Drop,
    Tear,
    Full,
    Sync,
}

impl Fault {
    const fn mode(self) -> &'static str {
        match self {
            Self::None => "count",
            Self::Drop => "drop",
            Self::Tear => "tear",
            Self::Full => "full",
            Self::Sync => "sync",
        }
    }
}

/// The failing disk, compiled, and a directory to copy.
struct Bench {
    shim: PathBuf,
    before: PathBuf,
    organization: Organization,
    /// Of the identity that attacks.
    identity: String,
    token: String,
    protected: Protected,
    _dir: tempfile::TempDir,
}

/// What one run on a failing disk came to.
#[derive(Debug, Default)]
struct Came {
    acknowledged: BTreeSet<String>,
    sent: BTreeSet<String>,
    quarantined: bool,
    revealed_after: bool,
    counts: Counts,
}

/// How often the disk was asked to do what.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    changes: u64,
    writes: u64,
    growths: u64,
    syncs: u64,
}

pub(crate) fn compile(into: &Path) -> PathBuf {
    let shim = into.join("disk.so");
    let source = tests::repository().join("tests/faults/disk.c");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .args([&shim, &source])
        .args(["-lpthread"])
        .output()
        .expect("a C compiler (cc)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    shim
}

impl Bench {
    /// A directory with an organization, two known identities and a protected dataset, closed in good
    /// order.
    fn new() -> Self {
        let mut house = House::open();
        house.send(&[harmless("known-1", 1, 1), harmless("known-2", 2, 2)]);
        let id = house.identity(&key(1))["id"].as_str().expect("an id").to_owned();
        let token = house.organization.bind(&house.server, &id);
        let protected = house.protect(&token, CSV);
        house.ledger_verifies();
        assert!(house.server.stop().success());
        // The root of trust stands on the same disk that fails, so that its writes meet the faults too.
        let (beside, inside) = (house.server.dir.with_extension("root"), house.server.dir.join("root"));
        fs::rename(beside, inside).expect("moved");
        let shim = compile(house._dir.path());
        Self {
            shim,
            before: house.server.dir.clone(),
            organization: house.organization.clone(),
            identity: id,
            token,
            protected,
            _dir: house._dir,
        }
    }

    /// Runs the scenario on a disk that fails so, at this place.
    fn run(&self, fault: Fault, at: u64) -> Came {
        let place = tempfile::tempdir().expect("a directory");
        let (data, side) = (place.path().join("data"), place.path().join("side"));
        fs::create_dir(&side).expect("a directory");
        copy(&self.before, &data, fault == Fault::Full);
        let mut came = Came::default();
        let mut server = start(&self.shim, &data, &side, fault, at);
        let started = ready(&mut server);
        if started {
            self.scenario(&server, &mut came, fault, &side);
        }
        let ended = server.ended();
        match fault {
            Fault::None => assert!(server.stop().success(), "{fault:?} at {at}"),
            Fault::Full if ended.is_some() => {
                // It may not even start, and then says why.
                assert!(!started, "{fault:?} at {at}");
                until("it says that there is no space", PATIENCE, || {
                    server.told().iter().any(|line| line.contains("space")).then_some(())
                });
            }
            Fault::Full => assert!(server.stop().success(), "{fault:?} at {at}"),
            Fault::Sync => {
                if ended.is_none() {
                    server.kill();
                }
            }
            Fault::Drop | Fault::Tear => {
                // The place may lie in what the server does on its way out.
                server.ask_to_end();
                until("the power goes", PATIENCE, || server.ended());
            }
        }
        came.counts = counts(&side);
        drop(server);

        let server = Server::start(&data);
        self.check(&server, &came, &format!("{fault:?} at {at}"));
        came
    }

    /// Sends three batches, the second with an attack, and reveals; stops at the first that gets no answer.
    fn scenario(&self, server: &Server, came: &mut Came, fault: Fault, side: &Path) {
        let batches = [
            vec![harmless("disk-1", 1, 100), harmless("disk-2", 2, 101), harmless("disk-3", 3, 102)],
            vec![attack("disk-4", 1, 110), harmless("disk-5", 2, 111)],
            vec![harmless("disk-6", 2, 120), harmless("disk-7", 4, 121)],
        ];
        let mut refused = false;
        for batch in batches {
            let ids: Vec<String> =
                batch.iter().filter_map(|event| Some(event["eventID"].as_str()?.to_owned())).collect();
            came.sent.extend(ids.iter().cloned());
            match self.organization.events(server, &batch) {
                Ok(answer) if answer.status == 200 => {
                    assert!(fault != Fault::Sync || !refused, "a writer that had stopped writes again");
                    came.acknowledged.extend(ids);
                }
                Ok(answer) if fault == Fault::Full => {
                    assert_eq!(answer.status, 507, "{}", answer.text());
                }
                Ok(answer) => {
                    assert!(answer.status >= 500, "{}: {}", answer.status, answer.text());
                    refused = true;
                }
                Err(_) => return,
            }
        }
        let attacked = came.acknowledged.contains("disk-4");
        let id = &self.identity;
        if fault == Fault::Full && !attacked {
            // By hand: a quarantine goes on from the reserve.
            let path = format!("/api/v1/identities/{id}/quarantine");
            let request =
                Request::new("POST", &path).token(&self.organization.admin).json(&serde_json::json!({}));
            let answer = server.send(&request);
            assert_eq!(answer.status, 200, "a quarantine on a full disk: {}", answer.text());
            came.quarantined = true;
        }
        if attacked || came.quarantined {
            let path = format!("/api/v1/identities/{id}");
            let request = Request::new("GET", &path).token(&self.organization.admin);
            let cut = || {
                let answer = request.send(&server.socket()).ok()?;
                (answer.json()["standing"] == "quarantined" || answer.status >= 500)
                    .then_some(answer.status == 200)
            };
            // A server that dies here, or whose writer has stopped, quarantines nobody before its restart.
            let limit = std::time::Duration::from_secs(3);
            let gone = || request.send(&server.socket()).is_err().then_some(false);
            came.quarantined |= within(limit, || cut().or_else(gone)).unwrap_or(false);
        }
        if came.quarantined
            && let Ok(answer) = dataset::reveal(server, &self.token, &self.protected)
        {
            came.revealed_after = answer.status == 200;
        }
        if fault == Fault::Full {
            fs::write(side.join("release"), "").expect("written");
            let batch = [harmless("disk-8", 2, 130)];
            came.sent.insert("disk-8".to_owned());
            until("there is room again", PATIENCE, || {
                let answer = self.organization.events(server, &batch).expect("an answer");
                (answer.status == 200).then(|| came.acknowledged.insert("disk-8".to_owned()))
            });
        }
    }

    /// Everything that was promised holds after a start on a sound disk.
    fn check(&self, server: &Server, came: &Came, what: &str) {
        let log = self.organization.log(server);
        let ids: Vec<&str> = log.iter().filter_map(|row| row["event"]["eventID"].as_str()).collect();
        let set: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), set.len(), "{what}: an event is there twice: {ids:?}");
        for id in came.acknowledged.iter().map(String::as_str).chain(["known-1", "known-2"]) {
            assert!(set.contains(id), "{what}: {id} was acknowledged and is gone: {ids:?}");
        }
        let unknown: Vec<_> =
            set.iter().filter(|id| !came.sent.contains(**id) && !id.starts_with("known-")).collect();
        assert!(unknown.is_empty(), "{what}: {unknown:?}");
        assert!(!came.revealed_after, "{what}: a reveal went through after the quarantine");
        let find = |native: &str| self.organization.identity(server, native).expect("it is known");
        if set.contains("disk-4") {
            until("the attack is answered after the restart", PATIENCE, || {
                (find(&key(1))["standing"] == "quarantined").then_some(())
            });
            let findings = self.organization.list(server, "/api/v1/findings");
            once(&findings);
            let id = find(&key(1))["id"].clone();
            let high: Vec<_> = findings
                .iter()
                .filter(|finding| {
                    finding["identity"] == id
                        && (finding["severity"] == "high" || finding["severity"] == "critical")
                })
                .collect();
            assert!(!high.is_empty() && high.iter().all(|finding| finding["count"] == 1), "{what}: {high:?}");
        }
        if came.quarantined {
            assert_eq!(find(&key(1))["standing"], "quarantined", "{what}");
            let answer = dataset::reveal(server, &self.token, &self.protected).expect("an answer");
            assert_eq!(answer.status, 403, "{what}: {}", answer.text());
        }
        let answer = self.organization.events(server, &[harmless("after", 2, 200)]).expect("an answer");
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        published(server, &self.organization, what);
    }
}

/// Everything committed is published, and the ledger verifies.
fn published(server: &Server, organization: &Organization, what: &str) {
    let status = until("all entries are published", PATIENCE, || {
        let status = organization.get(server, "/api/v1/ledger").ok().json();
        (status["committed"] == status["published"]).then_some(status)
    });
    let said = run(&mut nexora(&["ledger", "verify", status["dir"].as_str().expect("a path")]));
    assert_eq!(said.code, Some(0), "{what}: {}{}", said.out, said.err);
}

fn start(shim: &Path, data: &Path, side: &Path, fault: Fault, at: u64) -> Server {
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let environment = [
        ("LD_PRELOAD", text(shim)),
        ("DISK_DIR", text(data)),
        ("NEXORA_ROOT", text(&data.join("root"))),
        ("DISK_SIDE", text(side)),
        ("DISK_MODE", fault.mode().to_owned()),
        ("DISK_AT", at.to_string()),
    ];
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Server::spawn(data, &Start { environment: &environment, ..Start::default() })
}

/// Waits until the server is ready, or has ended.
fn ready(server: &mut Server) -> bool {
    let socket = server.socket();
    until("the server is ready or gone", PATIENCE, || {
        if server.ended().is_some() {
            return Some(false);
        }
        let answer = Request::new("GET", "/readyz").send(&socket).ok()?;
        // A node whose disk failed while it started may answer that it is not ready.
        (answer.status == 200 || answer.status == 503).then_some(true)
    })
}

fn counts(side: &Path) -> Counts {
    let bytes = fs::read(side.join("count")).unwrap_or_default();
    let number = |at: usize| {
        bytes.get(8 * at..8 * at + 8).and_then(|part| part.try_into().ok()).map_or(0, u64::from_ne_bytes)
    };
    Counts { changes: number(0), writes: number(1), growths: number(2), syncs: number(3) }
}

impl Counts {
    /// How many places a fault has.
    const fn of(self, fault: Fault) -> u64 {
        match fault {
            Fault::None => 0,
            Fault::Drop => self.changes,
            Fault::Tear => self.writes,
            Fault::Full => self.growths,
            Fault::Sync => self.syncs,
        }
    }
}

/// Copies a directory. The reserve is large and only a full disk changes it: else a second name will do.
fn copy(from: &Path, to: &Path, all: bool) {
    fs::create_dir(to).expect("a directory");
    fs::set_permissions(to, fs::metadata(from).expect("it is there").permissions()).expect("permissions");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            copy(&path, &to.join(name), all);
        } else if kind.is_file() && name == "reserve" && !all {
            fs::hard_link(&path, to.join(name)).expect("a second name");
        } else if kind.is_file() {
            fs::copy(&path, to.join(name)).expect("a copy");
        }
    }
}

/// Runs `one` for every `step`-th number in `1..=last`, a few abreast.
fn each(step: u64, last: u64, one: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(1);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..ABREAST)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(step, Ordering::Relaxed);
                        if at > last {
                            return;
                        }
                        one(at);
                    }
                })
            })
            .collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// Runs the scenario with the fault at every place in turn.
fn everywhere(fault: Fault) {
    let bench = Bench::new();
    let came = bench.run(Fault::None, 0);
    assert_eq!(came.acknowledged.len(), came.sent.len(), "a sound disk takes everything");
    let places = came.counts.of(fault);
    assert!(came.quarantined && places > 5, "{came:?}");
    each(1, places, |at| drop(bench.run(fault, at)));
}

#[test]
fn writes_that_were_not_synced_may_be_lost_at_any_change() {
    everywhere(Fault::Drop);
}

#[test]
fn the_last_record_may_be_torn_at_any_write() {
    everywhere(Fault::Tear);
}

#[test]
fn any_sync_may_fail_once_and_the_writer_then_refuses() {
    everywhere(Fault::Sync);
}

#[test]
fn the_disk_may_be_full_from_any_write_on() {
    everywhere(Fault::Full);
}

#[test]
fn the_first_start_may_lose_power() {
    let place = tempfile::tempdir().expect("a directory");
    let shim = compile(place.path());
    let begin = |fault, at| {
        let here = tempfile::tempdir().expect("a directory");
        let (data, side) = (here.path().join("data"), here.path().join("side"));
        fs::create_dir(&side).expect("a directory");
        let mut server = start(&shim, &data, &side, fault, at);
        ready(&mut server);
        server.kill();
        drop(server);
        let server = Server::start(&data);
        assert!(administrator(&server).starts_with("nxa_"), "{fault:?} at {at}");
        let organization = Organization::create(&server);
        let answer = organization.events(&server, &[harmless("first", 1, 1)]).expect("an answer");
        assert_eq!(answer.status, 200, "{fault:?} at {at}: {}", answer.text());
        published(&server, &organization, &format!("{fault:?} at {at}"));
        counts(&side).changes
    };
    let changes = begin(Fault::None, 0);
    assert!(changes > 20, "{changes}");
    // There are some hundreds, most of them the tables; every seventh, which meets each kind.
    each(7, changes, |at| {
        begin(Fault::Drop, at);
    });
}
