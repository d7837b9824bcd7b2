//! The values of an array, as bytes and as text, and arrays made of such values.
//!
//! What the bytes of a value of each type are is part of the format of protected values:
//! `docs/formats/field-value.md`.

use crate::{Type, error::Why, plain_text, typed::width};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, GenericBinaryArray,
    GenericStringArray, LargeBinaryArray, LargeStringArray, OffsetSizeTrait, StringArray, StringViewArray,
    builder::{BinaryViewBuilder, StringViewBuilder},
    cast::AsArray as _,
    make_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType;
use std::sync::Arc;

#[cfg(target_endian = "big")]
compile_error!("values are read as they lie in memory, which must be little-endian");

/// The values of an array, as the bytes that are sealed.
pub(crate) enum Source<'a> {
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Binary(&'a BinaryArray),
    LargeBinary(&'a LargeBinaryArray),
    BinaryView(&'a BinaryViewArray),
    FixedBinary(&'a FixedSizeBinaryArray),
    Bool(&'a BooleanArray),
    Fixed { bytes: Buffer, start: usize, width: usize },
    Dictionary { keys: Vec<usize>, values: Box<Source<'a>> },
}

impl<'a> Source<'a> {
    /// The values of an array that [`Type::of`] knows a type of.
    pub(crate) fn of(array: &'a dyn Array) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::Utf8(array.as_string()),
            DataType::LargeUtf8 => Self::LargeUtf8(array.as_string()),
            DataType::Utf8View => Self::Utf8View(array.as_string_view()),
            DataType::Binary => Self::Binary(array.as_binary()),
            DataType::LargeBinary => Self::LargeBinary(array.as_binary()),
            DataType::BinaryView => Self::BinaryView(array.as_binary_view()),
            DataType::FixedSizeBinary(_) => Self::FixedBinary(array.as_fixed_size_binary()),
            DataType::Boolean => Self::Bool(array.as_boolean()),
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_any_dictionary();
                let values = dictionary.values();
                // Without values every key is null, and none is looked up.
                let keys = if values.is_empty() { Vec::new() } else { dictionary.normalized_keys() };
                Self::Dictionary { keys, values: Box::new(Self::of(values.as_ref())?) }
            }
            other => {
                let width = width(other)?;
                let data = array.to_data();
                Self::Fixed { bytes: data.buffers().first()?.clone(), start: data.offset() * width, width }
            }
        })
    }

    /// The bytes of a value that is not null.
    pub(crate) fn bytes(&self, at: usize) -> &[u8] {
        match self {
            Self::Utf8(array) => array.value(at).as_bytes(),
            Self::LargeUtf8(array) => array.value(at).as_bytes(),
            Self::Utf8View(array) => array.value(at).as_bytes(),
            Self::Binary(array) => array.value(at),
            Self::LargeBinary(array) => array.value(at),
            Self::BinaryView(array) => array.value(at),
            Self::FixedBinary(array) => array.value(at),
            Self::Bool(array) => match array.value(at) {
                true => &[1],
                false => &[0],
            },
            Self::Fixed { bytes, start, width } => &bytes[start + at * width..][..*width],
            Self::Dictionary { keys, values } => values.bytes(keys[at]),
        }
    }

    /// All bytes of all values, to know how much comes; 0 where it is not known.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Utf8(array) => array.value_data().len(),
            Self::Binary(array) => array.value_data().len(),
            Self::Fixed { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// The text of a value that is not null: what modes that work on characters are given.
    pub(crate) fn text<'s>(&'s self, at: usize, of: &Type, scratch: &'s mut String) -> Result<&'s str, Why> {
        plain_text::read(self.bytes(at), &of.arrow(), scratch)
    }
}

/// Values being put together to an array of a type.
pub(crate) struct Sink {
    of: DataType,
    width: Option<usize>,
    bytes: Vec<u8>,
    /// Where each value ends; unused where all have the same width.
    ends: Vec<i32>,
    large: Vec<i64>,
    count: usize,
}

impl Sink {
    pub(crate) fn new(of: DataType, values: usize, bytes: usize) -> Self {
        let width = if of == DataType::Boolean { Some(1) } else { width(&of) };
        let (mut ends, mut large) = (Vec::new(), Vec::new());
        match (&width, &of) {
            (Some(_), _) => {}
            (None, DataType::LargeUtf8 | DataType::LargeBinary) => {
                large.reserve(values + 1);
                large.push(0);
            }
            (None, _) => {
                ends.reserve(values + 1);
                ends.push(0);
            }
        }
        Self { of, width, bytes: Vec::with_capacity(bytes), ends, large, count: 0 }
    }

    /// To append the bytes of the next value to; [`end`](Self::end) ends it.
    pub(crate) const fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Ends a value, which began at this length.
    pub(crate) fn end(&mut self, start: usize) -> Result<(), Why> {
        self.count += 1;
        match self.width {
            Some(width) if self.bytes.len() - start == width => Ok(()),
            Some(_) => Err(Why::NotOfType { of: self.of.to_string() }),
            None if !self.large.is_empty() => {
                self.large.push(i64::try_from(self.bytes.len()).map_err(|_| Why::TooLarge)?);
                Ok(())
            }
            None => {
                self.ends.push(i32::try_from(self.bytes.len()).map_err(|_| Why::TooLarge)?);
                Ok(())
            }
        }
    }

    /// Appends a place without a value.
    pub(crate) fn null(&mut self) {
        self.count += 1;
        match self.width {
            Some(width) => self.bytes.resize(self.bytes.len() + width, 0),
            None if !self.large.is_empty() => self.large.push(self.large[self.large.len() - 1]),
            None => self.ends.push(self.ends[self.ends.len() - 1]),
        }
    }

    /// Appends a value given as text.
    pub(crate) fn text(&mut self, value: &str) -> Result<(), Why> {
        let start = self.bytes.len();
        plain_text::write(value, &self.of, &mut self.bytes)?;
        self.end(start)
    }

    /// The array; on failure the value at fault.
    pub(crate) fn finish(self, nulls: Option<NullBuffer>) -> Result<ArrayRef, (usize, Why)> {
        let Self { of, width, bytes, ends, large, count } = self;
        if of == DataType::Boolean {
            if let Some(at) = bytes.iter().position(|byte| *byte > 1) {
                return Err((at, Why::NotOfType { of: of.to_string() }));
            }
            let values = BooleanBuffer::collect_bool(bytes.len(), |at| bytes[at] == 1);
            return Ok(Arc::new(BooleanArray::new(values, nulls)));
        }
        if width.is_some() {
            return fixed(&of, count, &bytes, nulls)
                .ok_or_else(|| (0, Why::NotOfType { of: of.to_string() }));
        }
        let bytes = Buffer::from_vec(bytes);
        if large.is_empty() {
            let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
            variable::<i32>(&of, &offsets, &bytes, nulls)
        } else {
            let offsets = OffsetBuffer::new(ScalarBuffer::from(large));
            variable::<i64>(&of, &offsets, &bytes, nulls)
        }
    }
}

/// An array of values of different lengths.
fn variable<O: OffsetSizeTrait>(
    of: &DataType,
    offsets: &OffsetBuffer<O>,
    bytes: &Buffer,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, (usize, Why)> {
    let value = |at: usize| &bytes[offsets[at].as_usize()..offsets[at + 1].as_usize()];
    let text = |at: usize| std::str::from_utf8(value(at)).map_err(|_| (at, Why::NotUtf8));
    let count = offsets.len() - 1;
    let is_null = |at: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(at));
    Ok(match of {
        DataType::Utf8 | DataType::LargeUtf8 => {
            // It checks all of the text at once; where that fails, the value at fault is looked for.
            let array = GenericStringArray::<O>::try_new(offsets.clone(), bytes.clone(), nulls.clone());
            let fault = |_| (0..count).find_map(|at| text(at).err()).unwrap_or((0, Why::NotUtf8));
            Arc::new(array.map_err(fault)?)
        }
        DataType::Utf8View => {
            let mut views = StringViewBuilder::with_capacity(count);
            for at in 0..count {
                views.append_option(if is_null(at) { None } else { Some(text(at)?) });
            }
            Arc::new(views.finish())
        }
        DataType::BinaryView => {
            let mut views = BinaryViewBuilder::with_capacity(count);
            (0..count).for_each(|at| views.append_option((!is_null(at)).then(|| value(at))));
            Arc::new(views.finish())
        }
        _ => {
            let array = GenericBinaryArray::<O>::try_new(offsets.clone(), bytes.clone(), nulls);
            Arc::new(array.map_err(|_| (0, Why::TooLarge))?)
        }
    })
}

/// An array of values of the same width.
fn fixed(of: &DataType, values: usize, bytes: &[u8], nulls: Option<NullBuffer>) -> Option<ArrayRef> {
    // Aligned for every type, as a vector of bytes is not.
    let mut aligned = MutableBuffer::with_capacity(bytes.len());
    aligned.extend_from_slice(bytes);
    let data = ArrayData::builder(of.clone()).len(values).nulls(nulls).add_buffer(aligned.into());
    Some(make_array(data.build().ok()?))
}
