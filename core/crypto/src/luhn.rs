//! The Luhn check digit (ISO/IEC 7812-1, annex B) of card numbers and the like.

/// The Luhn sum of the digits that stand before the check digit. `digits` gives them from the left.
#[must_use]
pub fn check_digit<I>(digits: I) -> u8
where
    I: IntoIterator<Item = u8, IntoIter: DoubleEndedIterator>,
{
    let mut sum = 0_u8;
    for (at, digit) in digits.into_iter().rev().enumerate() {
        let weighed = if at % 2 == 0 { digit % 10 * 2 } else { digit % 10 };
        sum = (sum + weighed / 10 + weighed % 10) % 10;
    }
    (10 - sum) % 10
}

/// Whether the last of the ASCII digits in a text is the check digit of those before it; what is no digit
/// is passed over. A text of fewer than two digits has no check digit.
#[must_use]
pub fn holds(text: &str) -> bool {
    let mut digits = text.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0');
    let Some(check) = digits.next_back() else { return false };
    digits.clone().next().is_some() && check_digit(digits) == check
}

#[cfg(test)]
mod tests {
    use super::{check_digit, holds};

    #[test]
    fn published_numbers_hold() {
        // ISO/IEC 7812-1's example, and card networks' published test numbers.
        let held = [
            "17893729974",
            "4111 1111 1111 1111",
            "3782-822463-10005",
            "5555555555554444",
            "6011111111111117",
            "00",
        ];
        for number in held {
            assert!(holds(number), "{number}");
        }
        for number in ["17893729975", "4111 1111 1111 1112", "", "0", "x", "7"] {
            assert!(!holds(number), "{number}");
        }
        assert_eq!(check_digit([7, 9, 9, 2, 7, 3, 9, 8, 7, 1]), 3);
    }
}
