//! The Python environments that `make bench` prepares, beside what cargo builds, and the programs that run in them.

use crate::Failure;
use serde::de::DeserializeOwned;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Has a program do the work that it is handed as JSON, and gives what it answers as JSON.
pub(crate) fn run<T: DeserializeOwned>(
    environment: &str,
    program: &str,
    work: &serde_json::Value,
) -> Result<T, Failure> {
    let mut child = Command::new(interpreter(environment)?)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or("the program has no input")?.write_all(&serde_json::to_vec(work)?)?;
    let ended = child.wait_with_output()?;
    if !ended.status.success() {
        return Err(format!("the Python program ended with {}", ended.status).into());
    }
    Ok(serde_json::from_slice(&ended.stdout)?)
}

/// The interpreter of an environment, in the target directory above this program.
fn interpreter(environment: &str) -> Result<PathBuf, Failure> {
    let here = std::env::current_exe()?;
    let target = here.parent().and_then(Path::parent).ok_or("this program stands in no folder")?;
    let python = target.join(environment).join("bin/python");
    if !python.is_file() {
        return Err(format!("{} is missing: make bench prepares it", python.display()).into());
    }
    Ok(python)
}
