//! The product under test: `nexora serve` as a process, and single commands.

use crate::http::{Address, Answer, Request};
use crate::wait::until;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a server may take to become ready, or to go, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A command of the product, with nothing of this process's environment but where programs are.
///
/// # Panics
/// If the binary is not built.
#[must_use]
pub fn nexora(arguments: &[&str]) -> Command {
    let mut command = Command::new(crate::binary().expect("the binary"));
    command.args(arguments).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be started.
pub fn run(command: &mut Command) -> Said {
    Said::new(command.output().expect("the binary runs"))
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub out: String,
    /// What it wrote to stderr.
    pub err: String,
}

impl Said {
    fn new(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The same, if it succeeded.
    ///
    /// # Panics
    /// On any other exit code.
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// What it wrote to stdout, as JSON.
    ///
    /// # Panics
    /// If that is no JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| {
            let all = format!("{error}: {}\n{}", self.out, self.err);
            serde_json::Value::String(all)
        })
    }
}

/// How to start a server.
#[derive(Debug, Default)]
pub struct Start<'a> {
    /// Further arguments of `serve`.
    pub arguments: &'a [&'a str],
    /// Environment variables.
    pub environment: &'a [(&'a str, &'a str)],
}

/// A running server. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Its data directory.
    pub dir: PathBuf,
    told: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts one and waits until it is ready.
    ///
    /// # Panics
    /// If it does not become ready.
    #[must_use]
    pub fn start(dir: &Path) -> Self {
        let mut server = Self::spawn(dir, &Start::default());
        server.ready();
        server
    }

    /// Starts one and does not wait.
    ///
    /// # Panics
    /// If the binary cannot be started.
    #[must_use]
    pub fn spawn(dir: &Path, start: &Start<'_>) -> Self {
        let text = dir.to_str().expect("a path in UTF-8");
        let mut command = nexora(&["serve", "--data", text, "--listen", "127.0.0.1:0"]);
        command.args(start.arguments).envs(start.environment.iter().copied());
        Self::run(command, dir)
    }

    /// Starts a witness of these logs, and waits until it listens. It has no socket.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn witness(dir: &Path, logs: &Path, listen: &str) -> Self {
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        let command =
            nexora(&["witness", "serve", "--data", &text(dir), "--logs", &text(logs), "--listen", listen]);
        let mut witness = Self::run(command, dir);
        until("the witness listens", PATIENCE, || {
            let told = witness.told();
            assert!(witness.ended().is_none(), "the witness ended:\n{}", told.join("\n"));
            told.iter().any(|line| line.contains("listening on")).then_some(())
        });
        witness
    }

    fn run(mut command: Command, dir: &Path) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
        for stream in streams {
            let told = Arc::clone(&told);
            let reader = thread::Builder::new().name("server says".to_owned());
            let read = move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    told.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            };
            reader.spawn(read).expect("a thread");
        }
        Self { child, dir: dir.to_owned(), told }
    }

    /// Waits until `/readyz` says yes.
    ///
    /// # Panics
    /// After [`PATIENCE`], or if the process ends.
    pub fn ready(&mut self) {
        let socket = self.socket();
        until("the server is ready", PATIENCE, || {
            if let Some(status) = self.ended() {
                let told = self.told().join("\n");
                assert!(status.success() && !status.success(), "the server ended with {status}:\n{told}");
            }
            let answer = Request::new("GET", "/readyz").send(&socket).ok()?;
            (answer.status == 200).then_some(())
        });
    }

    /// Waits until it answers, ready or not, and gives what `/readyz` says.
    ///
    /// # Panics
    /// After [`PATIENCE`].
    #[must_use]
    pub fn answers(&self) -> Answer {
        let socket = self.socket();
        until("the server answers", PATIENCE, || Request::new("GET", "/readyz").send(&socket).ok())
    }

    /// Whether the process has ended, and how.
    ///
    /// # Panics
    /// If the system does not say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the system knows its processes")
    }

    /// The socket of the data directory.
    #[must_use]
    pub fn socket(&self) -> Address {
        Address::Unix(self.dir.join("nexora.sock"))
    }

    /// Everything the server has said so far.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The TCP address, as the server says it.
    ///
    /// # Panics
    /// If it does not say it.
    pub fn address(&self) -> String {
        until("the server says where it listens", PATIENCE, || {
            self.told().iter().find_map(|line| {
                let at = line.find("127.0.0.1:")?;
                let rest = &line[at..];
                let end =
                    rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(rest.len());
                Some(rest[..end].to_owned())
            })
        })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power cut of the process would (`kill -9`).
    ///
    /// # Panics
    /// If it cannot be ended.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Asks it to end (`SIGTERM`) and waits.
    ///
    /// # Panics
    /// If it does not end within [`PATIENCE`].
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("-TERM");
        until("the server ends", PATIENCE, || self.ended())
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill {signal}");
    }

    /// Asks it to end, if it has not ended.
    pub fn ask_to_end(&self) {
        // One that is gone needs no asking.
        let _ =
            Command::new("kill").args(["-TERM", &self.child.id().to_string()]).stderr(Stdio::null()).status();
    }

    /// Sends a request over the socket.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn send(&self, request: &Request) -> Answer {
        request.send(&self.socket()).expect("an answer")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already, or killed now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
