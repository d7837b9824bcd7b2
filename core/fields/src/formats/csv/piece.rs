//! One piece of a file: from its bytes to the columns that the policy names, and back with others in their place.

use super::{
    cells,
    frame::Piece,
    split::{Splitter, Step},
};
use crate::{
    Error,
    error::Why,
    formats::work::{Column, Direction, Plan, Planned},
    protect::missing,
};
use arrow_array::{Array as _, ArrayRef, StringArray, cast::AsArray as _};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use bytes::Bytes;
use std::{ops::Range, sync::Arc};

/// What a header says, as a policy reads it.
#[derive(Debug)]
pub(in crate::formats) struct Header {
    delimiter: u8,
    columns: usize,
    /// The named columns in the order of the file: its index, and the field it is; `None` for the row key.
    named: Vec<(usize, Option<usize>)>,
    /// The fields whose new values are base64url, in which nothing is to be quoted.
    bare: Vec<bool>,
}

impl Header {
    pub(in crate::formats) fn new(
        dialect: super::Dialect,
        names: &[String],
        plan: &Plan,
    ) -> Result<Self, Error> {
        let mut named = Vec::new();
        let fields = plan.fields.iter().enumerate().map(|(field, path)| (&path.path, Some(field)));
        for (path, field) in fields.chain(plan.row_key.iter().map(|path| (path, None))) {
            if !path.is_column() {
                return Err(Error::Policy(format!("field `{path}` is nested, and a CSV has columns only")));
            }
            let name = path.top();
            let mut places = names.iter().enumerate().filter(|(_, known)| *known == name);
            let (index, _) = places.next().ok_or_else(|| missing(name, names))?;
            if places.next().is_some() {
                return Err(Error::Csv { line: 1, why: format!("there are two columns `{name}`") });
            }
            named.push((index, field));
        }
        named.sort_unstable();
        let delimits = dialect.delimiter.is_ascii_alphanumeric() || matches!(dialect.delimiter, b'-' | b'_');
        let bare = |field: &Planned| field.exact && plan.direction == Direction::Protect && !delimits;
        let bare = plan.fields.iter().map(bare).collect();
        Ok(Self { delimiter: dialect.delimiter, columns: names.len(), named, bare })
    }
}

/// A piece that was read.
#[derive(Debug)]
pub(in crate::formats) struct Parsed {
    header: Arc<Header>,
    bytes: Bytes,
    /// The named cells of each record, in the order of the file.
    cells: Vec<Range<usize>>,
    /// The line on which each record begins.
    lines: Vec<u64>,
}

