//! Masking: a few characters at the ends stay, the others are replaced. There is no way back and no key.
//!
//! A character is a Unicode scalar value, not a grapheme cluster: what a cluster is changes from one version
//! of Unicode to the next, and a mask must not. The number of characters stays visible. A value that has no
//! more characters than the mask would keep is replaced whole, so that a short one is not shown entire.

use crate::Error;

/// How many characters stay at each end, and what stands for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mask {
    first: u16,
    last: u16,
    with: char,
}

impl Mask {
    /// A mask that keeps the `first` and the `last` characters and writes `with` for each of the others.
    ///
    /// # Errors
    /// [`Error::Parameter`] where `with` is a control character.
    pub const fn new(first: u16, last: u16, with: char) -> Result<Self, Error> {
        // `char::is_control` is not const; these are the characters of category Cc.
        if matches!(with, '\0'..='\x1f' | '\x7f'..='\u{9f}') {
            return Err(Error::Parameter { what: "mask", why: "its character is a control character" });
        }
        Ok(Self { first, last, with })
    }

    /// How many characters stay at the beginning.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// How many characters stay at the end.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// What stands for the others.
    #[must_use]
    pub const fn with(self) -> char {
        self.with
    }

    /// Appends the masked value to `out`.
    pub fn apply(self, value: &str, out: &mut String) {
        let (count, first, last) = (value.chars().count(), usize::from(self.first), usize::from(self.last));
        let (first, last) = if count > first + last { (first, count - last) } else { (0, count) };
        out.reserve(value.len());
        let keep = |at: usize| at < first || at >= last;
        out.extend(value.chars().enumerate().map(|(at, char)| if keep(at) { char } else { self.with }));
    }
}

impl Default for Mask {
    /// Everything is replaced by `*`.
    fn default() -> Self {
        Self { first: 0, last: 0, with: '*' }
    }
}

#[cfg(test)]
mod tests {
    use super::Mask;

    fn masked(first: u16, last: u16, value: &str) -> String {
        let mut out = "> ".to_owned();
        Mask::new(first, last, '•').expect("a mask").apply(value, &mut out);
        out.split_off(2)
    }

    #[test]
    fn the_ends_stay_and_short_values_do_not() {
        assert_eq!(masked(0, 4, "4111111111111111"), "••••••••••••1111");
        assert_eq!(masked(2, 2, "abcde"), "ab•de");
        assert_eq!(masked(2, 2, "abcd"), "••••", "a value that would be kept whole is not");
        assert_eq!(masked(2, 2, "a"), "•");
        assert_eq!(masked(2, 2, ""), "");
        assert_eq!(masked(1, 1, "Ødegård"), "Ø•••••d");
        assert_eq!(masked(u16::MAX, u16::MAX, "abc"), "•••");
        let mut plain = String::new();
        Mask::default().apply("xyz", &mut plain);
        assert_eq!(plain, "***");
        for control in ['\0', '\n', '\x7f', '\u{85}'] {
            assert!(control.is_control() && Mask::new(0, 0, control).is_err());
        }
    }
}
