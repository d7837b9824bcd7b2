//! The fields of a batch: found by their paths, through nested and repeated values, and put back changed.

use crate::{
    Error, FieldPolicy, Mode, Path, Ran, Type, Wants, column::Source, error::Why, path::Step, plain_text,
};
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, GenericListArray, OffsetSizeTrait, RecordBatch, StringArray,
    StructArray, builder::StringBuilder, cast::AsArray as _,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field as ArrowField, FieldRef, Schema};
use std::sync::Arc;

/// The values of a field, one after the other.
pub(crate) struct Leaf<'a> {
    pub(crate) values: &'a ArrayRef,
    /// Where they, or what they stand in, are null.
    pub(crate) nulls: Option<NullBuffer>,
    /// The row of each; in order where there is none.
    rows: Option<Vec<usize>>,
}

impl Leaf<'_> {
    fn row(&self, at: usize) -> usize {
        self.rows.as_ref().map_or(at, |rows| rows.get(at).copied().unwrap_or(at))
    }
}

/// Changes the values of all fields of a policy.
pub(crate) fn run(
    policy: &FieldPolicy,
    batch: &RecordBatch,
    rows_before: u64,
    mut change: impl FnMut(
        usize,
        &dyn Array,
        Option<NullBuffer>,
        Option<&StringArray>,
    ) -> Result<Ran<ArrayRef>, Error>,
) -> Result<Pending, Error> {
    let keys = row_keys(policy, batch)?;
    let mut pending = Pending { batch: batch.clone(), waiting: Vec::new(), rows_before };
    for (index, field) in policy.fields().iter().enumerate() {
        let changed = replace(&pending.batch, &field.path, &field.mode, &mut |leaf| {
            let spread = keys.as_ref().and_then(|keys| spread(keys, &leaf));
            let keys = spread.as_ref().or(keys.as_ref());
            let ran = change(index, leaf.values.as_ref(), leaf.nulls.clone(), keys)
                .map_err(|error| error.placed(|at| (rows_before + leaf.row(at) as u64 + 1, 0)))?;
            Ok(match ran {
                Ran::Done(values) => values,
                Ran::Wants(wants) => {
                    let waiting = Waiting {
                        path: field.path.clone(),
                        mode: field.mode.clone(),
                        wants,
                        rows: leaf.rows,
                    };
                    pending.waiting.push(waiting);
                    // It stays as it is until the answers are there.
                    leaf.values.clone()
                }
            })
        })?;
        pending.batch = changed;
    }
    Ok(pending)
}

/// A batch that waits for the answers of a vault.
#[derive(Debug)]
#[must_use = "its token fields are as they were"]
pub struct Pending {
    batch: RecordBatch,
    waiting: Vec<Waiting>,
    rows_before: u64,
}

#[derive(Debug)]
struct Waiting {
    path: Path,
    mode: Mode,
    wants: Wants,
    rows: Option<Vec<usize>>,
}

impl Pending {
    /// What to ask the vault: none, or one for each token field.
    pub fn wants(&self) -> impl Iterator<Item = &Wants> {
        self.waiting.iter().map(|waiting| &waiting.wants)
    }

    /// The batch, given the answers for each of [`wants`](Self::wants), in order.
    ///
    /// # Errors
    /// [`Error::Value`] for a text without an answer, or an answer that is no value of the field's type.
    pub fn complete(self, answers: Vec<Vec<Option<String>>>) -> Result<RecordBatch, Error> {
        let Self { mut batch, waiting, rows_before } = self;
        let mut answers = answers.into_iter();
        for Waiting { path, mode, wants, rows } in waiting {
            let answered = wants.complete(answers.next().unwrap_or_default());
            let row = |at: usize| rows.as_ref().and_then(|rows| rows.get(at).copied()).unwrap_or(at);
            let values =
                answered.map_err(|error| error.placed(|at| (rows_before + row(at) as u64 + 1, 0)))?;
            batch = replace(&batch, &path, &mode, &mut |_| Ok(values.clone()))?;
        }
        Ok(batch)
    }

    /// The batch, where nothing is to be asked.
    pub(crate) fn alone(self) -> Result<RecordBatch, Error> {
        match self.waiting.first() {
            None => Ok(self.batch),
            Some(waiting) => {
                let why = "its values are answered for by a vault: begin the batch, ask, then complete it";
                Err(Error::Mode { mode: waiting.mode.as_str(), why })
            }
        }
    }
}

