//! `start`: the whole process from nothing to ready on an empty directory, and what it holds when idle.
//!
//! It starts the binary that stands beside it in the target directory. The time runs from before the process
//! is made until `/readyz` says yes, asked over the data directory's socket every millisecond; in it the
//! root of trust is made, with its passphrase, and the platform's keys and ledger.

use crate::Failure;
use crate::machine::{now, resident};
use crate::report::{Report, quantile};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const STARTS: usize = 20;
/// How long a server is left alone before what it holds is read.
const IDLE: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(30);

/// Runs it.
pub(crate) fn measure() -> Result<Report, Failure> {
    let binary = binary()?;
    let mut times = Vec::new();
    let (mut idle, mut most) = (f64::NAN, f64::NAN);
    for start in 1..=STARTS {
        let dir = tempfile::tempdir()?;
        let data = dir.path().join("data");
        let begun = now();
        let mut server = Running(
            Command::new(&binary)
                .args(["serve", "--listen", "127.0.0.1:0", "--data"])
                .arg(&data)
                // No setting of whoever measures.
                .env_clear()
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?,
        );
        ready(&data, begun, &mut server)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        if start == STARTS {
            let since = now();
            while since.elapsed() < IDLE {
                std::thread::park_timeout(IDLE.saturating_sub(since.elapsed()));
            }
            (idle, most) = resident(server.0.id())?;
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(Report {
        bench: "start",
        unit: "ms",
        ours: quantile(&times, 0.5),
        other: None,
        mode: format!(
            "median of {STARTS} cold starts of the whole process on an empty directory, to /readyz"
        ),
        more: vec![
            ("smallest", format!("{:.0} ms", quantile(&times, 0.0))),
            ("largest", format!("{:.0} ms", quantile(&times, 1.0))),
            ("memory when idle", format!("{idle:.1} MB resident after {} s", IDLE.as_secs())),
            ("memory at most", format!("{most:.1} MB resident")),
        ],
    })
}

/// A process that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, or killed now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn binary() -> Result<PathBuf, Failure> {
    let here = std::env::current_exe()?;
    let binary = here.with_file_name("nexora");
    if binary.is_file() {
        return Ok(binary);
    }
    Err(format!("{} is not built: cargo build --release --bin nexora", binary.display()).into())
}

fn ready(data: &Path, begun: Instant, server: &mut Running) -> Result<(), Failure> {
    loop {
        if answers(&data.join("nexora.sock")).unwrap_or(false) {
            return Ok(());
        }
        if let Some(status) = server.0.try_wait()? {
            return Err(format!("the server ended with {status}").into());
        }
        if begun.elapsed() > LIMIT {
            return Err("the server was not ready in time".into());
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn answers(socket: &Path) -> std::io::Result<bool> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut status = String::new();
    let mut reader = BufReader::new(stream);
    reader.read_line(&mut status)?;
    reader.read_to_end(&mut Vec::new())?;
    Ok(status.split(' ').nth(1) == Some("200"))
}
