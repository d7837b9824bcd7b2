//! A log by its URL: from a node, with a token, and from a stranger's server that is not believed in anything.

use super::{Stranger, directory, fails, house, keys, text};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tests::server::PATIENCE;
use tests::wait::until;

#[test]
fn a_node_serves_its_log_to_auditors_and_to_nobody_without_a_token() {
    let mut house = house();
    let stranger = Stranger::new();
    let url = format!("http://{}/ledgers/{}", house.server.address(), house.organization.id);
    let token = house.organization.person(&house.server, "otto", "auditor");
    let user = house.organization.person(&house.server, "ulla", "org_user");
    let dir = directory(&house);
    for key in keys(&house) {
        let _ = stranger.run(&["ledger", "pins", "add", &key]).ok();
    }
    let ours = format!("http://{}/", house.server.address());
    let verify = |url: &str, token: &str| {
        let environment = [("NEXORA_TOKEN", token), ("NEXORA_SERVER", ours.as_str())];
        stranger.with(&["ledger", "verify", url, "-o", "json"], &environment)
    };
    let said = verify(&url, &token).ok().json();
    assert_eq!(said["size"], stranger.verify(text(&dir)).ok().json()["size"]);
    // It is held against the platform's log, which stands beside it, unasked; and named, it has to be there.
    let said = until("the platform's log has recorded it", PATIENCE, || {
        let said = verify(&url, &token).ok().json();
        said["platform"]["records"].as_u64().is_some_and(|records| records > 0).then_some(said)
    });
    assert!(said["platform"]["covers"].as_u64() <= said["size"].as_u64(), "{said}");
    let with = |more: &[&str]| {
        let environment = [("NEXORA_TOKEN", token.as_str()), ("NEXORA_SERVER", ours.as_str())];
        stranger.with(&[&["ledger", "verify", &url], more].concat(), &environment)
    };
    let platform =
        said["platform"]["origin"].as_str().and_then(|origin| origin.split('/').nth(1)).expect("a name");
    let platform = url.replace(&house.organization.id, platform);
    assert!(with(&["--platform", &platform]).ok().out.contains("records one history of this log"));
    assert_eq!(with(&["--platform", &format!("{platform}.2")]).code, Some(8), "it is not there");
    let _ = verify(&platform, &token).ok();
    // Under the name that stands for it, too.
    let head = url.replace(&house.organization.id, "platform");
    assert_eq!(verify(&head, &token).ok().json()["origin"], said["platform"]["origin"]);
    let also = verify(&format!("{url}/checkpoint"), &token).ok().json();
    assert_eq!(also["root"], said["root"], "the address of the checkpoint does as well");
    assert_eq!(verify(&url, "").code, Some(3));
    assert_eq!(verify(&url, "nonsense").code, Some(3));
    assert_eq!(verify(&url, &user).code, Some(4));
    assert_eq!(verify("http://10.0.0.1/ledgers/x", &token).code, Some(7), "no credential in the clear");
    assert_eq!(verify("http://otto:secret@127.0.0.1/x", &token).code, Some(7), "none in an address either");
    assert!(matches!(verify(&format!("{url}x"), &token).code, Some(4 | 5 | 8)));
    let file = stranger.put("token", &token);
    let _ = stranger.run(&["ledger", "verify", &url, "--token-file", &file, "--require-pin"]).ok();
    // A token of the environment's goes to no server that is not named as ours.
    let withheld = stranger.with(&["ledger", "verify", &url], &[("NEXORA_TOKEN", &token)]);
    assert!(withheld.code == Some(3) && withheld.err.contains("--token-file"), "{}", withheld.err);
    let prove = ["ledger", "prove", "1", "--log", &url, "--server", &ours];
    let proof = stranger.with(&prove, &[("NEXORA_TOKEN", &token)]).ok();
    let _ = stranger.verify(&stranger.put("mail", proof.out)).ok();
    assert!(house.server.stop().success());
    assert_eq!(verify(&url, &token).code, Some(1), "nobody answers");
}

/// What the heads of the requests were.
pub(super) type Heads = Arc<Mutex<Vec<String>>>;

/// A server of files that nobody has to trust: what it answers to a path is up to `answer`. It ends with the test.
pub(super) fn serve(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> (String, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let heads: Heads = Arc::default();
    let (seen, answer) = (Arc::clone(&heads), Arc::new(answer));
    let accept = move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
            let worker = std::thread::Builder::new().name("connection".to_owned());
            // A client that has gone is no failure of this server.
            drop(worker.spawn(move || drop(connection(&stream, &seen, &*answer))));
        }
    };
    drop(std::thread::Builder::new().name("files".to_owned()).spawn(accept).expect("a thread"));
    (format!("http://{address}/log"), heads)
}

