//! Apache Parquet: the leaves that the policy names are read, protected and written anew; every other column
//! chunk leaves byte for byte as it came, at another place. `docs/formats/parquet.md`.
//!
//! - A protected leaf is text under its old name and repetition, so that nulls, lists and nested groups keep
//!   their places. It has no statistics, dictionary, index or bloom filter: those of the plain values would tell
//!   them.
//! - The schema and the metadata of the input stand in the output's metadata, so that a reveal gives back types
//!   that manifests do not name.
//! - The file goes through page by page: memory holds some rows of one column, and the footer.
//! - Input is hostile: footer, columns, pages and what pages claim have limits, and a fault of the library is an
//!   error of the file, not the end of the process.

mod input;
mod output;
mod pages;
mod schema;
mod values;
#[cfg(feature = "parquet-encryption")]
mod whole;

#[cfg(feature = "parquet-encryption")]
pub(super) use self::whole::{Group, Written};
use self::{
    input::Input,
    output::{Sink, moved},
    values::{Levels, Values, by_row},
};
use super::{
    Spool,
    spool::Spooled,
    work::{Column, Direction, Part, Plan},
};
use crate::{Error, Mode, Protector, Type, suggest::Sample};
use arrow_array::{ArrayRef, StringArray};
use arrow_schema::DataType;
use bytes::Bytes;
use crypto::text;
use parquet::{
    column::{reader::ColumnReader, writer::ColumnWriter},
    errors::ParquetError,
    file::{
        metadata::{ColumnChunkMetaData, KeyValue, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
        properties::WriterProperties,
        writer::SerializedFileWriter,
    },
    schema::types::SchemaDescPtr,
};
use std::{
    collections::HashMap,
    fmt,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// The name under which the output's metadata holds what its input was.
pub const INPUT_KEY: &str = "nexora.input";

/// The longest description of an input that is read.
const MAX_INPUT: usize = 64 << 20;

/// Bytes that are copied at once.
const COPY: u64 = 1 << 20;

/// Bytes of values that a job has, if rows can be cut so.
const BATCH: usize = 1 << 20;

/// The most bytes of values that rows which are read at once may have.
const MAX_BATCH: usize = 512 << 20;

/// The most rows that are read at once.
const ROWS: usize = 8 << 10;

/// Jobs that are given at once.
const JOBS: usize = 4;

fn damaged(why: impl Into<String>) -> Error {
    Error::Parquet(why.into())
}

/// Calls the library: what it refuses, and what it breaks on, is an error of the file.
fn guarded<T>(run: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(damaged(match error {
            ParquetError::General(why) | ParquetError::EOF(why) | ParquetError::NYI(why) => why,
            other => other.to_string(),
        })),
        Err(_) => Err(damaged("it is damaged")),
    }
}

/// The keys of columns that are encrypted as a whole, where there are such.
#[cfg(feature = "parquet-encryption")]
pub(in crate::formats) type Whole = Option<whole::Keys>;

/// No column is encrypted as a whole in this build.
#[cfg(not(feature = "parquet-encryption"))]
pub(in crate::formats) type Whole = Option<std::convert::Infallible>;

/// Draws the keys of the fields that are protected as whole columns.
///
/// # Errors
/// [`Error::Mode`] where this build has no Parquet Modular Encryption.
pub(in crate::formats) fn whole_keys(protector: &Protector) -> Result<Whole, Error> {
    let fields = protector.policy().fields().iter().enumerate();
    let fields =
        fields.filter(|(_, field)| field.mode == Mode::ParquetAead).map(|(at, _)| at).collect::<Vec<_>>();
    if fields.is_empty() {
        return Ok(None);
    }
    #[cfg(feature = "parquet-encryption")]
    return whole::Keys::draw(protector, &fields);
    #[cfg(not(feature = "parquet-encryption"))]
    Err(Error::Mode {
        mode: "parquet-aead",
        why: "this build has no Parquet Modular Encryption, which is in the feature `parquet-encryption`",
    })
}

/// A file on its way through.
#[derive(Debug)]
pub(in crate::formats) enum File {
    /// Its bytes are still arriving.
    Filling(Spool, Whole),
    /// It is being read and written.
    Running(Box<Running>),
    /// It has columns that are encrypted as a whole; `None` while a job has it.
    #[cfg(feature = "parquet-encryption")]
    Whole(Option<Box<Group>>),
    /// All is written.
    #[cfg(feature = "parquet-encryption")]
    Over,
    /// A step failed.
    Broken,
}

/// A file that is being read and written.
pub(in crate::formats) struct Running {
    input: Input,
    sink: Sink,
    direction: Direction,
    /// The schema of the output.
    schema: SchemaDescPtr,
    key_values: Vec<KeyValue>,
    /// The leaves that are written anew, by their numbers.
    named: HashMap<usize, Named>,
    /// The leaf that rows are known by.
    row_key: Option<usize>,
    /// What is next: a column chunk of a row group.
    group: usize,
    leaf: usize,
    open: Option<Open<ColumnWriter<'static>>>,
    copying: Range<u64>,
    /// The chunks of this row group, and the groups before it, as they stand in the output.
    chunks: Vec<ColumnChunkMetaData>,
    groups: Vec<RowGroupMetaData>,
    finished: bool,
}

/// A leaf that is written anew.
#[derive(Debug, Clone)]
struct Named {
    /// Which field of the plan.
    field: usize,
    /// The type that its values are read as.
    read: Type,
}

/// A column chunk that is being written anew.
struct Open<W> {
    named: Named,
    reader: ColumnReader,
    writer: W,
    /// The reader of the leaf that rows are known by, and its definition level.
    keys: Option<(ColumnReader, i16)>,
    /// The leaf's levels of definition and repetition.
    levels: (i16, i16),
    path: String,
    /// Rows that were read, of how many.
    row: usize,
    rows: usize,
    /// How many to read next.
    next: usize,
}

/// Some rows of a leaf.
#[derive(Debug)]
pub(in crate::formats) struct Piece {
    field: usize,
    values: ArrayRef,
    row_keys: Option<StringArray>,
    levels: Levels,
    /// The row of the row group that it begins with.
    row: usize,
}

impl Piece {
    pub(in crate::formats) fn columns(&self) -> Vec<Column> {
        let (values, row_keys) = (self.values.clone(), self.row_keys.clone());
        vec![Column { field: self.field, values, row_keys }]
    }

    /// The row of a value, from 0.
    pub(in crate::formats) fn row(&self, value: usize) -> usize {
        self.row + self.levels.rows_of_values().get(value).copied().unwrap_or(0)
    }

    #[cfg(feature = "parquet-encryption")]
    const fn levels(&self) -> &Levels {
        &self.levels
    }

    /// With these values in the place of its own.
    pub(in crate::formats) fn replaced(self, values: Option<ArrayRef>) -> Leaf {
        Leaf { values: values.unwrap_or(self.values), levels: self.levels }
    }
}

/// Some rows of a leaf, to be written.
#[derive(Debug)]
pub(in crate::formats) struct Leaf {
    values: ArrayRef,
    levels: Levels,
}

impl File {
    pub(in crate::formats) fn new(spool: Option<Spool>, whole: Whole) -> Result<Self, Error> {
        let missing = "Parquet is read from its end: a spool is needed".to_owned();
        Ok(Self::Filling(spool.ok_or(Error::Spool(missing))?, whole))
    }

    pub(in crate::formats) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Filling(spool, _) => spool.push(bytes),
            _ => Err(damaged("it has ended")),
        }
    }

    /// The next parts, once all bytes have arrived. All parts before must have been written.
    pub(in crate::formats) fn rest(&mut self, plan: &Plan) -> Result<Vec<Part>, Error> {
        match std::mem::replace(self, Self::Broken) {
            #[cfg(feature = "parquet-encryption")]
            Self::Filling(spool, Some(keys)) => {
                *self = Self::Whole(Some(Box::new(Group::new(Input::open(spool.full()?)?, plan, &keys)?)));
                self.rest(plan)
            }
            #[cfg(feature = "parquet-encryption")]
            Self::Whole(group) => {
                let mut group = group.ok_or_else(|| damaged("a row group is still being written"))?;
                if group.is_over() {
                    let bytes = group.finish()?;
                    *self = Self::Over;
                    return Ok(vec![Part::Copy { bytes, rows: 0 }]);
                }
                *self = Self::Whole(None);
                Ok(vec![Part::Group(group)])
            }
            #[cfg(feature = "parquet-encryption")]
            Self::Over => {
                *self = Self::Over;
                Ok(Vec::new())
            }
            Self::Filling(spool, _) => {
                let running = Box::new(Running::new(Input::open(spool.full()?)?, plan)?);
                running.sink.write(b"PAR1")?;
                let bytes = running.sink.take()?;
                *self = Self::Running(running);
                Ok(vec![Part::Copy { bytes, rows: 0 }])
            }
            Self::Running(mut running) => {
                let parts = running.next()?;
                *self = Self::Running(running);
                Ok(parts)
            }
            Self::Broken => Err(damaged("a step before has failed")),
        }
    }

    /// Takes a row group that was written.
    #[cfg(feature = "parquet-encryption")]
    pub(in crate::formats) fn put_back(&mut self, group: Box<Group>) {
        *self = Self::Whole(Some(group));
    }

    pub(in crate::formats) fn write(&mut self, leaf: Leaf, out: &mut Vec<u8>) -> Result<(), Error> {
        let Self::Running(running) = self else { return Err(damaged("it has ended")) };
        running.write(&leaf)?;
        out.extend_from_slice(&running.sink.take()?);
        Ok(())
    }
}

