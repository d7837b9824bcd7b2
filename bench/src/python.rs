//! The Python environments that `make bench` prepares, beside what cargo builds.

use crate::Failure;
use std::path::{Path, PathBuf};

/// The interpreter of an environment, in the target directory above this program.
pub(crate) fn interpreter(environment: &str) -> Result<PathBuf, Failure> {
    let here = std::env::current_exe()?;
    let target = here.parent().and_then(Path::parent).ok_or("this program stands in no folder")?;
    let python = target.join(environment).join("bin/python");
    if !python.is_file() {
        return Err(format!("{} is missing: make bench prepares it", python.display()).into());
    }
    Ok(python)
}
