//! A server that speaks S3 (moto, in memory), and a way to it that can be cut.

use base::Secret;
use objects::{Objects, Place};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The server; it ends with this value.
pub(crate) struct S3 {
    child: Child,
    address: SocketAddr,
}

impl S3 {
    /// Starts one on a port of its own, with the bucket `ledgers` in it.
    pub(crate) fn start() -> Self {
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
                break address.parse().expect("an address");
            }
        };
        // It says every request; nobody reads that, and a full pipe would stop it.
        std::thread::spawn(move || drop(std::io::copy(&mut said, &mut std::io::sink())));
        let server = Self { child, address };
        let mut stream = TcpStream::connect(server.address).expect("it listens");
        let create =
            "PUT /ledgers HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(create.as_bytes()).expect("it takes a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        server
    }

    /// A client of it, below a prefix.
    pub(crate) fn client(&self, prefix: &str, runtime: &tokio::runtime::Runtime) -> Objects {
        client(self.address, prefix, runtime)
    }

    /// A way to it that can be cut.
    pub(crate) fn line(&self) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let line = Line { address: listener.local_addr().expect("bound"), state: Arc::default() };
        let (state, to) = (Arc::clone(&line.state), self.address);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || carry(&stream, to, &state));
            }
        });
        line
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a line does with a request.
const OPEN: u8 = 0;
const CUT: u8 = 1;
const LOSE_ONE_ANSWER: u8 = 2;

/// A way to the server.
pub(crate) struct Line {
    address: SocketAddr,
    state: Arc<AtomicU8>,
}

impl Line {
    /// A client that goes this way.
    pub(crate) fn client(&self, prefix: &str, runtime: &tokio::runtime::Runtime) -> Objects {
        client(self.address, prefix, runtime)
    }

    /// Nothing passes any more.
    pub(crate) fn cut(&self) {
        self.state.store(CUT, Ordering::SeqCst);
    }

    /// Everything passes.
    pub(crate) fn mend(&self) {
        self.state.store(OPEN, Ordering::SeqCst);
    }

    /// The next `PUT` arrives, and its answer does not.
    pub(crate) fn lose_one_answer(&self) {
        self.state.store(LOSE_ONE_ANSWER, Ordering::SeqCst);
    }

    /// Whether that has happened.
    pub(crate) fn has_lost_it(&self) -> bool {
        self.state.load(Ordering::SeqCst) == OPEN
    }
}

/// Carries one connection. A client that asks for one thing after another on it gets each answer from a connection of
/// its own behind this one.
fn carry(near: &TcpStream, to: SocketAddr, state: &AtomicU8) {
    let mut reader = BufReader::new(near);
    while let Some(request) = message(&mut reader) {
        if state.load(Ordering::SeqCst) == CUT {
            break;
        }
        let Ok(mut far) = TcpStream::connect(to) else { break };
        if far.write_all(&request).is_err() {
            break;
        }
        let Some(answer) = message(&mut BufReader::new(&far)) else { break };
        let put = request.starts_with(b"PUT ");
        if put && state.compare_exchange(LOSE_ONE_ANSWER, OPEN, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            break;
        }
        let mut near = near;
        if near.write_all(&answer).is_err() {
            break;
        }
    }
    drop(near.shutdown(Shutdown::Both));
}

/// One request or answer whose body has a stated length.
fn message(reader: &mut impl std::io::BufRead) -> Option<Vec<u8>> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    loop {
        let start = bytes.len();
        reader.read_until(b'\n', &mut bytes).ok().filter(|read| *read > 0)?;
        let line = String::from_utf8_lossy(&bytes[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let start = bytes.len();
    bytes.resize(start + length, 0);
    reader.read_exact(&mut bytes[start..]).ok()?;
    Some(bytes)
}

fn client(address: SocketAddr, prefix: &str, runtime: &tokio::runtime::Runtime) -> Objects {
    let place: Place = format!("s3://ledgers/{prefix}").parse().expect("a place");
    let options = format!(
        "region = us-east-1\nendpoint = http://{address}\nallow_http = true\n\
         access_key_id = test\nsecret_access_key = test\n"
    );
    Objects::open(&place, &Secret::new(options.into_bytes()), runtime.handle().clone()).expect("a client")
}
