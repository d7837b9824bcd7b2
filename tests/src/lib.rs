//! What the product tests share: the repository they stand in and the binary they run.
#![forbid(unsafe_code)]

pub mod cloudtrail;
pub mod dataset;
pub mod fuzz;
pub mod http;
pub mod ledger;
pub mod organization;
pub mod server;
pub mod wait;

use std::path::{Path, PathBuf};

/// The root of the repository that is being tested.
#[must_use]
pub fn repository() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The built `nexora`, in the same target directory and profile as the running test.
///
/// `cargo test --workspace` builds it before any test runs, because `apps/nexora` has integration tests.
///
/// # Errors
/// If the running test cannot be located, or no binary stands beside it.
pub fn binary() -> std::io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    // TARGET/PROFILE/deps/it-0123…
    let profile = test.ancestors().nth(2).unwrap_or(&test);
    let binary = profile.join(if cfg!(windows) { "nexora.exe" } else { "nexora" });
    match binary.try_exists()? {
        true => Ok(binary),
        false => Err(std::io::Error::new(
            std::io::ErrorKind::NotFound,
            format!("{} is not built: run `make test`, or `cargo test --workspace`", binary.display()),
        )),
    }
}
