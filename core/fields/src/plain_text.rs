//! The text of values that have one: what modes that work on characters (`ff1`, `mask`, `blind-index`, `token`)
//! see of them. Text is itself; integers are decimal; a date is `YYYY-MM-DD`.

use crate::{Type, error::Why};
use arrow_schema::DataType;
use std::fmt::Write as _;

/// Whether values of this type have a text.
pub(crate) fn has(of: &Type) -> bool {
    let integer = |of: &DataType| of.is_integer();
    let of_arrow = of.arrow();
    of.is_json() || integer(&of_arrow) || text(&of_arrow) || of_arrow == DataType::Date32
}

const fn text(of: &DataType) -> bool {
    matches!(of, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The text of a value with these bytes.
pub(crate) fn read<'s>(bytes: &'s [u8], of: &DataType, scratch: &'s mut String) -> Result<&'s str, Why> {
    if text(of) || *of == DataType::Binary {
        // Binary is JSON here: what is no string begins with a byte that no text has.
        return std::str::from_utf8(bytes).map_err(|_| Why::NotText);
    }
    scratch.clear();
    if *of == DataType::Date32 {
        let days = i32::from_le_bytes(array(bytes)?);
        date(days, scratch);
    } else if of.is_unsigned_integer() {
        let mut wide = [0; 8];
        wide.get_mut(..bytes.len()).ok_or(Why::NotText)?.copy_from_slice(bytes);
        write!(scratch, "{}", u64::from_le_bytes(wide)).expect("a string takes any text");
    } else if of.is_signed_integer() {
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide.get_mut(..bytes.len()).ok_or(Why::NotText)?.copy_from_slice(bytes);
        write!(scratch, "{}", i64::from_le_bytes(wide)).expect("a string takes any text");
    } else {
        return Err(Why::NotText);
    }
    Ok(scratch)
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Why> {
    bytes.try_into().map_err(|_| Why::NotText)
}

/// Appends the bytes of the value with this text. It must be the text that [`read`] gives: another spelling of
/// the same number would come back changed.
pub(crate) fn write(value: &str, of: &DataType, out: &mut Vec<u8>) -> Result<(), Why> {
    let wrong = || Why::NotOfType { of: of.to_string() };
    if text(of) || *of == DataType::Binary {
        out.extend_from_slice(value.as_bytes());
        return Ok(());
    }
    let at = out.len();
    match of {
        DataType::Date32 => out.extend_from_slice(&days(value).ok_or_else(wrong)?.to_le_bytes()),
        DataType::Int8 => out.extend_from_slice(&value.parse::<i8>().map_err(|_| wrong())?.to_le_bytes()),
        DataType::Int16 => out.extend_from_slice(&value.parse::<i16>().map_err(|_| wrong())?.to_le_bytes()),
        DataType::Int32 => out.extend_from_slice(&value.parse::<i32>().map_err(|_| wrong())?.to_le_bytes()),
        DataType::Int64 => out.extend_from_slice(&value.parse::<i64>().map_err(|_| wrong())?.to_le_bytes()),
        DataType::UInt8 => out.extend_from_slice(&value.parse::<u8>().map_err(|_| wrong())?.to_le_bytes()),
        DataType::UInt16 => out.extend_from_slice(&value.parse::<u16>().map_err(|_| wrong())?.to_le_bytes()),
        DataType::UInt32 => out.extend_from_slice(&value.parse::<u32>().map_err(|_| wrong())?.to_le_bytes()),
        DataType::UInt64 => out.extend_from_slice(&value.parse::<u64>().map_err(|_| wrong())?.to_le_bytes()),
        _ => return Err(wrong()),
    }
    let mut scratch = String::new();
    if read(&out[at..], of, &mut scratch)? != value {
        return Err(wrong());
    }
    Ok(())
}

/// Appends the date of a day counted from 1970-01-01 (proleptic Gregorian calendar).
fn date(days: i32, out: &mut String) {
    // Days from civil, backwards: eras of 400 years, years beginning in March.
    let days = i64::from(days) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let sign = if year < 0 { "-" } else { "" };
    write!(out, "{sign}{:04}-{month:02}-{day:02}", year.abs()).expect("a string takes any text");
}

/// The day of a date.
fn days(text: &str) -> Option<i32> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut parts = digits.split('-');
    let mut next = || parts.next()?.parse::<i64>().ok();
    let (year, month, day) = (sign * next()?, next()?, next()?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5 + day - 1;
    i32::try_from(era.checked_mul(146_097)?.checked_add(day_of_era)? - 719_468).ok()
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use crate::error::Why;
    use arrow_schema::DataType;

    #[test]
    fn a_text_is_the_value_and_no_other_spelling_is() {
        let mut scratch = String::new();
        for (of, bytes, text) in [
            (DataType::Int8, vec![0x80], "-128"),
            (DataType::Int16, vec![0xff, 0xff], "-1"),
            (DataType::Int64, i64::MIN.to_le_bytes().to_vec(), "-9223372036854775808"),
            (DataType::UInt64, u64::MAX.to_le_bytes().to_vec(), "18446744073709551615"),
            (DataType::UInt8, vec![200], "200"),
            (DataType::Date32, 0_i32.to_le_bytes().to_vec(), "1970-01-01"),
            (DataType::Date32, (-1_i32).to_le_bytes().to_vec(), "1969-12-31"),
            (DataType::Date32, 11_016_i32.to_le_bytes().to_vec(), "2000-02-29"),
            (DataType::Date32, 47_541_i32.to_le_bytes().to_vec(), "2100-03-01"),
            (DataType::Date32, (-719_529_i32).to_le_bytes().to_vec(), "-0001-12-31"),
            (DataType::Utf8, b"x".to_vec(), "x"),
        ] {
            assert_eq!(read(&bytes, &of, &mut scratch), Ok(text), "{of}");
            let mut out = vec![7];
            write(text, &of, &mut out).expect("its own text");
            assert_eq!(out[1..], bytes, "{of} {text}");
        }
        for (of, text) in [
            (DataType::Int8, "128"),
            (DataType::Int64, "+1"),
            (DataType::Int64, "01"),
            (DataType::Int64, ""),
            (DataType::UInt8, "-1"),
            (DataType::Date32, "2023-02-30"),
            (DataType::Date32, "2023-2-3"),
            (DataType::Float64, "1"),
        ] {
            assert!(matches!(write(text, &of, &mut Vec::new()), Err(Why::NotOfType { .. })), "{of} {text}");
        }
        assert_eq!(read(b"\xff12", &DataType::Binary, &mut scratch), Err(Why::NotText));
    }

    #[test]
    fn every_day_of_eight_centuries_survives() {
        let mut scratch = String::new();
        for day in -150_000_i32..150_000 {
            let text = read(&day.to_le_bytes(), &DataType::Date32, &mut scratch).expect("a date").to_owned();
            let mut out = Vec::new();
            write(&text, &DataType::Date32, &mut out).expect("a date");
            assert_eq!(out, day.to_le_bytes());
        }
    }
}
