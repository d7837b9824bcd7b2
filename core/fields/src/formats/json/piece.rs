//! One piece of a file: from its bytes to the values that the policy names, and back with others in their place.

use super::{
    frame::{Piece, What, place},
    paths::Paths,
    scan::{Found, Scan, Wrong, quote, unescape},
};
use crate::{
    Error,
    error::Why,
    formats::work::{Column, Direction, Plan},
};
use arrow_array::{
    Array as _, ArrayRef, StringArray,
    builder::{BinaryBuilder, StringBuilder},
    cast::AsArray as _,
};
use std::sync::Arc;

/// The mark of a plain value that is no string: `docs/formats/field-value.md`.
const JSON_TEXT: u8 = 0xff;

/// A piece that was read.
#[derive(Debug)]
pub(in crate::formats) struct Parsed {
    bytes: Vec<u8>,
    /// The named values in the order of the bytes.
    found: Vec<Found>,
    rows: usize,
    line: u64,
}

impl Piece {
    /// Reads it.
    pub(in crate::formats) fn parse(self, paths: &Paths) -> Result<Parsed, Error> {
        let Self { bytes, what, line, before } = self;
        let wrong = |Wrong { at, why }: Wrong| {
            let (line, before) = place(&bytes, at, line, before);
            Error::Json { line, position: before + 1, why: why.to_owned() }
        };
        if let Err(error) = std::str::from_utf8(&bytes) {
            return Err(wrong(Wrong { at: error.valid_up_to(), why: "it is not UTF-8" }));
        }
        let mut scan = Scan::new(&bytes, paths);
        read(&mut scan, what).map_err(wrong)?;
        let (rows, found) = (scan.rows(), scan.into_found());
        Ok(Parsed { bytes, found, rows, line })
    }
}

impl Piece {
    /// Its records, each by itself.
    pub(in crate::formats) fn records(self) -> Result<Vec<Vec<u8>>, Error> {
        let whole = self.parse(&Paths::every_record())?;
        Ok(whole.found.iter().map(|found| whole.bytes[found.range.clone()].to_vec()).collect())
    }
}

fn read(scan: &mut Scan<'_>, what: What) -> Result<(), Wrong> {
    match what {
        What::Around => return Ok(()),
        What::Record => scan.record()?,
        What::Elements { more } => loop {
            scan.record()?;
            let comma = scan.takes(b',');
            if scan.is_over() && comma == more {
                return Ok(());
            }
            if !comma {
                return scan.wrong("`,` or `]` is expected");
            }
        },
        What::Lines => {
            while scan.line()? {}
            return Ok(());
        }
    }
    if scan.is_over() { Ok(()) } else { scan.wrong("something follows the end of the document") }
}

impl Parsed {
    pub(in crate::formats) const fn rows(&self) -> usize {
        self.rows
    }

    /// The row of a field's value, from 0, and its line.
    pub(in crate::formats) fn place(&self, field: usize, value: usize) -> (usize, u64) {
        let found = self.found.iter().filter(|found| found.path == field).nth(value);
        found.map_or((0, self.line), |found| {
            (found.row, place(&self.bytes, found.range.start, self.line, 0).0)
        })
    }

    /// The values of each field that has any.
    pub(in crate::formats) fn columns(&self, plan: &Plan) -> Result<Vec<Column>, Error> {
        let keys = plan.row_key.is_some().then(|| self.row_keys(plan.fields.len()));
        let mut columns = Vec::new();
        for (field, exact) in plan.fields.iter().map(|field| field.exact).enumerate() {
            let found = || self.found.iter().filter(move |found| found.path == field);
            if found().next().is_none() {
                continue;
            }
            let values = match plan.direction {
                Direction::Protect => self.plain(found(), exact),
                Direction::Reveal => self.protected(field, found(), plan)?,
            };
            let row_keys = keys.as_ref().map(|keys| {
                found().map(|found| keys.get(found.row).and_then(Option::as_deref)).collect::<StringArray>()
            });
            columns.push(Column { field, values, row_keys });
        }
        Ok(columns)
    }