impl Running {
    fn new(input: Input, plan: &Plan) -> Result<Self, Error> {
        let descr = input.metadata.file_metadata().schema_descr_ptr();
        let before = input_of(&input.metadata)?;
        let (mut named, mut leaves) = (HashMap::new(), HashMap::new());
        for (field, planned) in plan.fields.iter().enumerate() {
            let at = schema::leaf(&descr, &planned.path)?;
            let column = descr.column(at);
            let (read, written) = match plan.direction {
                Direction::Protect => {
                    (schema::plain_type(column.self_type())?, schema::text_leaf(column.self_type())?)
                }
                Direction::Reveal => {
                    let before = before.as_ref().map(|before| before.file_metadata().schema_descr());
                    let before = before.filter(|before| {
                        before.num_columns() == descr.num_columns()
                            && before.column(at).path() == column.path()
                    });
                    let no_input =
                        || damaged(format!("its metadata does not say what `{}` was", planned.path));
                    (Type::UTF8, before.ok_or_else(no_input)?.column(at).self_type_ptr())
                }
            };
            leaves.insert(at, written);
            named.insert(at, Named { field, read });
        }
        let row_key = plan.row_key.as_ref().map(|path| schema::leaf(&descr, path)).transpose()?;
        if row_key.is_some_and(|leaf| descr.column(leaf).max_rep_level() > 0) {
            return Err(Error::Policy("the row key has several values in a row".to_owned()));
        }
        let schema = schema::with_leaves(&descr, &leaves)?;
        let key_values = match (plan.direction, before) {
            (Direction::Protect, _) => {
                let mut kept = key_values(&input.metadata);
                kept.retain(|pair| pair.key != INPUT_KEY);
                kept.push(KeyValue::new(INPUT_KEY.to_owned(), described(&input.metadata)?));
                kept
            }
            // What was not revealed needs its description on.
            (Direction::Reveal, Some(before)) if before.file_metadata().schema() == schema.root_schema() => {
                key_values(&before)
            }
            (Direction::Reveal, _) => key_values(&input.metadata),
        };
        Ok(Self {
            input,
            sink: Sink::new(),
            direction: plan.direction,
            schema,
            key_values,
            named,
            row_key,
            group: 0,
            leaf: 0,
            open: None,
            copying: 0..0,
            chunks: Vec::new(),
            groups: Vec::new(),
            finished: false,
        })
    }

