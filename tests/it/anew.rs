//! Outputs are protected anew in the background, and the process is killed with `-9` in the middle of it: the pair of
//! output and manifest opens all the same, and asked for again the work comes to its end.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tests::dataset::{Protected, parts, reveal};
use tests::http::Request;
use tests::organization::{Organization, percent};
use tests::server::{PATIENCE, Server, Start};
use tests::wait::until;

const ROWS: usize = 40_000;

fn csv() -> String {
    let mut csv = "id,email,card,city\n".to_owned();
    for row in 0..ROWS {
        csv.push_str(&format!("{row},person{row}@example.com,{:016},Köln\n", row * 7));
    }
    csv
}

/// A server that may write in the directory where the output stands.
struct Station {
    server: Server,
    organization: Organization,
    output: PathBuf,
    plain: String,
    _dir: tempfile::TempDir,
}

fn start(data: &Path, out: &Path) -> Server {
    let out = out.to_str().expect("a path in UTF-8");
    let mut server = Server::spawn(data, &Start { arguments: &["--destination", out], ..Start::default() });
    server.ready();
    server
}

impl Station {
    fn open() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let out = dir.path().join("out");
        fs::create_dir(&out).expect("it is new");
        let server = start(&dir.path().join("data"), &out);
        let organization = Organization::create(&server);
        let (output, plain) = (out.join("people.csv"), csv());
        let location = percent(output.to_str().expect("UTF-8"));
        let path =
            format!("/api/v1/datasets/people/protect?fields=email,card%3Dff1:digits&location={location}");
        let request = Request::new("POST", &path).token(&organization.admin);
        let answer = request.body("text/csv", plain.as_str()).send(&server.socket()).expect("an answer").ok();
        assert_eq!(answer.outcome(), Some("ok"), "{}", answer.message());
        let pair = parts(&answer);
        fs::write(&output, &pair[0]).expect("it writes");
        fs::write(beside(&output), &pair[1]).expect("it writes");
        Self { server, organization, output, plain, _dir: dir }
    }

    fn post(&self, path: &str) -> Value {
        let request =
            Request::new("POST", path).token(&self.organization.admin).json(&Value::Object(<_>::default()));
        request.send(&self.server.socket()).expect("an answer").ok().json()
    }

    fn get(&self, path: &str) -> Value {
        self.organization.get(&self.server, path).ok().json()
    }

    fn progress(&self) -> Value {
        self.get("/api/v1/datasets/people/reencryption")["reencryption"].clone()
    }

    /// The pair that stands there opens, and is the file that was protected.
    fn opens(&self) {
        let read = |path: &Path| fs::read(path).expect("it is there");
        let pair = Protected { output: read(&self.output), manifest: read(&beside(&self.output)) };
        let answer = reveal(&self.server, &self.organization.admin, &pair).expect("an answer").ok();
        assert_eq!(answer.outcome(), Some("ok"), "{}", answer.message());
        assert!(answer.text() == self.plain, "it is the file that was protected");
    }
}

fn beside(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".manifest.json");
    name.into()
}

#[test]
fn what_is_killed_while_it_protects_anew_leaves_a_pair_that_opens_and_goes_on_when_asked() {
    let mut station = Station::open();
    let key = station.get("/api/v1/datasets/people")["key"].as_str().expect("a key").to_owned();
    station.post(&format!("/api/v1/keys/{key}/rotate"));
    let old = station.get("/api/v1/datasets/people/outputs?old=true");
    assert_eq!(old["items"].as_array().map(Vec::len), Some(1), "{old}");
    let before = fs::read(&station.output).expect("it is there");
    for part in [0, 1, 3] {
        let asked = station.post("/api/v1/datasets/people/reencryption");
        assert_eq!(asked["state"], "running", "{asked}");
        let wanted = asked["total_bytes"].as_u64().expect("a number") * part / 4;
        until("the work has come so far", PATIENCE, || {
            let progress = station.progress();
            let far = progress["bytes"].as_u64().is_some_and(|bytes| bytes >= wanted);
            (far || progress["state"] != "running").then_some(())
        });
        station.server.kill();
        let (data, out) =
            (station.server.dir.clone(), station.output.parent().expect("a directory").to_owned());
        station.server = start(&data, &out);
        until("the job that was killed is looked after", PATIENCE, || {
            (station.progress()["state"] != "running").then_some(())
        });
        station.opens();
        if station.progress()["state"] == "done" {
            break;
        }
    }
    if station.progress()["state"] != "done" {
        station.post("/api/v1/datasets/people/reencryption");
        until("the work is done", PATIENCE, || (station.progress()["state"] == "done").then_some(()));
    }
    assert_eq!(station.progress()["failed"], 0);
    station.opens();
    assert_ne!(fs::read(&station.output).expect("it is there"), before, "it was protected anew");
    let old = station.get("/api/v1/datasets/people/outputs?old=true");
    assert_eq!(old["items"].as_array().map(Vec::len), Some(0), "{old}");
    let left: Vec<_> = fs::read_dir(station.output.parent().expect("a directory"))
        .expect("it reads")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