    /// Values as they are to be protected.
    fn plain<'f>(&self, found: impl Iterator<Item = &'f Found>, exact: bool) -> ArrayRef {
        let mut values = BinaryBuilder::new();
        let (mut text, mut again) = (Vec::new(), Vec::new());
        for Found { range, .. } in found {
            let raw = &self.bytes[range.clone()];
            match raw {
                b"null" => values.append_null(),
                [b'"', inner @ .., b'"'] => {
                    text.clear();
                    unescape(inner, &mut text);
                    again.clear();
                    if let Ok(text) = std::str::from_utf8(&text) {
                        quote(text, &mut again);
                    }
                    if exact && again != raw {
                        self.json_text(raw, &mut values);
                    } else {
                        values.append_value(&text);
                    }
                }
                other => self.json_text(other, &mut values),
            }
        }
        Arc::new(values.finish())
    }

    fn json_text(&self, raw: &[u8], values: &mut BinaryBuilder) {
        let mut marked = Vec::with_capacity(raw.len() + 1);
        marked.push(JSON_TEXT);
        marked.extend_from_slice(raw);
        values.append_value(marked);
    }

    /// Protected values: the texts of strings.
    fn protected<'f>(
        &self,
        field: usize,
        found: impl Iterator<Item = &'f Found>,
        plan: &Plan,
    ) -> Result<ArrayRef, Error> {
        let mut values = StringBuilder::new();
        let mut text = Vec::new();
        for (value, Found { range, .. }) in found.enumerate() {
            match &self.bytes[range.clone()] {
                b"null" => values.append_null(),
                [b'"', inner @ .., b'"'] => {
                    text.clear();
                    unescape(inner, &mut text);
                    values.append_value(String::from_utf8_lossy(&text));
                }
                _ => {
                    let (row, line) = self.place(field, value);
                    let column = plan.fields[field].path.to_string();
                    return Err(Error::Value { row: row as u64 + 1, line, column, why: NO_STRING });
                }
            }
        }
        Ok(Arc::new(values.finish()))
    }

    /// The value that each row is known by.
    fn row_keys(&self, path: usize) -> Vec<Option<String>> {
        let mut keys = vec![None; self.rows];
        for Found { row, range, .. } in self.found.iter().filter(|found| found.path == path) {
            let mut text = Vec::new();
            match &self.bytes[range.clone()] {
                b"null" | [b'{' | b'[', ..] => continue,
                [b'"', inner @ .., b'"'] => unescape(inner, &mut text),
                plain => text.extend_from_slice(plain),
            }
            if let Some(key) = keys.get_mut(*row).filter(|key| key.is_none()) {
                *key = Some(String::from_utf8_lossy(&text).into_owned());
            }
        }
        keys
    }

    /// Its bytes, with these values in the place of those that stood there.
    pub(in crate::formats) fn merge(&self, replaced: &[(usize, ArrayRef)], out: &mut Vec<u8>) {
        out.reserve(self.bytes.len());
        let mut next = vec![0; replaced.len()];
        let mut at = 0;
        for Found { path, range, .. } in &self.found {
            let Some(place) = replaced.iter().position(|(field, _)| field == path) else { continue };
            let (values, index) = (&replaced[place].1, next[place]);
            next[place] += 1;
            if values.is_null(index) {
                continue;
            }
            out.extend_from_slice(&self.bytes[at..range.start]);
            at = range.end;
            if let Some(values) = values.as_string_opt::<i32>() {
                quote(values.value(index), out);
            } else if let Some(values) = values.as_binary_opt::<i32>() {
                match values.value(index) {
                    [JSON_TEXT, json @ ..] => out.extend_from_slice(json),
                    text => quote(&String::from_utf8_lossy(text), out),
                }
            }
        }
        out.extend_from_slice(&self.bytes[at..]);
    }
}

const NO_STRING: Why =
    Why::Crypto(crypto::Error::Malformed { what: "protected value", why: "it is no string" });
