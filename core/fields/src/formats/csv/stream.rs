//! Whole files: pushed in piece by piece, and out.

use super::{
    Dialect, cells,
    split::{MAX_RECORD, Splitter, Step},
};
use crate::{
    Error, FieldPolicy, Manifest, Output, Protector, Revealer, error::Why, manifest::sha256_text,
    protect::missing,
};
use arrow_array::{Array as _, ArrayRef, RecordBatch, builder::StringBuilder, cast::AsArray as _};
use arrow_schema::{DataType, Field as ArrowField, Schema};
use crypto::digest::Sha256;
use std::{ops::Range, sync::Arc};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The most columns: a header of 16 MiB could name so many that their names fill the memory.
const MAX_COLUMNS: usize = 1 << 14;

/// An unfinished record of this many bytes is read again only when it has doubled: pushed in piece by piece, it
/// would else cost the square of its length.
const LONG: usize = 64 << 10;

/// Protects a CSV file.
///
/// Every [`push`](Self::push) appends to `out` what it completes; [`finish`](Self::finish) appends the rest and
/// gives the manifest to sign. After an error nothing more can be pushed, and what came out is of no use.
#[derive(Debug)]
pub struct Protect {
    file: File,
    protector: Protector,
    hash: Sha256,
    bytes: u64,
}

impl Protect {
    /// Begins a file.
    #[must_use]
    pub fn new(dialect: Dialect, protector: Protector) -> Self {
        Self { file: File::new(dialect), protector, hash: Sha256::new(), bytes: 0 }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// [`Error::Csv`], [`Error::MissingColumn`], [`Error::Value`].
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.take(bytes, false, out)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<Manifest, Error> {
        self.take(&[], true, out)?;
        let output = Output::Csv {
            delimiter: self.file.dialect.delimiter(),
            rows: self.protector.rows(),
            bytes: self.bytes,
            sha256: sha256_text(self.hash.finish()),
        };
        Ok(self.protector.finish(output))
    }

    fn take(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        let policy = self.protector.policy().clone();
        self.file.take(bytes, last, &policy, out, |batch| self.protector.batch(batch))?;
        self.hash.update(&out[start..]);
        self.bytes += (out.len() - start) as u64;
        Ok(())
    }
}

/// Reveals a CSV file.
///
/// Every value is checked before it comes out. That the file as a whole is the one that its manifest describes,
/// with all its rows and with its other columns unchanged, is known only at its end: the reveal has succeeded
/// when [`finish`](Self::finish) has, and what came out before an error must be discarded.
#[derive(Debug)]
pub struct Reveal {
    file: File,
    revealer: Revealer,
    described: Output,
    hash: Sha256,
    bytes: u64,
}

impl Reveal {
    /// Begins the file that this manifest describes.
    ///
    /// # Errors
    /// [`Error::Manifest`] where it describes none.
    pub fn new(manifest: &Manifest, revealer: Revealer) -> Result<Self, Error> {
        let Output::Csv { delimiter, .. } = &manifest.output else {
            return Err(Error::Manifest("it describes no CSV".to_owned()));
        };
        let dialect =
            Dialect::new(*delimiter).map_err(|_| Error::Manifest("it names no delimiter".to_owned()))?;
        let (file, described) = (File::new(dialect), manifest.output.clone());
        Ok(Self { file, revealer, described, hash: Sha256::new(), bytes: 0 })
    }

    /// Rows revealed so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.revealer.rows()
    }

    /// Takes the next bytes of the protected file. One push is one batch: who may be stopped in between checks
    /// before each.
    ///
    /// # Errors
    /// [`Error::Value`] for a value that was altered or moved; [`Error::NotAsDescribed`], [`Error::Csv`],
    /// [`Error::MissingColumn`].
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let described = self.described.bytes();
        self.bytes += bytes.len() as u64;
        if self.bytes > described {
            return Err(Error::NotAsDescribed(format!("it has more than {described} bytes")));
        }
        self.hash.update(bytes);
        self.take(bytes, false, out)
    }

    /// Ends the file: the number of rows revealed.
    ///
    /// # Errors
    /// [`Error::NotAsDescribed`] for a file that was cut, extended or altered; as [`push`](Self::push).
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<u64, Error> {
        let wrong = |what: String| Err(Error::NotAsDescribed(what));
        let (rows, bytes) = (self.described.rows(), self.described.bytes());
        if self.bytes != bytes {
            return wrong(format!("it has {} bytes of {bytes}", self.bytes));
        }
        if sha256_text(self.hash.clone().finish()) != self.described.sha256() {
            return wrong("its bytes were altered".to_owned());
        }
        self.take(&[], true, out)?;
        let revealed = self.revealer.rows();
        if revealed != rows {
            return wrong(format!("it has {revealed} rows of {rows}"));
        }
        Ok(revealed)
    }

    fn take(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        let policy = self.revealer.policy().clone();
        self.file.take(bytes, last, &policy, out, |batch| self.revealer.batch(batch))
    }
}

