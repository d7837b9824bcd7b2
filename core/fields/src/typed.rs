//! The types of plain values, as a manifest names them.

use crate::Error;
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// The type that a field's values had before they were protected, and get back.
///
/// As text: `utf8` (the default), `large-utf8`, `utf8-view`, `binary`, `large-binary`, `binary-view`,
/// `fixed-binary:16`, `bool`, `int8` to `int64`, `uint8` to `uint64`, `float16`, `float32`, `float64`, `date32`,
/// `date64`, `time32:s|ms`, `time64:us|ns`, `timestamp:s|ms|us|ns` with an optional `:ZONE`,
/// `duration:s|ms|us|ns`, `interval:year-month|day-time|month-day-nano`, `decimal32:9:2` (precision, scale) to
/// `decimal256`, and `json`. What the bytes of a value are stands in `docs/formats/field-value.md`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Type(Of);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Of {
    Arrow(DataType),
    Json,
}

impl Default for Type {
    fn default() -> Self {
        Self::UTF8
    }
}

impl Type {
    /// Text.
    pub const UTF8: Self = Self(Of::Arrow(DataType::Utf8));

    /// Any JSON value. Its Arrow type is binary: a string is its text in UTF-8, another value the byte `ff`,
    /// which no UTF-8 has, and the value's JSON text.
    pub const JSON: Self = Self(Of::Json);

    /// The type of such an array; of a dictionary, that of its values. `None` for a type whose values cannot be
    /// protected: nested ones (name their members), and what holds no values.
    #[must_use]
    pub fn of(array: &DataType) -> Option<Self> {
        let known = match array {
            DataType::Dictionary(_, values) => return Self::of(values),
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::Boolean => true,
            DataType::FixedSizeBinary(width) => FIXED.contains(width),
            other => width(other).is_some(),
        };
        known.then(|| Self(Of::Arrow(array.clone())))
    }

    /// The Arrow type of its arrays.
    #[must_use]
    pub fn arrow(&self) -> DataType {
        match &self.0 {
            Of::Arrow(of) => of.clone(),
            Of::Json => DataType::Binary,
        }
    }

    /// Whether it is [`JSON`](Self::JSON).
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.0 == Of::Json
    }
}

/// The widths that fixed binary values may have. Every null takes its width in memory, so that a manifest must not
/// name any.
const FIXED: std::ops::RangeInclusive<i32> = 0..=65_536;

/// Bytes of each value, where all have as many and lie one after the other, little-endian.
pub(crate) fn width(of: &DataType) -> Option<usize> {
    match of {
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        other => other.primitive_width(),
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Of::Arrow(of) = &self.0 else { return f.write_str("json") };
        if let Some((_, name)) = SIMPLE.iter().find(|(known, _)| known == of) {
            return f.write_str(name);
        }
        match of {
            DataType::FixedSizeBinary(width) => write!(f, "fixed-binary:{width}"),
            DataType::Time32(unit) => write!(f, "time32:{}", unit_code(*unit)),
            DataType::Time64(unit) => write!(f, "time64:{}", unit_code(*unit)),
            DataType::Timestamp(unit, None) => write!(f, "timestamp:{}", unit_code(*unit)),
            DataType::Timestamp(unit, Some(zone)) => write!(f, "timestamp:{}:{zone}", unit_code(*unit)),
            DataType::Duration(unit) => write!(f, "duration:{}", unit_code(*unit)),
            DataType::Decimal32(precision, scale) => write!(f, "decimal32:{precision}:{scale}"),
            DataType::Decimal64(precision, scale) => write!(f, "decimal64:{precision}:{scale}"),
            DataType::Decimal128(precision, scale) => write!(f, "decimal128:{precision}:{scale}"),
            DataType::Decimal256(precision, scale) => write!(f, "decimal256:{precision}:{scale}"),
            other => write!(f, "{other}"),
        }
    }
}

const SIMPLE: [(DataType, &str); 23] = [
    (DataType::Utf8, "utf8"),
    (DataType::LargeUtf8, "large-utf8"),
    (DataType::Utf8View, "utf8-view"),
    (DataType::Binary, "binary"),
    (DataType::LargeBinary, "large-binary"),
    (DataType::BinaryView, "binary-view"),
    (DataType::Boolean, "bool"),
    (DataType::Int8, "int8"),
    (DataType::Int16, "int16"),
    (DataType::Int32, "int32"),
    (DataType::Int64, "int64"),
    (DataType::UInt8, "uint8"),
    (DataType::UInt16, "uint16"),
    (DataType::UInt32, "uint32"),
    (DataType::UInt64, "uint64"),
    (DataType::Float16, "float16"),
    (DataType::Float32, "float32"),
    (DataType::Float64, "float64"),
    (DataType::Date32, "date32"),
    (DataType::Date64, "date64"),
    (DataType::Interval(IntervalUnit::YearMonth), "interval:year-month"),
    (DataType::Interval(IntervalUnit::DayTime), "interval:day-time"),
    (DataType::Interval(IntervalUnit::MonthDayNano), "interval:month-day-nano"),
];

