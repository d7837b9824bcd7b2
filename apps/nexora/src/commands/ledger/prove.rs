//! `ledger prove`: the proof of one entry as a file that can be mailed.

use super::source::Source;
use crate::cli::{Global, Place, Prove};
use crate::connect::Surroundings;
use crate::failure::Failure;
use crate::files::Unfinished;
use crate::output::{Output, Show, facts};
use api::Client;
use api::client::Upload;
use base::Kind;
use ledger::Published;
use serde::Serialize;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use verify::Proof;

/// How every proof file begins.
const HEADER: &[u8] = b"c2sp.org/tlog-proof@v1\n";

/// What was written.
#[derive(Debug, Serialize)]
struct Wrote {
    proof: String,
    entry: u64,
    origin: String,
    size: u64,
    bytes: usize,
}

impl Show for Wrote {
    fn table(&self) -> String {
        facts([
            ("proof", Some(self.proof.clone())),
            ("entry", Some(self.entry.to_string())),
            ("origin", Some(self.origin.clone())),
            ("size", Some(self.size.to_string())),
            ("bytes", Some(self.bytes.to_string())),
        ])
    }
}

/// From published files.
pub(super) fn from_files(
    global: &Global,
    surroundings: &Surroundings,
    output: Output,
    command: &Prove,
    log: &str,
) -> Result<(), Failure> {
    let source = Source::open(log, global, surroundings)?;
    let told = |error: ledger::Unproven| source.told(error);
    let published = Published::open(source.log()?).map_err(told)?;
    // A directory or a URL is one log: who names another one is not given an entry of this one.
    let origin = &published.checkpoint().origin;
    if !is_of(origin, command.entry.generation) {
        let said = format!("the log there is {origin}: it has no entry {}", command.entry);
        return Err(Failure::new(Kind::BadInput, said));
    }
    let proof = published.prove(command.entry.position).map_err(told)?;
    write(output, command, &proof.to_file())
}

/// By a node.
pub(super) async fn by_node(client: &Client, output: Output, command: &Prove) -> Result<(), Failure> {
    let Place { generation, position } = command.entry;
    let request = api::ledgers::ProveRequest { position, generation };
    let mut download = client.download::<api::ledgers::Prove>(&request, Upload::empty()).await?;
    let mut file = Vec::new();
    while let Some(piece) = download.chunk().await? {
        file.extend_from_slice(&piece);
        if file.len() > verify::proof::MAX_BYTES {
            return Err(Failure::new(Kind::CheckFailed, "the server sent more than any proof has"));
        }
    }
    write(output, command, &file)
}

fn write(output: Output, command: &Prove, file: &[u8]) -> Result<(), Failure> {
    // Who asks for entry 7 gets entry 7, whoever made the proof. Whether it holds, `ledger verify` says.
    let wrong =
        |what: String| Failure::new(Kind::CheckFailed, format!("the proof that was made is none: {what}"));
    let proof = Proof::read(file).map_err(|error| wrong(error.to_string()))?;
    if proof.index != command.entry.position {
        return Err(wrong(format!("it is of entry {}", proof.index)));
    }
    let head = super::book::read_checkpoint(&proof.checkpoint);
    let head = head.ok_or_else(|| wrong("its checkpoint does not read".to_owned()))?;
    if !is_of(&head.origin, command.entry.generation) {
        return Err(wrong(format!("it is of the log {}", head.origin)));
    }
    let Some(path) = command.out.as_deref() else { return output.raw(file).and_then(|()| output.flush()) };
    may_be_replaced(path)?;
    let mut unfinished = Unfinished::replacing(path)?;
    unfinished.write(file)?;
    unfinished.finish()?;
    output.show(&Wrote {
        proof: path.display().to_string(),
        entry: proof.index,
        origin: head.origin,
        size: head.size,
        bytes: file.len(),
    })
}

/// Whether a log of this origin is the one that was asked for, if one was.
fn is_of(origin: &str, generation: Option<u32>) -> bool {
    generation.is_none_or(|generation| origin.ends_with(&format!("/{generation}")))
}

/// A file that is there is replaced only if it is a proof too.
fn may_be_replaced(path: &Path) -> Result<(), Failure> {
    let Ok(file) = File::open(path) else { return Ok(()) };
    let mut head = Vec::new();
    let read = file.take(HEADER.len() as u64).read_to_end(&mut head);
    if read.is_ok() && head == HEADER {
        return Ok(());
    }
    let what = format!("{} is there already and is no proof: it is left alone", path.display());
    Err(Failure::new(Kind::Conflict, what))
}
