//! `fields-python`: three of twelve columns of a CSV file, from file to file, by our command line, by tink-py and
//! by pyarrow's encrypted Parquet, all started and timed by one Python program (`bench/python/fields.py`).
//!
//! Ours is the whole process: start, reading, sealing, signing, writing, renaming. tink-py and pyarrow are
//! imported before their time begins. It needs the Python environment that `make bench` prepares, and the binary
//! beside this one.

use crate::Failure;
use crate::python;
use crate::report::Report;
use base::{Id, Secret};
use crypto::{Suite, hpke::KeyPair, sign};
use serde::Deserialize;
use std::io::Write as _;
use std::path::PathBuf;

/// Enough in debug to see it work.
const ROWS: u32 = if cfg!(debug_assertions) { 2_000 } else { 400_000 };
const PROGRAM: &str = include_str!("../python/fields.py");

/// What the Python program prints.
#[derive(Deserialize)]
struct Figures {
    ours: f64,
    tink: f64,
    pyarrow: f64,
    cores: u32,
    bytes: u64,
}

/// Runs it.
pub(crate) fn measure() -> Result<Report, Failure> {
    let dir = tempfile::tempdir()?;
    let (dataset_key, signing_key) = (dir.path().join("customers.pub"), dir.path().join("partner.key"));
    let provider = crypto::aws_lc();
    let key = fields::DatasetKey {
        organization: Id::from_bytes(crypto::random(&*provider)),
        dataset: Id::from_bytes(crypto::random(&*provider)),
        name: "customers".to_owned(),
        key: Id::from_bytes(crypto::random(&*provider)),
        public: KeyPair::generate(&*provider, Suite::Hybrid768).public,
    };
    std::fs::write(&dataset_key, serde_json::to_vec(&key)?)?;
    let signing: Secret<String> =
        sign::SigningKey::generate(&*provider, sign::Algorithm::MlDsa65).to_jwk()?;
    write_secret(&signing_key, &signing)?;
    let nexora = program()?;
    let work = serde_json::json!({
        "rows": ROWS, "nexora": nexora, "dataset_key": dataset_key, "signing_key": signing_key,
        "dir": dir.path(),
    });
    let Figures { ours, tink, pyarrow, cores, bytes } = python::run("python", PROGRAM, &work)?;
    Ok(Report {
        bench: "fields-python",
        unit: "values/s",
        ours,
        other: Some(("tink-py", tink)),
        mode: format!(
            "3 of 12 columns of a CSV file of {ROWS} rows and {} MB, from file to file, best of 3; ours the whole \
             process with {cores} cores, AES-256-GCM in Tink's format in base64url; tink-py the same values one by \
             one with Python's csv module",
            bytes / 1_000_000
        ),
        more: vec![
            ("pyarrow, encrypted Parquet columns", format!("{pyarrow:.0} values/s")),
            ("ratio to pyarrow", format!("{:.2}", ours / pyarrow)),
        ],
    })
}

fn write_secret(path: &std::path::Path, secret: &Secret<String>) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret.expose().as_bytes())
}

/// The binary, beside this program.
fn program() -> Result<PathBuf, Failure> {
    let nexora = std::env::current_exe()?.with_file_name("nexora");
    if !nexora.is_file() {
        return Err(format!("{} is not built: cargo build --release --bin nexora", nexora.display()).into());
    }
    Ok(nexora)
}