    fn next(&mut self) -> Result<Vec<Part>, Error> {
        loop {
            if !self.copying.is_empty() {
                return self.copy();
            }
            match self.open.take() {
                Some(open) if open.row == open.rows => {
                    self.chunks.push(guarded(|| Ok(open.writer.close()?.metadata))?);
                    self.leaf += 1;
                    let bytes = self.sink.take()?;
                    if !bytes.is_empty() {
                        return Ok(vec![Part::Copy { bytes, rows: 0 }]);
                    }
                }
                Some(mut open) => {
                    let mut parts = Vec::new();
                    while parts.len() < JOBS && open.row < open.rows {
                        parts.push(Part::Leaf(open.read()?));
                    }
                    self.open = Some(open);
                    return Ok(parts);
                }
                None if self.finished => return Ok(Vec::new()),
                None if self.group == self.input.metadata.num_row_groups() => return self.finish(),
                None if self.leaf == self.schema.num_columns() => return self.close_group(),
                None => self.begin()?,
            }
        }
    }

    /// Begins a column chunk.
    fn begin(&mut self) -> Result<(), Error> {
        let chunk = self.input.metadata.row_group(self.group).column(self.leaf);
        let descr = self.schema.column(self.leaf);
        let Some(named) = self.named.get(&self.leaf) else {
            self.copying = self.input.range(self.group, self.leaf)?;
            let from = i64::try_from(self.copying.start).map_err(|_| damaged("it is too large"))?;
            self.chunks.push(moved(chunk, descr, from, self.sink.position()?)?);
            if self.copying.is_empty() {
                self.leaf += 1;
            }
            return Ok(());
        };
        let keys = |leaf| {
            let max_def = self.schema.column(leaf).max_def_level();
            Ok::<_, Error>((self.input.column(self.group, leaf)?, max_def))
        };
        self.open = Some(Open {
            named: named.clone(),
            reader: self.input.column(self.group, self.leaf)?,
            levels: (descr.max_def_level(), descr.max_rep_level()),
            path: descr.path().string(),
            writer: self.sink.column(descr, chunk.compression(), self.direction),
            keys: self.row_key.map(keys).transpose()?,
            row: 0,
            rows: input::rows(self.input.metadata.row_group(self.group))?,
            next: 64,
        });
        Ok(())
    }