/// The batch with the values at this path changed. A batch may also have a column of the path's whole name.
fn replace(
    batch: &RecordBatch,
    path: &Path,
    mode: &Mode,
    change: &mut dyn FnMut(Leaf<'_>) -> Result<ArrayRef, Error>,
) -> Result<RecordBatch, Error> {
    let (at, steps) = find(batch, path)?;
    let mut columns = batch.columns().to_vec();
    let schema = batch.schema();
    let mut fields = schema.fields().iter().cloned().collect::<Vec<_>>();
    let mut walk = Walk { path, mode, change };
    let start = Position { nulls: None, rows: None };
    (fields[at], columns[at]) = walk.step(&fields[at], &columns[at], steps, start)?;
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    RecordBatch::try_new(schema, columns).map_err(|error| walk.wrong(&error.to_string()))
}

/// Where a path's column stands, and what is left of the path behind it.
fn find<'p>(batch: &RecordBatch, path: &'p Path) -> Result<(usize, &'p [Step]), Error> {
    let schema = batch.schema();
    if let Ok(at) = schema.index_of(path.as_str()) {
        // Its values may stand in lists, where a row has several.
        let steps = if path.is_repeated() { &[Step::Items][..] } else { &[] };
        return Ok((at, steps));
    }
    let at = schema.index_of(path.top()).map_err(|_| {
        let columns = schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        missing(path.as_str(), &columns)
    })?;
    Ok((at, &path.steps()[1..]))
}

struct Walk<'a> {
    path: &'a Path,
    mode: &'a Mode,
    change: &'a mut dyn FnMut(Leaf<'_>) -> Result<ArrayRef, Error>,
}

/// Where the walk stands.
struct Position {
    /// The nulls of all that it went through.
    nulls: Option<NullBuffer>,
    rows: Option<Vec<usize>>,
}

impl Walk<'_> {
    fn wrong(&self, found: &str) -> Error {
        Error::Type { column: self.path.to_string(), found: found.to_owned(), mode: self.mode.as_str() }
    }

    fn step(
        &mut self,
        field: &FieldRef,
        array: &ArrayRef,
        steps: &[Step],
        at: Position,
    ) -> Result<(FieldRef, ArrayRef), Error> {
        let nulls = NullBuffer::union(at.nulls.as_ref(), array.logical_nulls().as_ref());
        let Some((step, rest)) = steps.split_first() else {
            let values = (self.change)(Leaf { values: array, nulls, rows: at.rows })?;
            return Ok((retyped(field, values.as_ref()), values));
        };
        let at = Position { nulls, rows: at.rows };
        let array: ArrayRef = match (step, array.data_type()) {
            (Step::Member(name), DataType::Struct(_)) => {
                Arc::new(self.member(array.as_struct(), name, rest, at)?)
            }
            (Step::Items, DataType::List(item)) => {
                Arc::new(self.items::<i32>(array.as_list(), item, rest, at)?)
            }
            (Step::Items, DataType::LargeList(item)) => {
                Arc::new(self.items::<i64>(array.as_list(), item, rest, at)?)
            }
            (Step::Items, DataType::FixedSizeList(item, size)) => {
                Arc::new(self.fixed(array.as_fixed_size_list(), item, *size, rest, at)?)
            }
            (_, other) => return Err(self.wrong(&other.to_string())),
        };
        Ok((retyped(field, array.as_ref()), array))
    }

    fn member(
        &mut self,
        array: &StructArray,
        name: &str,
        rest: &[Step],
        at: Position,
    ) -> Result<StructArray, Error> {
        let (fields, mut columns, nulls) = array.clone().into_parts();
        let mut fields = fields.iter().cloned().collect::<Vec<_>>();
        let Some(place) = fields.iter().position(|field| field.name() == name) else {
            let names = fields.iter().map(|field| field.name().clone()).collect::<Vec<_>>();
            return Err(missing(self.path.as_str(), &names));
        };
        (fields[place], columns[place]) = self.step(&fields[place], &columns[place], rest, at)?;
        StructArray::try_new(fields.into(), columns, nulls).map_err(|error| self.wrong(&error.to_string()))
    }

    fn items<O: OffsetSizeTrait>(
        &mut self,
        array: &GenericListArray<O>,
        item: &FieldRef,
        rest: &[Step],
        at: Position,
    ) -> Result<GenericListArray<O>, Error> {
        let offsets = array.offsets();
        let first = offsets[0].as_usize();
        let count = offsets[offsets.len() - 1].as_usize() - first;
        // Values before and behind the slice that the list is of stay out.
        let values = array.values().slice(first, count);
        let lengths = (0..array.len()).map(|row| offsets[row + 1].as_usize() - offsets[row].as_usize());
        let position = below(at, count, lengths);
        let (item, values) = self.step(item, &values, rest, position)?;
        let offsets = arrow_buffer::OffsetBuffer::from_lengths(
            (0..array.len()).map(|row| offsets[row + 1].as_usize() - offsets[row].as_usize()),
        );
        let nulls = array.nulls().cloned();
        let item = nullable(&item, values.as_ref());
        GenericListArray::try_new(item, offsets, values, nulls)
            .map_err(|error| self.wrong(&error.to_string()))
    }

    fn fixed(
        &mut self,
        array: &FixedSizeListArray,
        item: &FieldRef,
        size: i32,
        rest: &[Step],
        at: Position,
    ) -> Result<FixedSizeListArray, Error> {
        let width = usize::try_from(size).unwrap_or(0);
        // A sliced array has sliced its values already.
        let values = array.values().clone();
        let position = below(at, values.len(), (0..array.len()).map(|_| width));
        let (item, values) = self.step(item, &values, rest, position)?;
        let item = nullable(&item, values.as_ref());
        FixedSizeListArray::try_new(item, size, values, array.nulls().cloned())
            .map_err(|error| self.wrong(&error.to_string()))
    }
}

