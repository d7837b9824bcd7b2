//! The values of a column chunk, to and from arrays; their levels, which say where nulls and lists are, stay
//! as they are.

use super::{damaged, guarded};
use crate::{Error, Type, error::Why};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array,
    Int32Array, Int64Array, StringArray, cast::AsArray as _, make_array, types,
};
use arrow_schema::DataType;
use parquet::{
    column::{reader::ColumnReader, writer::ColumnWriter},
    data_type::{ByteArray, FixedLenByteArray, Int96},
};
use std::sync::Arc;

/// Some rows of a column chunk.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) values: Values,
    pub(super) levels: Levels,
}

/// Where the values stand.
#[derive(Debug, Default)]
pub(super) struct Levels {
    def: Vec<i16>,
    rep: Vec<i16>,
    max_def: i16,
    max_rep: i16,
    pub(super) rows: usize,
}

/// Values without nulls, as they are stored.
#[derive(Debug)]
pub(super) enum Values {
    Bool(Vec<bool>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    I96(Vec<Int96>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Bool(Vec::new())
    }
}

impl Levels {
    /// The row of each value, from 0.
    pub(super) fn rows_of_values(&self) -> Vec<usize> {
        let mut row = 0;
        let mut of = Vec::new();
        let count = if self.max_def > 0 {
            self.def.len()
        } else if self.max_rep > 0 {
            self.rep.len()
        } else {
            self.rows
        };
        for at in 0..count {
            if at > 0 && (self.max_rep == 0 || self.rep.get(at) == Some(&0)) {
                row += 1;
            }
            if self.max_def == 0 || self.def.get(at) == Some(&self.max_def) {
                of.push(row);
            }
        }
        of
    }

    fn def(&self) -> Option<&[i16]> {
        (self.max_def > 0).then_some(self.def.as_slice())
    }

