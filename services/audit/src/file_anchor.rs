//! An anchor that is a file outside the data directory: on another disk, or one that can only be appended to.
//!
//! One line per checkpoint, a JSON object: `note` (base64 of the signed note, as published) and `time` (RFC 3339). The
//! line is the receipt. A line that a crash cut off, and any other that does not read, is passed over
//! (`docs/formats/anchor-file.md`).

use crate::{Anchor, Fate, Unreachable, WrongReceipt, ports::claimed};
use base::{Clock, Timestamp};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};
use std::{
    fs,
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// The file. Every log of a node appends to it.
#[derive(Clone)]
pub struct FileAnchor {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    turn: Arc<Mutex<()>>,
}

impl FileAnchor {
    /// The anchor in this file, which is made at the first checkpoint; its directory is there.
    #[must_use]
    pub fn new(path: &Path, clock: Arc<dyn Clock>) -> Self {
        Self { path: path.to_owned(), clock, turn: Arc::default() }
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Unreachable> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let turn = Arc::clone(&this.turn);
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            work(&this)
        });
        let unreachable = |why: String| Unreachable { by: self.name(), why, required: true };
        match done.await {
            Ok(done) => done.map_err(|error| unreachable(error.to_string())),
            Err(error) => Err(unreachable(error.to_string())),
        }
    }

    fn lines(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let text = match fs::read(&self.path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        Ok(text.lines().filter_map(|line| Some((line.to_owned(), read(line)?.0))).collect())
    }

    fn append(&self, note: &[u8]) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().create(true).read(true).append(true).open(&self.path)?;
        let mut line = Vec::new();
        let end = file.seek(io::SeekFrom::End(0))?;
        if end > 0 {
            let mut last = [0];
            file.seek(io::SeekFrom::Start(end - 1))?;
            file.read_exact(&mut last)?;
            // A line that a crash cut off is left as it is.
            if last != *b"\n" {
                line.push(b'\n');
            }
        }
        let record = json!({ "note": STANDARD.encode(note), "time": self.clock.now().to_string() });
        line.extend_from_slice(record.to_string().as_bytes());
        line.push(b'\n');
        file.write_all(&line)?;
        file.sync_all()?;
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
    }
}

impl Anchor for FileAnchor {
    fn name(&self) -> String {
        format!("anchor {}", self.path.display())
    }

    fn submit<'a>(&'a self, note: &'a [u8]) -> BoxFuture<'a, Result<(), Unreachable>> {
        let note = note.to_vec();
        self.with(move |this| this.append(&note)).boxed()
    }

    fn fate<'a>(&'a self, note: &'a [u8]) -> BoxFuture<'a, Result<Fate, Unreachable>> {
        let note = note.to_vec();
        let looked = self.with(move |this| {
            let found = this.lines()?.into_iter().rev().find(|(_, known)| *known == note);
            Ok(found.map_or(Fate::Pending, |(line, _)| Fate::Accepted(line.into_bytes())))
        });
        looked.boxed()
    }

    fn verify(&self, receipt: &[u8], note: &[u8]) -> Result<Option<Timestamp>, WrongReceipt> {
        let text = std::str::from_utf8(receipt).ok().and_then(read);
        let (known, time) = text.ok_or_else(|| WrongReceipt("it is no line of an anchor file".to_owned()))?;
        if known == note { Ok(time) } else { Err(WrongReceipt("it is for another checkpoint".to_owned())) }
    }

    fn latest<'a>(&'a self, origin: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Unreachable>> {
        let origin = origin.to_owned();
        let looked = self.with(move |this| {
            let notes = this.lines()?.into_iter().filter_map(|(_, note)| Some((claimed(&note)?, note)));
            let of_log = notes.filter(|(head, _)| head.origin == origin);
            Ok(of_log.max_by_key(|(head, _)| head.size).map(|(_, note)| note))
        });
        looked.boxed()
    }
}

/// The note and the time of a line.
fn read(line: &str) -> Option<(Vec<u8>, Option<Timestamp>)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let note = STANDARD.decode(value.get("note")?.as_str()?).ok()?;
    let time = value.get("time").and_then(Value::as_str).and_then(|text| text.parse().ok());
    Some((note, time))
}
