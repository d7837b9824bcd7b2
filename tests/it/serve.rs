//! The server as a process: first start, one owner, where it listens, TLS, and a good end.

use crate::spine::House;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use tests::cloudtrail::harmless;
use tests::http::{Address, Request};
use tests::organization::{Organization, administrator};
use tests::server::{PATIENCE, Server, Start, nexora, run};
use tests::wait::{now, until};

fn bits(path: &std::path::Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn the_first_start_makes_a_private_directory_and_a_secret_that_is_used_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("deep/data");
    let server = Server::start(&data);
    assert_eq!(bits(&data), 0o700);
    let secret = data.join("administrator.secret");
    assert_eq!(bits(&secret), 0o600);
    let told = server.told().join("\n");
    assert!(told.contains("administrator.secret"), "where it is, is said: {told}");
    assert!(!told.contains(&administrator(&server)), "the secret itself is not");
    assert!(told.to_lowercase().contains("passphrase"), "a generated passphrase is warned of: {told}");
    let mut folders = vec![data.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map_while(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if name.contains("passphrase") || name.contains("sealed") || name.contains("secret") {
                    assert_eq!(bits(&path), 0o600, "{}", path.display());
                }
            }
        }
    }
    let _ = Organization::observing(&server);
    let again = Request::new("POST", "/api/v1/organizations")
        .token(&administrator_again(&data))
        .json(&json!({"name": "Again", "person": "ada"}));
    assert!(matches!(server.send(&again).status, 401 | 403));
}

/// The secret as read before it was used, or nothing where the file is gone with its use.
fn administrator_again(data: &std::path::Path) -> String {
    fs::read_to_string(data.join("administrator.secret")).unwrap_or_default().trim().to_owned()
}

#[test]
fn health_readiness_and_metrics_answer_and_the_unknown_is_not_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(&dir.path().join("data"));
    let tcp = Address::Tcp(server.address());
    for address in [&tcp, &server.socket()] {
        for path in ["/healthz", "/readyz", "/metrics"] {
            let answer = Request::new("GET", path).send(address).expect("an answer");
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            // What detection gives up for want of room, or for want of a credible time, is there to be seen.
            for figure in ["evicted_total 0", "told_together_total 0", "identities 0"] {
                let figure = format!("nexora_detection_{figure}");
                assert!(path != "/metrics" || answer.text().contains(&figure), "{figure}: {}", answer.text());
            }
        }
        let unknown = Request::new("GET", "/api/v1/nothing").send(address).expect("an answer");
        assert_eq!((unknown.status, unknown.json()["kind"].as_str()), (404, Some("not_found")));
    }
}

#[test]
fn a_second_process_on_the_directory_is_refused_and_told_who_owns_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let server = Server::start(&data);
    let said =
        run(&mut nexora(&["serve", "--data", data.to_str().expect("UTF-8"), "--listen", "127.0.0.1:0"]));
    assert_ne!(said.code, Some(0));
    assert!(said.err.contains(&server.pid().to_string()), "{}", said.err);
}

#[test]
fn it_listens_elsewhere_only_under_tls() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    for address in ["0.0.0.0:0", "[::]:0"] {
        let said = run(&mut nexora(&["serve", "--data", data.to_str().expect("UTF-8"), "--listen", address]));
        assert!(said.code.is_some_and(|code| code != 0), "{address}");
        assert!(said.err.to_lowercase().contains("tls"), "{address}: {}", said.err);
    }
}

#[test]
fn tls_agrees_on_a_hybrid_key_exchange() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    fs::write(&certificate, made.cert.pem()).expect("written");
    fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let arguments = [
        "--tls-certificate",
        certificate.to_str().expect("UTF-8"),
        "--tls-key",
        key.to_str().expect("UTF-8"),
    ];
    let mut server =
        Server::spawn(&dir.path().join("data"), &Start { arguments: &arguments, environment: &[] });
    server.ready();

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&certificate).expect("a certificate")).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).expect("a connection");
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).expect("a handshake");
    }
    let group = connection.negotiated_key_exchange_group().map(|group| group.name());
    assert_eq!(group, Some(rustls::NamedGroup::X25519MLKEM768));
    let stream = rustls::StreamOwned::new(connection, stream);
    let answer = Request::new("GET", "/healthz").over(stream).expect("an answer");
    assert_eq!(answer.status, 200);

    let url = format!("https://localhost:{}", server.address().rsplit(':').next().expect("a port"));
    let said = run(&mut nexora(&["doctor", "--server", &url, "--ca", certificate.to_str().expect("UTF-8")]));
    assert_eq!(said.code, Some(3), "reached, and not signed in: {}", said.err);
    let said = run(&mut nexora(&["doctor", "--server", &url]));
    assert_eq!(said.code, Some(1), "a certificate that nobody vouches for: {}", said.err);
}

#[test]
fn sigterm_finishes_what_was_begun_and_ends_well() {
    let mut house = House::open();
    let many: Vec<_> = (0..200).map(|number| harmless(&format!("t-{number}"), number % 7, number)).collect();
    house.send(&many);
    let begun = now();
    assert!(house.server.stop().success());
    assert!(begun.elapsed() < std::time::Duration::from_secs(20));
    let data = house.server.dir.clone();
    assert!(!data.join("nexora.sock").exists(), "its socket is gone with it");
    house.server = Server::start(&data);
    assert_eq!(house.organization.log(&house.server).len(), 200);
    house.ledger_verifies();
}

#[test]
fn a_request_that_is_running_when_the_server_ends_is_answered() {
    let mut house = House::open();
    house.send(&[harmless("u-1", 1, 1)]);
    let many: Vec<_> =
        (0..2_000).map(|number| harmless(&format!("v-{number}"), number % 7, number)).collect();
    let (organization, socket) = (house.organization.clone(), house.server.socket());
    let lines: Vec<String> = many.iter().map(serde_json::Value::to_string).collect();
    let request = Request::new("POST", "/api/v1/events")
        .token(&organization.source)
        .body("application/x-ndjson", lines.join("\n"));
    let sending = std::thread::Builder::new()
        .name("sender".to_owned())
        .spawn(move || request.send(&socket))
        .expect("a thread");
    house.server.signal("-TERM");
    until("the server ends", PATIENCE, || house.server.ended());
    let answered = sending.join().expect("the sender ends").is_ok_and(|answer| answer.status == 200);
    let data = house.server.dir.clone();
    house.server = Server::start(&data);
    let kept = house.organization.log(&house.server).len();
    // Either it came before the end and is kept whole, or it was never taken in.
    assert!(if answered { kept == 2_001 } else { kept == 1 || kept == 2_001 }, "{answered}: {kept}");
}