    /// Copies the next bytes of a chunk that leaves as it came.
    fn copy(&mut self) -> Result<Vec<Part>, Error> {
        let length = (self.copying.end - self.copying.start).min(COPY);
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| damaged("it is too large"))?];
        let unread = |error: std::io::Error| Error::Spool(error.to_string());
        self.input.file.0.read_at(self.copying.start, &mut bytes).map_err(unread)?;
        self.copying.start += length;
        if self.copying.is_empty() {
            self.leaf += 1;
        }
        self.sink.write(&bytes)?;
        Ok(vec![Part::Copy { bytes: self.sink.take()?, rows: 0 }])
    }

    fn write(&mut self, leaf: &Leaf) -> Result<(), Error> {
        let open = self.open.as_mut().ok_or_else(|| damaged("no column is open"))?;
        let physical = self.schema.column(self.leaf).physical_type();
        values::write(&mut open.writer, &Values::of(&leaf.values, physical)?, &leaf.levels)
    }

    fn close_group(&mut self) -> Result<Vec<Part>, Error> {
        let group = self.input.metadata.row_group(self.group);
        let chunks = std::mem::take(&mut self.chunks);
        let size = chunks.iter().map(ColumnChunkMetaData::uncompressed_size).fold(0, i64::saturating_add);
        let start = |chunk: &ColumnChunkMetaData| {
            chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset())
        };
        // Values that were sorted are not once they are protected.
        let sorting = group.sorting_columns().filter(|columns| {
            let leaves =
                columns.iter().map(|column| usize::try_from(column.column_idx).unwrap_or(usize::MAX));
            !leaves.clone().any(|leaf| self.named.contains_key(&leaf))
        });
        let mut closed = RowGroupMetaData::builder(self.schema.clone())
            .set_num_rows(group.num_rows())
            .set_total_byte_size(size)
            .set_sorting_columns(sorting.cloned());
        if let Some(first) = chunks.first() {
            closed = closed.set_file_offset(start(first));
        }
        if let Ok(ordinal) = i16::try_from(self.group) {
            closed = closed.set_ordinal(ordinal);
        }
        self.groups.push(guarded(|| closed.set_column_metadata(chunks).build())?);
        (self.group, self.leaf) = (self.group + 1, 0);
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        Ok(vec![Part::Copy { bytes: Vec::new(), rows }])
    }

    fn finish(&mut self) -> Result<Vec<Part>, Error> {
        self.finished = true;
        let rows = self.groups.iter().map(RowGroupMetaData::num_rows).fold(0, i64::saturating_add);
        let by = self.input.metadata.file_metadata().created_by().map(str::to_owned);
        let (key_values, groups) = (std::mem::take(&mut self.key_values), std::mem::take(&mut self.groups));
        self.sink.finish(self.schema.clone(), rows, by, key_values, groups)?;
        Ok(vec![Part::Copy { bytes: self.sink.take()?, rows: 0 }])
    }
}

