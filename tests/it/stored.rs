//! A node whose ledgers stand in an object storage, as its configuration says.

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tests::http::{Address, Request};
use tests::organization::Organization;
use tests::server::{PATIENCE, Server, Start, nexora, run};
use tests::wait::until;

/// A server that speaks S3 (moto, in memory), with the bucket `ledgers`.
struct S3 {
    child: Child,
    address: String,
}

impl S3 {
    fn start() -> Self {
        let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
        assert!(python.exists(), "{} is missing: run `make test`, which prepares it", python.display());
        let mut child = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(said.read_line(&mut line).expect("it says something") > 0, "the server ended");
            if let Some((_, address)) = line.trim().split_once("Running on http://") {
                break address.to_owned();
            }
        };
        let drain = std::thread::Builder::new().name("S3 says".to_owned());
        drain.spawn(move || drop(std::io::copy(&mut said, &mut std::io::sink()))).expect("a thread");
        let server = Self { child, address };
        let created = server.get("PUT", "/ledgers");
        assert!(created.starts_with("HTTP/1.1 200"), "{created}");
        server
    }

    fn get(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let host = &self.address;
        let ask = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).expect("it takes a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_node_keeps_its_ledgers_in_s3_through_a_kill_and_serves_them_from_there() {
    let (s3, dir) = (S3::start(), tempfile::tempdir().expect("a directory"));
    let (data, options, config) =
        (dir.path().join("data"), dir.path().join("storage"), dir.path().join("nexora.toml"));
    let lines = format!(
        "region = us-east-1\nendpoint = http://{}\nallow_http = true\n\
         access_key_id = test\nsecret_access_key = only-here\n",
        s3.address
    );
    fs::write(&options, lines).expect("it is written");
    let settings = format!(
        "ledger_storage = \"s3://ledgers/nexora\"\nledger_storage_options = {:?}\n",
        options.to_str().expect("UTF-8")
    );
    fs::write(&config, settings).expect("it is written");
    let config = config.to_str().expect("UTF-8");
    let start = Start { arguments: &["--config", config], ..Start::default() };
    let mut server = Server::spawn(&data, &start);
    server.ready();
    let organization = Organization::create(&server);
    for round in 0..3 {
        let _ = organization.person(&server, &format!("nina-{round}"), "auditor");
        server.kill();
        server = Server::spawn(&data, &start);
        server.ready();
    }
    let auditor = organization.person(&server, "otto", "auditor");
    let status = until("all entries are published", PATIENCE, || {
        let status = organization.get(&server, "/api/v1/ledger").ok().json();
        (status["committed"] == status["published"]).then_some(status)
    });
    let log = organization.id.trim_start_matches("org_");
    assert_eq!(status["dir"], format!("s3://ledgers/nexora/{log}"));
    let found = data.join("ledgers").join(log);
    assert!(!found.exists(), "nothing of the log stands in the data directory");
    let address = server.address();
    let served = format!("/ledgers/{}/checkpoint", organization.id);
    let checkpoint = Request::new("GET", &served).token(&auditor).send(&Address::Tcp(address.clone()));
    let checkpoint = checkpoint.expect("an answer").ok().text();
    assert!(checkpoint.starts_with(status["origin"].as_str().expect("a name")), "{checkpoint}");
    // A foreign program reads it from the node, and the product too.
    let root = format!("http://{address}/ledgers/{}", organization.id);
    let read =
        crate::served::ask(&json!({"root": format!("{root}/"), "token": auditor, "keys": status["keys"]}));
    assert_eq!(read, json!({"size": status["published"]}));
    let token = dir.path().join("otto.token");
    std::fs::write(&token, &auditor).expect("written");
    let token = token.to_str().expect("UTF-8");
    let mut verify = nexora(&["ledger", "verify", root.as_str(), "--token-file", token, "-o", "json"]);
    verify.env("XDG_CONFIG_HOME", dir.path());
    let verified = run(&mut verify).ok().json();
    assert_eq!((&verified["verified"], &verified["size"]), (&true.into(), &status["published"]));
    let search = Request::new("POST", "/api/v1/ledger/search").token(&auditor);
    let search = search.json(&json!({"kind": "person.admitted"}));
    let found = server.send(&search).ok().json();
    let admitted: Vec<&Value> = found["items"].as_array().expect("entries").iter().collect();
    assert_eq!(admitted.len(), 5, "ada, three auditors and otto, each once: {found}");
    // Credentials of the storage are on no record.
    assert!(!server.told().join("\n").contains("only-here"));
    let shown = run(&mut nexora(&["--config", config, "config", "show"])).ok();
    assert!(shown.out.contains("s3://ledgers/nexora") && !shown.out.contains("only-here"), "{}", shown.out);
}

#[test]
fn a_storage_that_names_none_is_refused_at_start() {
    let dir = tempfile::tempdir().expect("a directory");
    for (storage, said) in
        [("/var/ledgers", "ledger_storage"), ("s3://key:secret@bucket/x", "ledger_storage")]
    {
        let config = dir.path().join("nexora.toml");
        fs::write(&config, format!("ledger_storage = {storage:?}\n")).expect("it is written");
        let data = dir.path().join("data");
        let arguments = ["serve", "--data", data.to_str().expect("UTF-8"), "--listen", "127.0.0.1:0"];
        let mut serve = nexora(&arguments);
        let ended = run(serve.args(["--config", config.to_str().expect("UTF-8")]));
        assert_eq!(ended.code, Some(7), "{}", ended.err);
        assert!(ended.err.contains(said) && !ended.err.contains("secret"), "{}", ended.err);
    }
}