pub(super) enum Answer {
    File(Vec<u8>),
    Status(&'static str),
    /// A body without an end.
    Endless,
}

fn connection(stream: &TcpStream, seen: &Heads, answer: &dyn Fn(&str) -> Answer) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut out = stream;
    loop {
        let mut head = Vec::new();
        for line in lines.by_ref() {
            let line = line?;
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { return Ok(()) };
        let path = path.trim_start_matches("/log/").to_owned();
        seen.lock().expect("not poisoned").push(head.join("\n"));
        match answer(&path) {
            Answer::File(bytes) => {
                write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len())?;
                out.write_all(&bytes)?;
            }
            Answer::Status(status) => write!(out, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")?,
            Answer::Endless => {
                write!(out, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
                loop {
                    write!(out, "10000\r\n")?;
                    out.write_all(&vec![b'x'; 0x10000])?;
                    write!(out, "\r\n")?;
                }
            }
        }
    }
}

pub(super) fn from(dir: PathBuf) -> impl Fn(&str) -> Answer {
    move |path| fs::read(dir.join(path)).map_or(Answer::Status("404 Not Found"), Answer::File)
}

#[test]
fn a_strangers_server_gets_no_credential_and_is_believed_in_nothing() {
    let mut house = house();
    let dir = directory(&house);
    let keys = keys(&house);
    assert!(house.server.stop().success());
    let (url, heads) = serve(from(dir.clone()));
    let stranger = Stranger::new();
    let verify = |url: &str| {
        let arguments = ["ledger", "verify", url, "--key", &keys[0], "--key", &keys[1]];
        stranger.with(&arguments, &[("NEXORA_TOKEN", "nxa_secret_that_nobody_asked_for")])
    };
    let _ = verify(&url).ok();
    let said = heads.lock().expect("not poisoned").join("\n").to_ascii_lowercase();
    assert!(said.contains("get /log/checkpoint") && !said.contains("authorization"), "{said}");

    // Changed on the way: each file in turn.
    for (path, _) in all(&dir) {
        let (dir, path) = (dir.clone(), path.clone());
        let (url, _) = serve(move |asked| match from(dir.clone())(asked) {
            Answer::File(mut bytes) if asked == path => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                Answer::File(bytes)
            }
            other => other,
        });
        let said = verify(&url);
        assert!(said.code == Some(8) && said.out.is_empty(), "{:?}: {}", said.code, said.err);
    }
    // Missing; endless; elsewhere; broken.
    for (what, answer) in
        [("missing", "404 Not Found"), ("elsewhere", "302 Found"), ("broken", "500 Internal Server Error")]
    {
        let dir = dir.clone();
        let (url, _) = serve(move |asked| {
            if asked.starts_with("tile/entries/") { Answer::Status(answer) } else { from(dir.clone())(asked) }
        });
        let said = verify(&url);
        assert!(said.code.is_some_and(|code| code != 0) && said.out.is_empty(), "{what}: {}", said.err);
    }
    for asked in ["checkpoint", "tile/0/", "tile/entries/"] {
        let dir = dir.clone();
        let (url, _) = serve(
            move |path| if path.starts_with(asked) { Answer::Endless } else { from(dir.clone())(path) },
        );
        let said = verify(&url);
        assert!(said.code.is_some_and(|code| code != 0) && said.out.is_empty(), "{asked}: {}", said.err);
    }
    // A size that is only claimed takes no memory.
    let claims = fs::read_to_string(dir.join("checkpoint")).expect("text");
    let size = claims.lines().nth(1).expect("a size");
    for claimed in ["9007199254740991", "18446744073709551615", "99999999"] {
        let claims = claims.replacen(&format!("\n{size}\n"), &format!("\n{claimed}\n"), 1);
        let dir = dir.clone();
        let (url, _) = serve(move |path| match path {
            "checkpoint" => Answer::File(claims.clone().into_bytes()),
            path => from(dir.clone())(path),
        });
        fails(&verify(&url), "");
    }
}

/// Whoever serves a log can ask for a credential; that alone is no reason to hand it over.
#[test]
fn a_strangers_server_that_asks_for_a_credential_gets_none() {
    let (url, heads) = serve(|_| Answer::Status("401 Unauthorized"));
    let other = "http://127.0.0.1:1";
    let here = url.trim_end_matches("/log").to_owned();
    let stranger = Stranger::new();
    let token = ("NEXORA_TOKEN", "nxa_secret_that_nobody_gets");
    let asked_with = |arguments: &[&str], environment: &[(&str, &str)]| {
        heads.lock().expect("not poisoned").clear();
        let said = stranger.with(arguments, environment);
        assert_eq!(said.code, Some(3), "{}", said.err);
        let heads = heads.lock().expect("not poisoned").join("\n").to_ascii_lowercase();
        assert!(heads.contains("get /log/checkpoint"), "{heads}");
        (heads.contains("authorization"), said.err)
    };
    let old = stranger.put("old", "");
    let verify: &[&str] = &["ledger", "verify", &url];
    for command in [verify, &["ledger", "show", &url], &["ledger", "consistency", &old, "--log", &url]] {
        let (sent, said) = asked_with(command, &[token]);
        assert!(!sent && said.contains("--token-file") && said.contains("NEXORA_SERVER"), "{said}");
    }
    // Another server is ours: by its port, and by its scheme.
    let tls = here.replacen("http:", "https:", 1);
    for ours in [other, &tls, &format!("{here}0"), "nonsense"] {
        assert!(!asked_with(verify, &[token, ("NEXORA_SERVER", ours)]).0, "{ours}");
    }
    let named = ["ledger", "verify", &url, "--server", other];
    let flag_first = asked_with(&named, &[token, ("NEXORA_SERVER", &here)]);
    assert!(!flag_first.0, "the flag comes before the environment");
    // It is ours, or the user names the credential for it.
    assert!(asked_with(verify, &[token, ("NEXORA_SERVER", &here)]).0);
    let file = stranger.put("token", token.1);
    assert!(asked_with(&["ledger", "verify", &url, "--token-file", &file], &[]).0);
}

/// Every file below a folder, by its path within.
fn all(dir: &Path) -> Vec<(String, PathBuf)> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it can be listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("it is below").to_str().expect("UTF-8").to_owned();
                found.push((name, path));
            }
        }
    }
    // Older partial files are asked for by nobody who reads a log by its URL.
    let newest = fs::read_to_string(dir.join("checkpoint")).expect("text");
    let size = newest.lines().nth(1).expect("a size").to_owned();
    found.retain(|(name, _)| !name.contains(".p/") || name.ends_with(&format!(".p/{size}")));
    found
}