/// The position of a list's elements: each in its row, and null where its list is.
fn below(at: Position, count: usize, lengths: impl Iterator<Item = usize>) -> Position {
    let (mut rows, mut valid) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (place, length) in lengths.enumerate() {
        let row = at.rows.as_ref().map_or(place, |rows| rows.get(place).copied().unwrap_or(place));
        let is_valid = at.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(place));
        rows.extend(std::iter::repeat_n(row, length));
        valid.extend(std::iter::repeat_n(is_valid, length));
    }
    let nulls = valid.contains(&false).then(|| NullBuffer::from(valid));
    Position { nulls, rows: Some(rows) }
}

/// A field of the array's type, otherwise the same.
fn retyped(field: &FieldRef, array: &dyn Array) -> FieldRef {
    Arc::new(ArrowField::clone(field).with_data_type(array.data_type().clone()))
}

/// What stood in a null list is null now, and must be allowed to.
fn nullable(field: &FieldRef, array: &dyn Array) -> FieldRef {
    let nullable = field.is_nullable() || array.is_nullable();
    Arc::new(ArrowField::clone(field).with_nullable(nullable))
}

/// The row key of each row, as text, where the policy names one.
fn row_keys(policy: &FieldPolicy, batch: &RecordBatch) -> Result<Option<StringArray>, Error> {
    let Some(path) = policy.row_key() else { return Ok(None) };
    let mut found = None;
    replace(batch, path, &policy.fields()[0].mode, &mut |leaf| {
        found = Some(texts(path, leaf.values.as_ref(), leaf.nulls.as_ref())?);
        Ok(leaf.values.clone())
    })?;
    Ok(found)
}

/// The texts of an array, null where it is.
///
/// # Errors
/// [`Error::Type`] where values of its type have no text.
pub(crate) fn texts(
    path: &Path,
    array: &dyn Array,
    nulls: Option<&NullBuffer>,
) -> Result<StringArray, Error> {
    let of = Type::of(array.data_type()).filter(plain_text::has);
    let (Some(of), Some(values)) = (of, Source::of(array)) else {
        let (column, found) = (path.to_string(), array.data_type().to_string());
        return Err(Error::Type { column, found, mode: "row key" });
    };
    let mut out = StringBuilder::with_capacity(array.len(), values.size());
    let mut scratch = String::new();
    for at in 0..array.len() {
        if nulls.is_some_and(|nulls| nulls.is_null(at)) {
            out.append_null();
            continue;
        }
        let text = values.text(at, &of, &mut scratch);
        out.append_value(text.map_err(|why: Why| Error::value(at, path.as_str(), why))?);
    }
    Ok(out.finish())
}

/// The row key of each value, where a row has not exactly one.
fn spread(keys: &StringArray, leaf: &Leaf<'_>) -> Option<StringArray> {
    let rows = leaf.rows.as_ref()?;
    Some(rows.iter().map(|&row| keys.is_valid(row).then(|| keys.value(row))).collect())
}

/// The error for a column that is not there; at most twenty of those that are, so that it stays readable.
pub(crate) fn missing(column: &str, columns: &[String]) -> Error {
    let mut list = columns.iter().take(20).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if columns.len() > 20 {
        list.push_str(", …");
    }
    Error::MissingColumn { column: column.to_owned(), columns: list }
}