/// A file on its way through: cut into records, whose named cells are replaced.
#[derive(Debug)]
struct File {
    dialect: Dialect,
    splitter: Splitter,
    pending: Vec<u8>,
    /// How many pending bytes it takes to look for the end of a record again.
    enough: usize,
    rows: u64,
    header: Option<Header>,
}

#[derive(Debug)]
struct Header {
    columns: usize,
    /// The named columns in the order of the file: index and whether the cell is replaced.
    named: Vec<(usize, bool)>,
    schema: Arc<Schema>,
}

impl File {
    fn new(dialect: Dialect) -> Self {
        let splitter = Splitter::new(dialect.delimiter);
        Self { dialect, splitter, pending: Vec::new(), enough: 0, rows: 0, header: None }
    }

    fn take(
        &mut self,
        bytes: &[u8],
        last: bool,
        policy: &FieldPolicy,
        out: &mut Vec<u8>,
        mut replace: impl FnMut(&RecordBatch) -> Result<RecordBatch, Error>,
    ) -> Result<(), Error> {
        // Taken out, so that records can be read while the rest of `self` changes.
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        if !last && pending.len() < self.enough {
            self.pending = pending;
            return Ok(());
        }
        let mut at = 0;
        if self.header.is_none() {
            match self.read_header(&pending, last, policy)? {
                Some(end) => at = end,
                None => {
                    self.wait(pending);
                    return Ok(());
                }
            }
            out.extend_from_slice(&pending[..at]);
        }
        let Some(header) = &self.header else { return Ok(()) };
        let (mut cells, mut lines) = (Vec::new(), Vec::new());
        let end = records(&mut self.splitter, header, &pending, at, last, &mut cells, &mut lines)?;
        if lines.is_empty() {
            out.extend_from_slice(&pending[at..end]);
        } else {
            let batch = batch(header, &pending, &cells, self.rows, &lines)?;
            let replaced = replace(&batch).map_err(|error| error.on_line(&lines, self.rows))?;
            merge(self.dialect, header, &pending[..end], at, &cells, &replaced, out);
            self.rows += lines.len() as u64;
        }
        pending.drain(..end);
        self.wait(pending);
        Ok(())
    }

    /// Keeps an unfinished record until more of it has arrived.
    fn wait(&mut self, pending: Vec<u8>) {
        let long = pending.len() >= LONG;
        self.enough = if long { (pending.len() * 2).min(MAX_RECORD + 1) } else { 0 };
        self.pending = pending;
    }

    /// Reads the header: where it ends, or `None` where it has not arrived.
    fn read_header(
        &mut self,
        bytes: &[u8],
        last: bool,
        policy: &FieldPolicy,
    ) -> Result<Option<usize>, Error> {
        // Fewer bytes than a byte order mark may yet become one.
        if !last && bytes.len() < BOM.len() {
            return Ok(None);
        }
        let start = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        if bytes.len() == start {
            if !last {
                return Ok(None);
            }
            return Err(self.splitter.wrong("the file is empty: a header row is expected"));
        }
        let mut ranges = Vec::new();
        let step = self.splitter.record(bytes, start, last, |index, range| {
            if index < MAX_COLUMNS {
                ranges.push(range);
            }
        })?;
        let Step::Record { cells, end } = step else { return Ok(None) };
        if cells > MAX_COLUMNS {
            let why = format!("the header has {cells} columns; there may be {MAX_COLUMNS}");
            return Err(Error::Csv { line: 1, why });
        }
        let name = |range: Range<usize>| {
            let name = cells::decode(&bytes[range]).unwrap_or_default().into_owned();
            String::from_utf8(name).map_err(|_| Error::Csv { line: 1, why: "the header is not UTF-8".into() })
        };
        let names = ranges.into_iter().map(name).collect::<Result<Vec<_>, _>>()?;
        self.header = Some(Header::new(&names, policy)?);
        Ok(Some(end))
    }
}

impl Header {
    fn new(names: &[String], policy: &FieldPolicy) -> Result<Self, Error> {
        let mut named = Vec::new();
        let protected = policy.fields().iter().map(|field| (field.path.as_str(), true));
        for (name, replaced) in protected.chain(policy.row_key().map(|name| (name, false))) {
            let mut places = names.iter().enumerate().filter(|(_, known)| *known == name);
            let (index, _) = places.next().ok_or_else(|| missing(name, names))?;
            if places.next().is_some() {
                return Err(Error::Csv { line: 1, why: format!("there are two columns `{name}`") });
            }
            named.push((index, replaced));
        }
        named.sort_unstable();
        let field = |(index, _): &(usize, bool)| ArrowField::new(&names[*index], DataType::Utf8, true);
        let schema = Arc::new(Schema::new(named.iter().map(field).collect::<Vec<_>>()));
        Ok(Self { columns: names.len(), named, schema })
    }
}