const UNITS: [(TimeUnit, &str); 4] = [
    (TimeUnit::Second, "s"),
    (TimeUnit::Millisecond, "ms"),
    (TimeUnit::Microsecond, "us"),
    (TimeUnit::Nanosecond, "ns"),
];

fn unit_code(unit: TimeUnit) -> &'static str {
    UNITS.iter().find(|(known, _)| *known == unit).map_or("", |(_, code)| code)
}

impl FromStr for Type {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || {
            let text = text.chars().take(64).collect::<String>();
            Error::Policy(format!("there is no type `{text}`"))
        };
        if text == "json" {
            return Ok(Self::JSON);
        }
        if let Some((of, _)) = SIMPLE.iter().find(|(_, name)| *name == text) {
            return Ok(Self(Of::Arrow(of.clone())));
        }
        let (name, rest) = text.split_once(':').ok_or_else(unknown)?;
        let (one, two) = rest.split_once(':').map_or((rest, None), |(one, two)| (one, Some(two)));
        let unit = || UNITS.iter().find(|(_, code)| *code == one).map(|(unit, _)| *unit);
        let digits = |most: u8| {
            let (precision, scale): (u8, i8) = (one.parse().ok()?, two?.parse().ok()?);
            ((1..=most).contains(&precision) && i16::from(scale) <= i16::from(precision))
                .then_some((precision, scale))
        };
        let of = match (name, two) {
            ("fixed-binary", None) => {
                one.parse().ok().filter(|width| FIXED.contains(width)).map(DataType::FixedSizeBinary)
            }
            ("time32", None) => unit()
                .filter(|unit| matches!(unit, TimeUnit::Second | TimeUnit::Millisecond))
                .map(DataType::Time32),
            ("time64", None) => unit()
                .filter(|unit| matches!(unit, TimeUnit::Microsecond | TimeUnit::Nanosecond))
                .map(DataType::Time64),
            ("timestamp", zone) => unit().map(|unit| DataType::Timestamp(unit, zone.map(Arc::from))),
            ("duration", None) => unit().map(DataType::Duration),
            ("decimal32", _) => digits(9).map(|(precision, scale)| DataType::Decimal32(precision, scale)),
            ("decimal64", _) => digits(18).map(|(precision, scale)| DataType::Decimal64(precision, scale)),
            ("decimal128", _) => digits(38).map(|(precision, scale)| DataType::Decimal128(precision, scale)),
            ("decimal256", _) => digits(76).map(|(precision, scale)| DataType::Decimal256(precision, scale)),
            _ => None,
        };
        of.map(|of| Self(Of::Arrow(of))).filter(|read| read.to_string() == text).ok_or_else(unknown)
    }
}

impl TryFrom<String> for Type {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Type> for String {
    fn from(of: Type) -> Self {
        of.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Type;
    use arrow_schema::{DataType, TimeUnit};
    use std::sync::Arc;

    #[test]
    fn every_type_has_one_name() {
        for name in [
            "utf8",
            "json",
            "binary",
            "fixed-binary:16",
            "bool",
            "int64",
            "uint8",
            "float16",
            "date32",
            "time32:ms",
            "time64:ns",
            "timestamp:us",
            "timestamp:us:Europe/Berlin",
            "timestamp:s:+02:00",
            "duration:s",
            "interval:day-time",
            "decimal32:9:2",
            "decimal128:38:-10",
            "decimal256:76:0",
        ] {
            let read: Type = name.parse().expect(name);
            assert_eq!(read.to_string(), name);
            if name != "json" {
                assert_eq!(Type::of(&read.arrow()), Some(read));
            }
        }
        for name in [
            "",
            "int",
            "Int64",
            "time32:ns",
            "timestamp",
            "timestamp:x",
            "decimal32:10:2",
            "decimal64:+9:2",
            "fixed-binary:-1",
            "fixed-binary:65537",
            "struct",
            "decimal128:38",
        ] {
            assert!(name.parse::<Type>().is_err(), "{name}");
        }
        let zone = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(zone));
        assert_eq!(Type::of(&dictionary).expect("that of its values").to_string(), "timestamp:us:UTC");
        assert_eq!(Type::of(&DataType::Null), None);
    }
}
