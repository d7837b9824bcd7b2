//! What was erased, written down where no backup of the data directory has it: of a directory that is restored whole,
//! nothing in it knows what was erased since (`docs/formats/erased-file.md`).
//!
//! A line says which entries of which log, and what they commit to. After a restore other entries may have come to stand
//! at a position, so details are erased again only where they are those that were erased.

use crate::StorageError;
use base::{Id, digest, noun};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Entries in one line, at most: some 80 bytes each.
const ENTRIES: usize = 1_000;

/// Of each log, by its number: the entries by their positions, and what those that stood there commit to.
pub(crate) type Noted = BTreeMap<u32, BTreeMap<u64, Vec<String>>>;

/// The file. Every organization's erasures are appended to it.
#[derive(Debug, Clone)]
pub struct ErasedFile {
    path: PathBuf,
}

impl ErasedFile {
    /// What is written down in this file, which is made at the first erasure; its directory is there.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// What details commit to.
    pub(crate) fn commitment(salted: &[u8]) -> String {
        digest::hex(&digest::sha256(salted))
    }

    /// Appends what was erased, durable when it returns.
    pub(crate) fn note(
        &self,
        organization: Id<noun::Organization>,
        noted: &Noted,
    ) -> Result<(), StorageError> {
        let mut lines = Vec::new();
        for (log, entries) in noted {
            let details: Vec<Value> = entries
                .iter()
                .flat_map(|(position, were)| were.iter().map(move |was| json!([position, was])))
                .collect();
            for some in details.chunks(ENTRIES) {
                let line = json!({ "organization": organization.to_string(), "log": log, "details": some });
                lines.extend_from_slice(line.to_string().as_bytes());
                lines.push(b'\n');
            }
        }
        if lines.is_empty() { Ok(()) } else { self.append(&lines).map_err(self.failed("append to")) }
    }

    fn append(&self, lines: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).read(true).append(true).mode(0o600).open(&self.path)?;
        let end = file.seek(SeekFrom::End(0))?;
        if end > 0 {
            let mut last = [0];
            file.seek(SeekFrom::Start(end - 1))?;
            file.read_exact(&mut last)?;
            // A line that a crash cut off is left as it is.
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        file.write_all(lines)?;
        file.sync_all()?;
        if end == 0 {
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(())
    }

    /// What was erased of an organization's logs. A line that does not read is passed over: a crash may have cut it off.
    pub(crate) fn of(&self, organization: Id<noun::Organization>) -> Result<Noted, StorageError> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Noted::new()),
            opened => opened.map_err(self.failed("read"))?,
        };
        let (mut noted, organization) = (Noted::new(), organization.to_string());
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(self.failed("read"))?;
            let Some(read) = Line::read(&line) else {
                if !line.is_empty() {
                    tracing::warn!(file = %self.path.display(), "a line of what was erased does not read");
                }
                continue;
            };
            if read.organization == organization {
                let entries = noted.entry(read.log).or_default();
                for (position, was) in read.details {
                    entries.entry(position).or_default().push(was);
                }
            }
        }
        Ok(noted)
    }

    fn failed(&self, doing: &'static str) -> impl Fn(io::Error) -> StorageError {
        let path = self.path.display().to_string();
        move |source| StorageError::Failed { doing, path: path.clone(), source }
    }
}

/// A line of the file.
struct Line {
    organization: String,
    log: u32,
    /// Positions, and what stood there commits to.
    details: Vec<(u64, String)>,
}

impl Line {
    fn read(line: &[u8]) -> Option<Self> {
        let line: Value = serde_json::from_slice(line).ok()?;
        let organization = line.get("organization")?.as_str()?.to_owned();
        let log = u32::try_from(line.get("log")?.as_u64()?).ok()?;
        let entry = |entry: &Value| Some((entry.get(0)?.as_u64()?, entry.get(1)?.as_str()?.to_owned()));
        let details = line.get("details")?.as_array()?.iter().map(entry).collect::<Option<_>>()?;
        Some(Self { organization, log, details })
    }
}

#[cfg(test)]
mod tests {
    use super::{ErasedFile, Noted};
    use base::Id;
    use std::collections::BTreeMap;
    use std::fs;

    /// The example of `docs/formats/erased-file.md`.
    #[test]
    fn the_file_has_its_documented_bytes_and_outlives_a_crash() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("erased.jsonl");
        let (file, organization) = (ErasedFile::new(&path), Id::from_bytes([1; 16]));
        assert!(file.of(organization).expect("there is none yet").is_empty());
        let noted = |position| Noted::from([(1, BTreeMap::from([(position, vec!["ab".repeat(32)])]))]);
        file.note(organization, &noted(7)).expect("it is written");
        let page = include_str!("../../../docs/formats/erased-file.md");
        let text = fs::read_to_string(&path).expect("it is there");
        assert!(page.contains(&format!("```json\n{text}```")), "{text}");
        // A crash cut a line off; the next one is a line of its own.
        fs::write(&path, format!("{text}{{\"organization\":\"or")).expect("it is cut");
        file.note(organization, &noted(9)).expect("it goes on");
        let found = file.of(organization).expect("it reads");
        assert_eq!(found[&1].keys().copied().collect::<Vec<_>>(), [7, 9]);
        assert!(file.of(Id::from_bytes([2; 16])).expect("it reads").is_empty(), "nothing is another's");
    }
}
