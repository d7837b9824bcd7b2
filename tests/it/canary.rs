//! Plaintext never touches the disk while a file is protected: the process is killed with `-9` in the middle, and then
//! its data, spool, temporary and output directories are searched for what only the input held.

use std::fs;
use std::io::{Read as _, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tests::http::Address;
use tests::organization::Organization;
use tests::server::{PATIENCE, Server, Start, nexora};
use tests::wait::until;

/// In the named column: it stands nowhere.
const NAMED: &str = "CANARYnamedfieldQmFzZTY0IGlzIG5vdA";

/// In a column that is left as it is: it stands in the output, which shows that the search finds what is there.
const UNNAMED: &str = "VISIBLEothercolumnQmFzZTY0IGlzIG5v";

/// How much is sent before the process is killed, in bytes: many times what a socket holds.
const SENT: usize = 12 << 20;

/// What stands in a file of the format after its beginning, over and over.
fn record(format: &str) -> String {
    match format {
        "csv" => format!("1,{NAMED}@example.org,{UNNAMED}\n"),
        // Kept until its end is there, which never comes.
        "parquet" => format!("{NAMED}\0"),
        _ => format!("{{\"id\": 1, \"email\": \"{NAMED}@example.org\", \"other\": \"{UNNAMED}\"}}\n"),
    }
}

const fn beginning(format: &str) -> &'static str {
    match format.as_bytes() {
        b"csv" => "id,email,other\n",
        b"parquet" => "PAR1",
        _ => "",
    }
}

/// Where a process may leave something.
struct Places {
    _dir: tempfile::TempDir,
    data: PathBuf,
    temporary: PathBuf,
    output: PathBuf,
}

impl Places {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let place = |name: &str| dir.path().join(name);
        let (data, temporary, output) = (place("data"), place("temporary"), place("output"));
        for made in [&temporary, &output] {
            fs::create_dir(made).expect("it is new");
        }
        Self { _dir: dir, data, temporary, output }
    }

    fn start(&self) -> Server {
        let temporary = self.temporary.to_str().expect("a path in UTF-8");
        let start = Start { environment: &[("TMPDIR", temporary)], ..Start::default() };
        let mut server = Server::spawn(&self.data, &start);
        server.ready();
        server
    }

    fn search(&self) {
        let mut searched = 0;
        for place in [&self.data, &self.temporary, &self.output] {
            for (path, bytes) in every_file(place) {
                searched += 1;
                assert!(!holds(&bytes, NAMED), "plaintext stands in {path}");
            }
        }
        assert!(searched > 5, "{searched} files were searched");
    }
}

fn holds(bytes: &[u8], canary: &str) -> bool {
    // Half of it is enough to know it by, wherever a write was cut.
    let canary = &canary.as_bytes()[..20];
    bytes.windows(canary.len()).any(|window| window == canary)
}

fn every_file(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().map_while(Result::ok) {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            found.extend(every_file(&path));
        } else if kind.is_file() {
            found.push((path.display().to_string(), fs::read(&path).expect("a file")));
        }
    }
    found
}

/// Begins to send a file that does not end; the answer is read and dropped.
fn begin(server: &Server, token: &str, format: &str) -> UnixStream {
    let Address::Unix(socket) = server.socket() else { panic!("a socket") };
    let mut stream = UnixStream::connect(socket).expect("it answers");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    let head = format!(
        "POST /api/v1/datasets/canary/protect?fields=email&format={format} HTTP/1.1\r\nhost: localhost\r\n\
         te: trailers\r\nauthorization: Bearer {token}\r\ncontent-type: application/octet-stream\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it takes a request");
    let mut answer = stream.try_clone().expect("a stream");
    let reader = std::thread::Builder::new().name("answer".to_owned());
    reader
        .spawn(move || {
            let mut piece = vec![0; 64 << 10];
            while answer.read(&mut piece).is_ok_and(|read| read > 0) {}
        })
        .expect("a thread");
    chunk(&mut stream, beginning(format).as_bytes());
    stream
}

fn chunk(stream: &mut UnixStream, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    stream.write_all(&framed).expect("it goes on taking the file");
}

#[test]
fn a_server_that_is_killed_while_it_protects_leaves_no_plaintext() {
    for format in ["csv", "ndjson", "parquet"] {
        let places = Places::new();
        let mut server = places.start();
        let organization = Organization::create(&server);
        let mut stream = begin(&server, &organization.admin, format);
        let records = record(format).repeat(1_000);
        let mut sent = 0;
        while sent < SENT {
            chunk(&mut stream, records.as_bytes());
            sent += records.len();
        }
        if format == "parquet" {
            spooled(server.pid());
        }
        server.kill();
        places.search();
    }
}

/// What is kept of a file that must be there whole first: in a file without a name, and encrypted.
fn spooled(pid: u32) {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process");
    let spools = open.map_while(Result::ok).map(|entry| entry.path()).filter(|path| {
        fs::read_link(path).is_ok_and(|name| name.to_string_lossy().ends_with(".spool (deleted)"))
    });
    let mut found = 0;
    for spool in spools {
        let bytes = fs::read(spool).expect("it is open");
        assert!(bytes.len() > SENT / 2, "{} bytes were spooled", bytes.len());
        assert!(!holds(&bytes, NAMED), "the spool holds plaintext");
        found += 1;
    }
    assert_eq!(found, 1, "there is one spool");
}

#[test]
fn a_command_that_is_killed_while_it_protects_leaves_no_plaintext_and_no_output() {
    for format in ["csv", "ndjson"] {
        let places = Places::new();
        let mut server = places.start();
        let organization = Organization::create(&server);
        // From here on the command does the work in its own process.
        assert!(server.stop().success());
        let output = places.output.join("canary.out");
        let (data, out) = (places.data.to_str().expect("UTF-8"), output.to_str().expect("UTF-8"));
        let mut command = nexora(&[
            "--data",
            data,
            "protect",
            "-",
            "--dataset",
            "canary",
            "--fields",
            "email",
            "--format",
            format,
            "--out",
            out,
        ]);
        command.env("TMPDIR", &places.temporary).env("NEXORA_TOKEN", &organization.admin);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut input = child.stdin.take().expect("piped");
        input.write_all(beginning(format).as_bytes()).expect("it reads");
        let records = record(format).repeat(1_000);
        let mut sent = 0;
        while sent < SENT {
            if let Err(error) = input.write_all(records.as_bytes()) {
                let mut said = String::new();
                child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
                panic!("it ended ({error}): {said}");
            }
            sent += records.len();
        }
        // Some of what it made stands there already, under another name.
        until("something is written", PATIENCE, || {
            every_file(&places.output).iter().any(|(_, bytes)| bytes.len() > 1 << 20).then_some(())
        });
        child.kill().expect("it can be killed");
        child.wait().expect("it can be waited for");
        places.search();
        let found = every_file(&places.output).iter().any(|(_, bytes)| holds(bytes, UNNAMED));
        assert!(found, "the search finds what is there");
        assert!(!output.exists(), "a file that is not whole does not stand under its name");
        let mut manifest = output.into_os_string();
        manifest.push(".manifest.json");
        assert!(!Path::new(&manifest).exists(), "nobody holds a manifest");
    }
}