impl<W> Open<W> {
    /// Reads the next rows.
    fn read(&mut self) -> Result<Piece, Error> {
        let wanted = self.next.min(self.rows - self.row);
        let (max_def, max_rep) = self.levels;
        let read = values::read(&mut self.reader, wanted, max_def, max_rep)?;
        let there = read.levels.rows;
        if there == 0 {
            return Err(damaged(format!("a column has {} rows of {}", self.row, self.rows)));
        }
        let size = read.values.size();
        if size > MAX_BATCH {
            return Err(damaged(format!("{there} rows of a column have {size} bytes together")));
        }
        // As many next time as make a batch, but no sudden jump: the first rows may be the small ones.
        self.next = (there * BATCH / size.max(1)).clamp(1, (self.next * 8).min(ROWS));
        let first = self.row;
        self.row += there;
        let values = read.values.array(&self.named.read).map_err(|(value, why)| {
            let row = first + read.levels.rows_of_values().get(value).copied().unwrap_or(0);
            Error::Value { row: row as u64 + 1, line: 0, column: self.path.clone(), why }
        })?;
        let row_keys = match &mut self.keys {
            None => None,
            Some((keys, max_def)) => {
                let keys = values::read(keys, there, *max_def, 0)?.one_each();
                Some(by_row(&keys, &read.levels.rows_of_values()))
            }
        };
        Ok(Piece { field: self.named.field, values, row_keys, levels: read.levels, row: first })
    }
}

/// Some values of each leaf that has a text.
pub(in crate::formats) fn sample(file: &[u8], rows: usize) -> Result<Vec<Sample>, Error> {
    let input = Input::open(Spooled::in_memory(file.to_vec()))?;
    let descr = input.metadata.file_metadata().schema_descr_ptr();
    let mut samples = Vec::new();
    for (leaf, path) in schema::paths(&descr) {
        let mut values = Vec::new();
        let text = schema::plain_type(descr.column(leaf).self_type())?.arrow();
        let has_text = matches!(text, DataType::Utf8 | DataType::Int32 | DataType::Int64 | DataType::Float64);
        if has_text && input.metadata.num_row_groups() > 0 {
            let column = descr.column(leaf);
            let mut reader = input.column(0, leaf)?;
            values = values::read(&mut reader, rows, column.max_def_level(), column.max_rep_level())?
                .values
                .texts();
        }
        samples.push(Sample { path, values });
    }
    Ok(samples)
}

/// What the metadata says that the input was.
fn input_of(metadata: &ParquetMetaData) -> Result<Option<ParquetMetaData>, Error> {
    let pairs = metadata.file_metadata().key_value_metadata();
    let pair = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == INPUT_KEY));
    let Some(text) = pair.and_then(|pair| pair.value.as_ref()).filter(|text| text.len() <= MAX_INPUT) else {
        return Ok(None);
    };
    let bytes = Bytes::from(text::decode(text, "description of the input")?);
    guarded(|| ParquetMetaDataReader::new().parse_and_finish(&bytes)).map(Some)
}

/// A file without rows that has the schema and the metadata of this one, in base64url.
fn described(metadata: &ParquetMetaData) -> Result<String, Error> {
    let file = metadata.file_metadata();
    let mut properties = WriterProperties::builder().set_key_value_metadata(Some(key_values(metadata)));
    if let Some(by) = file.created_by() {
        properties = properties.set_created_by(by.to_owned());
    }
    let (schema, properties) = (file.schema_descr().root_schema_ptr(), Arc::new(properties.build()));
    guarded(|| SerializedFileWriter::new(Vec::new(), schema, properties)?.into_inner())
        .map(|bytes| text::encode(&bytes))
}

fn key_values(metadata: &ParquetMetaData) -> Vec<KeyValue> {
    metadata.file_metadata().key_value_metadata().cloned().unwrap_or_default()
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running(row group {}, column {})", self.group, self.leaf)
    }
}