/// Reads all whole records from `at` on: the named cells of each, in the order of the file, and the line on
/// which each begins. Gives the end of the last.
fn records(
    splitter: &mut Splitter,
    header: &Header,
    bytes: &[u8],
    mut at: usize,
    last: bool,
    cells: &mut Vec<Range<usize>>,
    lines: &mut Vec<u64>,
) -> Result<usize, Error> {
    while at < bytes.len() {
        let (line, before) = (splitter.line(), cells.len());
        let mut next = 0;
        let step = splitter.record(bytes, at, last, |index, range| {
            if header.named.get(next).is_some_and(|(named, _)| *named == index) {
                cells.push(range);
                next += 1;
            }
        })?;
        let Step::Record { cells: found, end } = step else {
            cells.truncate(before);
            break;
        };
        let blank = header.columns > 1 && matches!(&bytes[at..end], b"\n" | b"\r\n");
        if blank {
            cells.truncate(before);
        } else if found == header.columns {
            lines.push(line);
        } else {
            let why = format!("the record has {found} cells, the header has {}", header.columns);
            return Err(Error::Csv { line, why });
        }
        at = end;
    }
    Ok(at)
}

/// The named cells as a batch.
fn batch(
    header: &Header,
    bytes: &[u8],
    cells: &[Range<usize>],
    rows_before: u64,
    lines: &[u64],
) -> Result<RecordBatch, Error> {
    let width = header.named.len();
    let column = |place: usize| -> Result<ArrayRef, Error> {
        let mut builder = StringBuilder::with_capacity(lines.len(), lines.len() * 16);
        for (row, range) in cells.iter().skip(place).step_by(width).enumerate() {
            let Some(value) = cells::decode(&bytes[range.clone()]) else {
                builder.append_null();
                continue;
            };
            let text = std::str::from_utf8(&value).map_err(|_| Error::Value {
                row: rows_before + row as u64 + 1,
                line: lines.get(row).copied().unwrap_or(0),
                column: header.schema.field(place).name().clone(),
                why: Why::NotUtf8,
            })?;
            builder.append_value(text);
        }
        Ok(Arc::new(builder.finish()))
    };
    let columns = (0..width).map(column).collect::<Result<_, _>>()?;
    Ok(RecordBatch::try_new(header.schema.clone(), columns).expect("the columns follow the schema"))
}

/// Copies the bytes from `at` on, with the replaced cells in the place of the original ones.
fn merge(
    dialect: Dialect,
    header: &Header,
    bytes: &[u8],
    mut at: usize,
    cells: &[Range<usize>],
    replaced: &RecordBatch,
    out: &mut Vec<u8>,
) {
    let columns = replaced.columns().iter().map(|column| column.as_string::<i32>()).collect::<Vec<_>>();
    for (row, ranges) in cells.chunks(header.named.len()).enumerate() {
        for ((range, (_, replace)), column) in ranges.iter().zip(&header.named).zip(&columns) {
            if !replace {
                continue;
            }
            out.extend_from_slice(&bytes[at..range.start]);
            let value = (!column.is_null(row)).then(|| column.value(row));
            cells::encode(value, dialect.delimiter, out);
            at = range.end;
        }
    }
    out.extend_from_slice(&bytes[at..]);
}

#[cfg(test)]
mod tests {
    use super::{Dialect, File, MAX_RECORD};
    use crate::FieldPolicy;

    #[test]
    fn a_record_that_arrives_in_small_pieces_is_not_read_again_at_each() {
        let policy = FieldPolicy::aead(["a"]).expect("a policy");
        for begun in ["a\n\"", "\"a"] {
            let (mut file, mut out) = (File::new(Dialect::default()), Vec::new());
            let mut push = |bytes: &[u8]| {
                let taken = file.take(bytes, false, &policy, &mut out, |batch| Ok(batch.clone()));
                (taken, file.splitter.tries)
            };
            push(begun.as_bytes()).0.expect("it has begun");
            let (piece, mut pushed) = ([b'x'; 8 << 10], 0);
            let (error, tries) = loop {
                pushed += piece.len();
                if let (Err(error), tries) = push(&piece) {
                    break (error, tries);
                }
            };
            assert!(error.to_string().contains("is a quote left open?"), "{error}");
            assert_eq!(pushed, MAX_RECORD, "it is refused as soon as it is too long");
            assert!(tries < 32, "{tries} tries");
        }
    }
}
