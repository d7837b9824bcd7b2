//! Foreign clients, in the Python environment that `make test` prepares.

use serde_json::Value;
use std::{
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
};

/// Starts a script of `oracle/`.
fn start(script: &str) -> Child {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
    assert!(python.exists(), "{} is missing: run `make test`", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/oracle").join(script);
    let mut python = Command::new(python);
    let started = python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    started.expect("Python starts")
}

/// Runs a script of `oracle/` with a request on its stdin; its answer on stdout.
pub(crate) fn ask(script: &str, request: &Value) -> Value {
    let mut child = start(script);
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&serde_json::to_vec(request).expect("JSON")).expect("it listens");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{} failed", script);
    serde_json::from_slice(&output.stdout).expect("it answers in JSON")
}

/// Runs a script that asks back: each line it writes is a question, to be answered with a line, until the last,
/// which is its answer.
#[cfg(feature = "parquet-encryption")]
pub(crate) fn converse(script: &str, request: &Value, mut answer: impl FnMut(&Value) -> Value) -> Value {
    use std::io::{BufRead as _, BufReader};
    let mut child = start(script);
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut say = |value: &Value| {
        let mut line = serde_json::to_vec(value).expect("JSON");
        line.push(b'\n');
        stdin.write_all(&line).expect("it listens");
        stdin.flush().expect("it listens");
    };
    say(request);
    let last = loop {
        let line = lines.next().expect("it answers").expect("text");
        let value: Value = serde_json::from_str(&line).expect("it speaks JSON");
        if value.get("key_name").is_none() {
            break value;
        }
        say(&answer(&value));
    };
    assert!(child.wait().expect("it ends").success(), "{} failed", script);
    last
}
