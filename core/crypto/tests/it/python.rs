//! Foreign implementations in Python: one run of a script beside this file answers one JSON document with another.

use serde_json::Value;
use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// Runs `oracle/SCRIPT` in the environment that `make test` prepares: a document in, a document out.
pub(crate) fn ask(script: &str, question: &Value) -> Value {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
    assert!(python.exists(), "{} is missing: run `make test`, which prepares it", python.display());
    let mut child = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/oracle").join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let question = serde_json::to_vec(question).expect("JSON");
    child.stdin.take().expect("a pipe").write_all(&question).expect("the script reads");
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script answers in JSON")
}
