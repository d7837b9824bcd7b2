//! An anchor that is a file outside the data directory: on another disk, or one that can only be appended to.
//!
//! One line per checkpoint, a JSON object: `note` (base64 of the signed note, as published) and `time` (RFC 3339). The
//! line is the receipt. A line that a crash cut off, and any other that does not read, is passed over
//! (`docs/formats/anchor-file.md`).
//!
//! The file only grows, so it is read whole once; after that only what was added to it is read. Of each log three lines
//! are kept in memory: the one with the most entries by its own word, the last one, and the one with the most entries of
//! those that the log has signed. A file that was cut off or exchanged is noticed at the last line that was read of it,
//! and is read anew.
//!
//! Whoever can append to the file can write any line. A line counts for what the log has signed: where the one that
//! claims the most is not, the lines are gone through for the largest one that is.

use crate::{Anchor, Fate, SignedBy, Unreachable, WrongReceipt, ports::claimed};
use base::{Clock, Timestamp};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs,
    io::{self, BufRead as _, BufReader, Read, Seek, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// The longest line that is read, in bytes: the longest note in base64 has room in it.
const MAX_LINE: u64 = 1 << 20;

/// The file. Every log of a node appends to it.
#[derive(Clone)]
pub struct FileAnchor {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<Known>>,
}

/// What was read of the file so far.
#[derive(Default)]
struct Known {
    /// The offset after the last whole line.
    read_to: u64,
    /// That line, or its end: it still stands there, or this is not the file that was read.
    edge: Vec<u8>,
    logs: HashMap<String, Held>,
}

/// What the file has of one log.
struct Held {
    largest: Arc<Line>,
    /// An older checkpoint that was given again is found here.
    last: Arc<Line>,
    /// The largest one of those that the log has signed, as far as the file was gone through for it.
    signed: Option<(u64, Arc<Line>)>,
}

struct Line {
    receipt: String,
    note: Vec<u8>,
    size: u64,
}

impl Line {
    /// A line and the log that it says it is of.
    fn read(line: &[u8]) -> Option<(String, Self)> {
        let text = std::str::from_utf8(line).ok()?.trim_end();
        let (note, _) = read(text)?;
        let head = claimed(&note)?;
        Some((head.origin, Self { receipt: text.to_owned(), note, size: head.size }))
    }
}

impl Known {
    /// The largest line of a log that it has signed.
    fn signed(&mut self, path: &Path, origin: &str, signed: &SignedBy) -> io::Result<Option<Arc<Line>>> {
        let Some(held) = self.logs.get_mut(origin) else { return Ok(None) };
        let known = held.signed.as_ref().filter(|(_, line)| signed(&line.note)).cloned();
        let size = known.as_ref().map_or(0, |(_, line)| line.size);
        if let Some((_, line)) = &known
            && line.size >= held.largest.size
        {
            return Ok(Some(Arc::clone(line)));
        }
        if signed(&held.largest.note) {
            held.signed = Some((self.read_to, Arc::clone(&held.largest)));
            return Ok(Some(Arc::clone(&held.largest)));
        }
        let from = known.as_ref().map_or(0, |(gone_through, _)| *gone_through);
        if from < self.read_to {
            tracing::warn!(
                anchor = %path.display(), origin, claims = held.largest.size,
                "the anchor holds a line that the log has not signed, which is passed over: somebody else writes to it"
            );
        }
        let found = largest_signed(path, origin, (from, self.read_to), size, signed)?.map(Arc::new);
        let line = found.or_else(|| known.map(|(_, line)| line));
        held.signed = line.clone().map(|line| (self.read_to, line));
        Ok(line)
    }

    /// Reads what was added to the file, or all of it where it is another one.
    fn catch_up(&mut self, path: &Path) -> io::Result<()> {
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                *self = Self::default();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut file = BufReader::new(file);
        if !self.is_of(&mut file)? {
            *self = Self::default();
        }
        file.seek(io::SeekFrom::Start(self.read_to))?;
        let (mut line, mut at, mut is_rest) = (Vec::new(), self.read_to, false);
        loop {
            line.clear();
            let read = (&mut file).take(MAX_LINE).read_until(b'\n', &mut line)? as u64;
            at += read;
            // What is longer than any line of ours is passed over, all of it.
            if !is_rest {
                self.take(&line);
            }
            is_rest = !line.ends_with(b"\n");
            if !is_rest {
                self.read_to = at;
                self.edge.clone_from(&line);
            } else if read < MAX_LINE {
                return Ok(());
            }
        }
    }

    /// Whether the last line that was read stands where it was.
    fn is_of(&self, file: &mut (impl Read + Seek)) -> io::Result<bool> {
        let mut found = vec![0; self.edge.len()];
        file.seek(io::SeekFrom::Start(self.read_to.saturating_sub(self.edge.len() as u64)))?;
        match file.read_exact(&mut found) {
            Ok(()) => Ok(found == self.edge),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn take(&mut self, line: &[u8]) {
        let Some((origin, line)) = Line::read(line) else { return };
        let line = Arc::new(line);
        let held = self.logs.entry(origin).or_insert_with(|| Held {
            largest: Arc::clone(&line),
            last: Arc::clone(&line),
            signed: None,
        });
        if line.size >= held.largest.size {
            held.largest = Arc::clone(&line);
        }
        held.last = line;
    }
}

/// The largest line of a log that it has signed, gone through from an offset on, where that is more than `least`. Of the
/// lines only places are held, and the largest is asked about first.
fn largest_signed(
    path: &Path,
    origin: &str,
    (from, to): (u64, u64),
    least: u64,
    signed: &SignedBy,
) -> io::Result<Option<Line>> {
    let mut file = BufReader::new(fs::File::open(path)?);
    let (mut places, mut line, mut at) = (Vec::new(), Vec::new(), from);
    file.seek(io::SeekFrom::Start(from))?;
    let mut is_rest = false;
    while at < to {
        line.clear();
        let read = (&mut file).take(MAX_LINE).read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            break;
        }
        if let Some((of, Line { size, .. })) = Line::read(&line)
            && !is_rest
            && of == origin
            && size > least
        {
            places.push((size, at, read));
        }
        is_rest = !line.ends_with(b"\n");
        at += read;
    }
    places.sort_unstable();
    for (_, at, length) in places.into_iter().rev() {
        file.seek(io::SeekFrom::Start(at))?;
        line.clear();
        (&mut file).take(length).read_to_end(&mut line)?;
        if let Some((of, found)) = Line::read(&line)
            && of == origin
            && signed(&found.note)
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

impl FileAnchor {
    /// The anchor in this file, which is made at the first checkpoint; its directory is there.
    #[must_use]
    pub fn new(path: &Path, clock: Arc<dyn Clock>) -> Self {
        Self { path: path.to_owned(), clock, known: Arc::default() }
    }

    /// Works on the file, one at a time.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self, &mut Known) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Unreachable> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut known = this.known.lock().unwrap_or_else(PoisonError::into_inner);
            work(&this, &mut known)
        });
        let unreachable = |why: String| Unreachable { by: self.name(), why, required: true };
        match done.await {
            Ok(done) => done.map_err(|error| unreachable(error.to_string())),
            Err(error) => Err(unreachable(error.to_string())),
        }
    }

    /// What the file has of a log now, through `of`.
    async fn look<T: Send + 'static>(
        &self,
        origin: String,
        of: impl FnOnce(&Held) -> T + Send + 'static,
    ) -> Result<Option<T>, Unreachable> {
        let looked = self.with(move |this, known| {
            known.catch_up(&this.path)?;
            Ok(known.logs.get(&origin).map(of))
        });
        looked.await
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
        self.with(move |this, _| this.append(&note)).boxed()
    }

    fn fate<'a>(&'a self, note: &'a [u8]) -> BoxFuture<'a, Result<Fate, Unreachable>> {
        async move {
            let Some(head) = claimed(note) else { return Ok(Fate::Pending) };
            let wanted = note.to_vec();
            let receipt = self.look(head.origin, move |held| {
                let found = [&held.last, &held.largest].into_iter().find(|line| line.note == wanted);
                found.map(|line| line.receipt.clone().into_bytes())
            });
            Ok(receipt.await?.flatten().map_or(Fate::Pending, Fate::Accepted))
        }
        .boxed()
    }

    fn verify(&self, receipt: &[u8], note: &[u8]) -> Result<Option<Timestamp>, WrongReceipt> {
        let text = std::str::from_utf8(receipt).ok().and_then(read);
        let (known, time) = text.ok_or_else(|| WrongReceipt("it is no line of an anchor file".to_owned()))?;
        if known == note { Ok(time) } else { Err(WrongReceipt("it is for another checkpoint".to_owned())) }
    }

    fn latest<'a>(
        &'a self,
        origin: &'a str,
        signed: SignedBy,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, Unreachable>> {
        let origin = origin.to_owned();
        let found = self.with(move |this, known| {
            known.catch_up(&this.path)?;
            Ok(known.signed(&this.path, &origin, &signed)?.map(|line| line.note.clone()))
        });
        found.boxed()
    }
}

/// The note and the time of a line.
fn read(line: &str) -> Option<(Vec<u8>, Option<Timestamp>)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let note = STANDARD.decode(value.get("note")?.as_str()?).ok()?;
    let time = value.get("time").and_then(Value::as_str).and_then(|text| text.parse().ok());
    Some((note, time))
}
