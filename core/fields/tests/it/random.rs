//! Arrays made at random.

use arrow_array::{
    ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, StringArray, StringViewArray, make_array,
};
use arrow_buffer::{Buffer, MutableBuffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use std::sync::Arc;

/// A small generator (xorshift64*), so that a failing seed can be run again.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).expect("31 bits") % sides
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).expect("a byte")
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.roll(most + 1);
        (0..length).map(|_| self.byte()).collect()
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 8] = ["a", "é", " ", ",", "\"", "\n", "0", "🦀"];
        let length = [0, 1, 3, 40][self.roll(4)];
        (0..length).map(|_| PIECES[self.roll(PIECES.len())]).collect()
    }

    fn some<T>(&mut self, rows: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<Option<T>> {
        (0..rows).map(|_| if self.roll(4) == 0 { None } else { Some(make(self)) }).collect()
    }

    /// Values of a width, of any bits: for floats NaN with its payload too.
    fn fixed(&mut self, of: DataType, width: usize, rows: usize) -> ArrayRef {
        let mut bytes = MutableBuffer::new(rows * width);
        bytes.extend((0..rows * width).map(|_| self.byte()));
        let nulls = NullBuffer::from((0..rows).map(|_| self.roll(4) > 0).collect::<Vec<_>>());
        let data = ArrayData::builder(of).len(rows).nulls(Some(nulls)).add_buffer(Buffer::from(bytes));
        make_array(data.build().expect("an array"))
    }

    /// An array of each type, by its name; one of them a slice from the middle of a longer one.
    pub(crate) fn arrays(&mut self, rows: usize) -> Vec<(String, ArrayRef)> {
        let texts = self.some(rows, Self::text);
        let bytes = self.some(rows, |dice| dice.bytes(20));
        let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
        let bytes: Vec<Option<&[u8]>> = bytes.iter().map(Option::as_deref).collect();
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(texts.clone())),
            Arc::new(LargeStringArray::from(texts.clone())),
            Arc::new(StringViewArray::from(texts)),
            Arc::new(BinaryArray::from(bytes.clone())),
            Arc::new(LargeBinaryArray::from(bytes.clone())),
            Arc::new(BinaryViewArray::from(bytes)),
            Arc::new(BooleanArray::from(self.some(rows, |dice| dice.roll(2) == 1))),
        ];
        if rows > 0 {
            let values = self.some(rows, |dice| [dice.byte(), dice.byte(), dice.byte()]);
            let values = FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), 3);
            arrays.push(Arc::new(values.expect("bytes")));
        }
        for of in [
            DataType::Int8,
            DataType::Int16,
            DataType::Int32,
            DataType::Int64,
            DataType::UInt8,
            DataType::UInt16,
            DataType::UInt32,
            DataType::UInt64,
            DataType::Date32,
            DataType::Date64,
            DataType::Time32(TimeUnit::Second),
            DataType::Time64(TimeUnit::Nanosecond),
            DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Timestamp(TimeUnit::Millisecond, Some("Europe/Berlin".into())),
            DataType::Duration(TimeUnit::Second),
            DataType::Interval(IntervalUnit::MonthDayNano),
            DataType::Decimal32(9, 2),
            DataType::Decimal64(18, -3),
            DataType::Decimal128(38, 10),
            DataType::Decimal256(76, 0),
        ] {
            let width = of.primitive_width().expect("a primitive type");
            let longer = self.fixed(of, width, rows + 5);
            arrays.push(longer.slice(3, rows));
        }
        for (of, width) in [(DataType::Float16, 2), (DataType::Float32, 4), (DataType::Float64, 8)] {
            // Compared by value, NaN would differ from itself; only its own test looks at its bits.
            let array = self.fixed(of.clone(), width, rows);
            let data = array.to_data();
            let bytes = data.buffers()[0].as_slice()[..rows * width].to_vec();
            let calm = bytes.chunks(width).flat_map(|value| {
                let mut value = value.to_vec();
                value[width - 1] &= 0x3f;
                value
            });
            let calm: MutableBuffer = calm.collect();
            let data = data.into_builder().buffers(vec![calm.into()]);
            arrays.push(make_array(data.build().expect("an array")));
        }
        arrays.into_iter().map(|array| (array.data_type().to_string(), array)).collect()
    }
}
