//! Parts of a date, for the modifiers `minute`, `hour`, `day`, `week`, `month` and `year`. In UTC.

use base::Timestamp;
use events::{Number, Value};

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Minute,
    Hour,
    Day,
    /// Of ISO 8601.
    Week,
    Month,
    Year,
}

impl Part {
    /// The part of the moment that a value is: RFC 3339 (UTC where it names no zone), or seconds or
    /// milliseconds since 1970.
    pub(crate) fn of(self, value: Value<'_>) -> Option<i64> {
        let seconds = match value {
            Value::Str(text) => moment(text)?.seconds(),
            Value::Number(Number::Integer(number)) if number > 1_000_000_000_000 => number.div_euclid(1_000),
            Value::Number(Number::Integer(number)) => number,
            _ => return None,
        };
        let days = seconds.div_euclid(86_400);
        // No date of a log lies a million years away; beyond that the arithmetic below has no meaning.
        if days.abs() > 365_000_000 {
            return None;
        }
        let of_day = seconds.rem_euclid(86_400);
        let (year, month, day) = date(days);
        Some(match self {
            Self::Minute => of_day / 60 % 60,
            Self::Hour => of_day / 3_600,
            Self::Day => day,
            Self::Week => week(days),
            Self::Month => month,
            Self::Year => year,
        })
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let spaced = || text.replacen(' ', "T", 1);
    text.parse().ok().or_else(|| format!("{}Z", spaced()).parse().ok()).or_else(|| spaced().parse().ok())
}

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar: counted in eras of 400
/// years from March, so that the leap day is the last.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// The week that the day's Thursday lies in, counted from the first with a Thursday in the year.
const fn week(days: i64) -> i64 {
    // 1970-01-01 was a Thursday: Monday is 0.
    let weekday = (days + 3).rem_euclid(7);
    let thursday = days - weekday + 3;
    let (year, _, _) = date(thursday);
    let mut first = thursday;
    while date(first - 7).0 == year {
        first -= 7;
    }
    (thursday - first) / 7 + 1
}

#[cfg(test)]
mod tests {
    use super::Part;
    use events::{Number, Value};

    /// By `date -u +'%M %H %d %V %m %Y'`.
    #[test]
    fn parts_are_those_of_the_calendar() {
        let all = [Part::Minute, Part::Hour, Part::Day, Part::Week, Part::Month, Part::Year];
        for (text, expected) in [
            ("2026-03-04T05:06:07Z", [6, 5, 4, 10, 3, 2026]),
            ("2024-12-30T23:59:59Z", [59, 23, 30, 1, 12, 2024]),
            ("2021-01-03T00:00:00Z", [0, 0, 3, 53, 1, 2021]),
            ("2000-02-29T12:00:00+02:00", [0, 10, 29, 9, 2, 2000]),
            ("1969-12-31 23:00:00", [0, 23, 31, 1, 12, 1969]),
        ] {
            assert_eq!(all.map(|part| part.of(Value::Str(text))), expected.map(Some), "{text}");
        }
        let number = |number| Value::Number(Number::Integer(number));
        assert_eq!(Part::Hour.of(number(1_772_600_767)), Part::Hour.of(number(1_772_600_767_000)));
        assert_eq!(Part::Hour.of(Value::Str("soon")), None);
        assert_eq!(Part::Hour.of(Value::Null), None);
        assert_eq!(Part::Year.of(number(i64::MIN)), None);
    }
}