impl Piece {
    /// Reads it.
    pub(in crate::formats) fn parse(self, header: &Arc<Header>) -> Result<Parsed, Error> {
        let Self { bytes, line, last } = self;
        let mut splitter = Splitter::new(header.delimiter, line);
        let (mut cells, mut lines) = (Vec::new(), Vec::new());
        let wanted = header.named.last().map_or(0, |(index, _)| index + 1);
        let mut at = 0;
        while at < bytes.len() {
            let (line, before) = (splitter.line(), cells.len());
            let mut next = 0;
            let step = splitter.wanted(&bytes, at, last, wanted, |index, range| {
                if header.named.get(next).is_some_and(|(named, _)| *named == index) {
                    cells.push(range);
                    next += 1;
                }
            });
            let Step::Record { cells: found, end } = step? else {
                let why = "the record does not end where its lines do".to_owned();
                return Err(Error::Csv { line, why });
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
        Ok(Parsed { header: header.clone(), bytes, cells, lines })
    }
}

impl Piece {
    /// Hands out the values of the first rows that are text: row, column, value.
    pub(in crate::formats) fn values(
        &self,
        dialect: super::Dialect,
        rows: usize,
        mut take: impl FnMut(usize, usize, &str),
    ) -> Result<(), Error> {
        let mut splitter = Splitter::new(dialect.delimiter, self.line);
        let (mut at, mut row) = (0, 0);
        while at < self.bytes.len() && row < rows {
            let step = splitter.record(&self.bytes, at, self.last, |column, range| {
                let value = cells::decode(&self.bytes[range]);
                if let Some(Ok(text)) = value.as_deref().map(std::str::from_utf8) {
                    take(row, column, text);
                }
            })?;
            let Step::Record { end, .. } = step else { break };
            (at, row) = (end, row + 1);
        }
        Ok(())
    }
}

impl Parsed {
    pub(in crate::formats) fn rows(&self) -> usize {
        self.lines.len()
    }

    pub(in crate::formats) fn line(&self, row: usize) -> u64 {
        self.lines.get(row).copied().unwrap_or(0)
    }

    /// The named columns.
    pub(in crate::formats) fn columns(&self, plan: &Plan) -> Result<Vec<Column>, Error> {
        if self.lines.is_empty() {
            return Ok(Vec::new());
        }
        let mut row_keys = None;
        let mut columns = Vec::new();
        for (place, (_, field)) in self.header.named.iter().enumerate() {
            let values = self.column(place);
            let text = values.map_err(|row| Error::Value {
                row: row as u64 + 1,
                line: self.line(row),
                column: field
                    .map_or(plan.row_key.as_ref(), |field| Some(&plan.fields[field].path))
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                why: Why::NotUtf8,
            })?;
            match field {
                Some(field) => columns.push(Column { field: *field, values: Arc::new(text), row_keys: None }),
                None => row_keys = Some(text),
            }
        }
        for column in &mut columns {
            column.row_keys.clone_from(&row_keys);
        }
        Ok(columns)
    }

    fn cells(&self, place: usize) -> impl Iterator<Item = &[u8]> {
        let cells = self.cells.iter().skip(place).step_by(self.header.named.len());
        cells.map(|range| &self.bytes[range.clone()])
    }

    /// The values of a column, or the row whose value is not UTF-8.
    fn column(&self, place: usize) -> Result<StringArray, usize> {
        let rows = self.lines.len();
        let total = self.cells(place).map(<[u8]>::len).sum();
        let mut text = Vec::with_capacity(total);
        let mut ends = Vec::with_capacity(rows + 1);
        let mut there = Vec::with_capacity(rows);
        ends.push(0);
        for raw in self.cells(place) {
            let value = cells::decode(raw);
            there.push(value.is_some());
            text.extend_from_slice(value.as_deref().unwrap_or_default());
            // A piece is far smaller than 2 GiB.
            ends.push(i32::try_from(text.len()).unwrap_or(i32::MAX));
        }
        let nulls = there.contains(&false).then(|| NullBuffer::from(there));
        let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
        StringArray::try_new(ends, Buffer::from_vec(text), nulls).map_err(|_| {
            let bad =
                |raw: &[u8]| cells::decode(raw).is_some_and(|value| std::str::from_utf8(&value).is_err());
            self.cells(place).position(bad).unwrap_or(0)
        })
    }

    /// Its bytes, with these columns in the place of those that stood there.
    pub(in crate::formats) fn merge(&self, replaced: &[(usize, ArrayRef)], out: &mut Vec<u8>) {
        let texts = |field: &Option<usize>| {
            let (field, values) = replaced.iter().find(|(known, _)| Some(*known) == *field)?;
            let bare = self.header.bare.get(*field).copied().unwrap_or_default();
            values.as_string_opt::<i32>().map(|values| (values, bare))
        };
        let columns = self.header.named.iter().map(|(_, field)| texts(field)).collect::<Vec<_>>();
        let more: usize = columns.iter().flatten().map(|(column, _)| column.value_data().len()).sum();
        out.reserve(self.bytes.len() + more);
        let mut at = 0;
        if !self.header.named.is_empty() {
            for (row, ranges) in self.cells.chunks(self.header.named.len()).enumerate() {
                for (range, column) in ranges.iter().zip(&columns) {
                    let Some((column, bare)) = column else { continue };
                    out.extend_from_slice(&self.bytes[at..range.start]);
                    let value = (!column.is_null(row)).then(|| column.value(row));
                    match value {
                        Some(value) if *bare => out.extend_from_slice(value.as_bytes()),
                        value => cells::encode(value, self.header.delimiter, out),
                    }
                    at = range.end;
                }
            }
        }
        out.extend_from_slice(&self.bytes[at..]);
    }
}