    fn rep(&self) -> Option<&[i16]> {
        (self.max_rep > 0).then_some(self.rep.as_slice())
    }
}

/// Reads up to so many rows; fewer at the end of the chunk.
pub(super) fn read(
    reader: &mut ColumnReader,
    rows: usize,
    max_def: i16,
    max_rep: i16,
) -> Result<Rows, Error> {
    let mut levels = Levels { max_def, max_rep, ..Levels::default() };
    macro_rules! read {
        ($reader:expr, $kind:ident) => {{
            let mut values = Vec::new();
            let (def, rep) = (&mut levels.def, &mut levels.rep);
            let (read, _, _) = guarded(|| $reader.read_records(rows, Some(def), Some(rep), &mut values))?;
            levels.rows = read;
            Values::$kind(values)
        }};
    }
    let values = match reader {
        ColumnReader::BoolColumnReader(reader) => read!(reader, Bool),
        ColumnReader::Int32ColumnReader(reader) => read!(reader, I32),
        ColumnReader::Int64ColumnReader(reader) => read!(reader, I64),
        ColumnReader::Int96ColumnReader(reader) => read!(reader, I96),
        ColumnReader::FloatColumnReader(reader) => read!(reader, F32),
        ColumnReader::DoubleColumnReader(reader) => read!(reader, F64),
        ColumnReader::ByteArrayColumnReader(reader) => read!(reader, Bytes),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => read!(reader, Fixed),
    };
    Ok(Rows { values, levels })
}

/// Writes values under these levels.
pub(super) fn write(writer: &mut ColumnWriter<'_>, values: &Values, levels: &Levels) -> Result<(), Error> {
    macro_rules! write {
        ($writer:expr, $values:expr) => {
            guarded(|| $writer.write_batch($values, levels.def(), levels.rep()).map(drop))
        };
    }
    match (writer, values) {
        (ColumnWriter::BoolColumnWriter(writer), Values::Bool(values)) => write!(writer, values),
        (ColumnWriter::Int32ColumnWriter(writer), Values::I32(values)) => write!(writer, values),
        (ColumnWriter::Int64ColumnWriter(writer), Values::I64(values)) => write!(writer, values),
        (ColumnWriter::Int96ColumnWriter(writer), Values::I96(values)) => write!(writer, values),
        (ColumnWriter::FloatColumnWriter(writer), Values::F32(values)) => write!(writer, values),
        (ColumnWriter::DoubleColumnWriter(writer), Values::F64(values)) => write!(writer, values),
        (ColumnWriter::ByteArrayColumnWriter(writer), Values::Bytes(values)) => write!(writer, values),
        (ColumnWriter::FixedLenByteArrayColumnWriter(writer), Values::Fixed(values)) => {
            write!(writer, values)
        }
        _ => Err(damaged("its schema and its columns differ")),
    }
}

impl Values {
    /// Bytes that the values take in an array.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::I32(values) => values.len() * 4,
            Self::I64(values) => values.len() * 8,
            Self::I96(values) => values.len() * 12,
            Self::F32(values) => values.len() * 4,
            Self::F64(values) => values.len() * 8,
            Self::Bytes(values) => values.iter().map(|value| value.len() + 4).sum(),
            Self::Fixed(values) => values.iter().map(|value| value.len() + 4).sum(),
        }
    }

    /// The values as an array of this type; the index of one that is no text where that is the type.
    pub(super) fn array(&self, of: &Type) -> Result<ArrayRef, (usize, Why)> {
        let plain: ArrayRef = match self {
            Self::Bool(values) => Arc::new(BooleanArray::from(values.clone())),
            Self::I32(values) => Arc::new(Int32Array::from(values.clone())),
            Self::I64(values) => Arc::new(Int64Array::from(values.clone())),
            Self::F32(values) => Arc::new(Float32Array::from(values.clone())),
            Self::F64(values) => Arc::new(Float64Array::from(values.clone())),
            Self::I96(values) => {
                let bytes = values.iter().map(|value| {
                    let mut bytes = [0; 12];
                    for (place, word) in bytes.chunks_exact_mut(4).zip(value.data()) {
                        place.copy_from_slice(&word.to_le_bytes());
                    }
                    bytes
                });
                fixed(bytes, 12)
            }
            Self::Fixed(values) => {
                let width = match of.arrow() {
                    DataType::FixedSizeBinary(width) => width,
                    _ => 0,
                };
                fixed(values.iter().map(|value| value.data().to_vec()), width)
            }
            Self::Bytes(values) if of.arrow() == DataType::Utf8 => {
                let mut text = arrow_array::builder::StringBuilder::new();
                for (at, value) in values.iter().enumerate() {
                    text.append_value(std::str::from_utf8(value.data()).map_err(|_| (at, Why::NotUtf8))?);
                }
                Arc::new(text.finish())
            }
            Self::Bytes(values) => {
                Arc::new(BinaryArray::from_iter_values(values.iter().map(ByteArray::data)))
            }
        };
        retyped(&plain, &of.arrow()).map_err(|error| (0, error))
    }

    /// The values of an array, as a column of this type stores them.
    pub(super) fn of(array: &ArrayRef, physical: parquet::basic::Type) -> Result<Self, Error> {
        use parquet::basic::Type as Physical;
        let wrong = || Error::Parquet("revealed values are not of the column's type".to_owned());
        let stored = |of: DataType| retyped(array, &of).map_err(|_| wrong());
        Ok(match physical {
            Physical::BOOLEAN => Self::Bool(
                array.as_boolean_opt().ok_or_else(wrong)?.iter().map(Option::unwrap_or_default).collect(),
            ),
            Physical::INT32 => {
                Self::I32(stored(DataType::Int32)?.as_primitive::<types::Int32Type>().values().to_vec())
            }
            Physical::INT64 => {
                Self::I64(stored(DataType::Int64)?.as_primitive::<types::Int64Type>().values().to_vec())
            }
            Physical::FLOAT => {
                Self::F32(stored(DataType::Float32)?.as_primitive::<types::Float32Type>().values().to_vec())
            }
            Physical::DOUBLE => {
                Self::F64(stored(DataType::Float64)?.as_primitive::<types::Float64Type>().values().to_vec())
            }
            Physical::INT96 => {
                let array = array.as_fixed_size_binary_opt().filter(|array| array.value_length() == 12);
                let word = |bytes: &[u8], at: usize| {
                    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes)
                };
                let value = |bytes: &[u8]| {
                    let mut value = Int96::new();
                    value.set_data(word(bytes, 0), word(bytes, 4), word(bytes, 8));
                    value
                };
                Self::I96(
                    array.ok_or_else(wrong)?.iter().map(|bytes| value(bytes.unwrap_or_default())).collect(),
                )
            }
            Physical::FIXED_LEN_BYTE_ARRAY => {
                let array = array.as_fixed_size_binary_opt().ok_or_else(wrong)?;
                Self::Fixed(array.iter().map(|bytes| bytes.unwrap_or_default().to_vec().into()).collect())
            }
            Physical::BYTE_ARRAY => {
                Self::Bytes(match (array.as_string_opt::<i32>(), array.as_binary_opt::<i32>()) {
                    (Some(text), _) => text.iter().map(|text| text.unwrap_or_default().into()).collect(),
                    (_, Some(bytes)) => {
                        bytes.iter().map(|bytes| bytes.unwrap_or_default().to_vec().into()).collect()
                    }
                    _ => return Err(wrong()),
                })
            }
        })
    }

    /// The values as texts, by which rows are known.
    pub(super) fn texts(&self) -> Vec<String> {
        fn texts<T: ToString>(values: &[T]) -> Vec<String> {
            values.iter().map(T::to_string).collect()
        }
        match self {
            Self::Bool(values) => texts(values),
            Self::I32(values) => texts(values),
            Self::I64(values) => texts(values),
            Self::I96(values) => values.iter().map(|value| format!("{:?}", value.data())).collect(),
            Self::F32(values) => texts(values),
            Self::F64(values) => texts(values),
            Self::Bytes(values) => values.iter().map(|value| lossless(value.data())).collect(),
            Self::Fixed(values) => values.iter().map(|value| lossless(value.data())).collect(),
        }
    }
}

fn lossless(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| base::digest::hex(bytes), str::to_owned)
}

fn fixed<B: AsRef<[u8]>>(values: impl Iterator<Item = B>, width: i32) -> ArrayRef {
    let mut builder = arrow_array::builder::FixedSizeBinaryBuilder::new(width);
    for value in values {
        // The reader saw to the length.
        let _ = builder.append_value(value);
    }
    Arc::new(FixedSizeBinaryArray::from(builder.finish().into_data()))
}

/// The same bytes under another type of the same width.
fn retyped(array: &ArrayRef, of: &DataType) -> Result<ArrayRef, Why> {
    if array.data_type() == of {
        return Ok(array.clone());
    }
    let data = array.to_data().into_builder().data_type(of.clone()).build();
    data.map(make_array).map_err(|_| Why::NotOfType { of: of.to_string() })
}

/// One text for each value, where rows are known by texts.
pub(super) fn by_row(keys: &[Option<String>], rows: &[usize]) -> StringArray {
    rows.iter().map(|row| keys.get(*row).and_then(Option::as_deref)).collect()
}

impl Rows {
    /// What each row has here: at most one value.
    pub(super) fn one_each(&self) -> Vec<Option<String>> {
        let mut each = vec![None; self.levels.rows];
        for (text, row) in self.values.texts().into_iter().zip(self.levels.rows_of_values()) {
            if let Some(place) = each.get_mut(row) {
                *place = Some(text);
            }
        }
        each
    }
}
