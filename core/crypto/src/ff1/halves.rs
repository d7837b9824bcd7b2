//! A numeral string as two integers: what FF1 computes with, without an allocation per round.

use fpe::ff1::{NumeralString, Operations};

/// The largest number of values that a half may have, so that it and the round function's output (at most
/// 16 bytes then) fit in 128 bits.
const MOST: u128 = 1 << 96;

/// A numeral string of `u` and `v` numerals (v is u or u + 1), each half as an integer.
pub(super) struct Halves {
    pub(super) a: Half,
    pub(super) b: Half,
}

/// Half of a numeral string.
#[derive(Clone)]
pub(super) struct Half {
    pub(super) value: u128,
    count: usize,
    modulus: u128,
}

impl Halves {
    /// The string of this many numerals, all 0; none where the halves are too long for this form.
    pub(super) fn new(radix: u32, count: usize) -> Option<Self> {
        let u = count / 2;
        Some(Self { a: Half::new(radix, u)?, b: Half::new(radix, count - u)? })
    }

    /// Appends a numeral at the place that this is in the whole string.
    pub(super) fn set(&mut self, radix: u32, at: usize, numeral: u16) {
        let half = if at < self.a.count { &mut self.a } else { &mut self.b };
        half.value = half.value * u128::from(radix) + u128::from(numeral);
    }

    /// Writes the numerals out.
    pub(super) fn write(&self, radix: u32, out: &mut Vec<u16>) {
        out.clear();
        out.resize(self.a.count + self.b.count, 0);
        let (a, b) = out.split_at_mut(self.a.count);
        self.a.write(radix, a);
        self.b.write(radix, b);
    }
}

impl Half {
    fn new(radix: u32, count: usize) -> Option<Self> {
        let modulus = u128::from(radix).checked_pow(u32::try_from(count).ok()?)?;
        (modulus <= MOST).then_some(Self { value: 0, count, modulus })
    }

    fn write(&self, radix: u32, out: &mut [u16]) {
        let (mut value, radix) = (self.value, u128::from(radix));
        for numeral in out.iter_mut().rev() {
            *numeral = u16::try_from(value % radix).expect("a numeral is below the radix");
            value /= radix;
        }
    }

    fn reduced(&self, bytes: impl Iterator<Item = u8>) -> u128 {
        bytes.fold(0_u128, |value, byte| value << 8 | u128::from(byte)) % self.modulus
    }
}

/// The last `length` bytes of 16.
pub(super) struct Bytes {
    bytes: [u8; 16],
    start: usize,
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

impl Operations for Half {
    type Bytes = Bytes;

    fn numeral_count(&self) -> usize {
        self.count
    }

    fn to_be_bytes(&self, _radix: u32, b: usize) -> Bytes {
        Bytes { bytes: self.value.to_be_bytes(), start: 16_usize.saturating_sub(b) }
    }

    fn add_mod_exp(mut self, other: impl Iterator<Item = u8>, _radix: u32, m: usize) -> Self {
        debug_assert_eq!(m, self.count, "FF1 reduces a half by its own length");
        self.value = (self.value + self.reduced(other)) % self.modulus;
        self
    }

    fn sub_mod_exp(mut self, other: impl Iterator<Item = u8>, _radix: u32, m: usize) -> Self {
        debug_assert_eq!(m, self.count, "FF1 reduces a half by its own length");
        self.value = (self.value + self.modulus - self.reduced(other)) % self.modulus;
        self
    }
}

impl NumeralString for Halves {
    type Ops = Half;

    fn is_valid(&self, _radix: u32) -> bool {
        self.a.value < self.a.modulus && self.b.value < self.b.modulus
    }

    fn numeral_count(&self) -> usize {
        self.a.count + self.b.count
    }

    fn split(&self) -> (Half, Half) {
        (self.a.clone(), self.b.clone())
    }

    fn concat(a: Half, b: Half) -> Self {
        Self { a, b }
    }
}
