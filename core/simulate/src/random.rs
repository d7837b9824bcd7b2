//! Numbers from a seed: the same on every machine.
//!
//! Blackman and Vigna's xoshiro256++ 1.0 and Steele, Lea and Flood's SplitMix64, both in the public
//! domain. They are fast and well spread and can be predicted from their output, so nothing secret may
//! come from here; secrets come from `crypto::Provider`. Logarithm and exponential are written out in
//! basic IEEE 754 operations, because the platform's own may differ in the last bit between machines.

/// One step of SplitMix64: a good hash of 64 bits to 64 bits.
#[must_use]
pub(crate) const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// What is true of thing `index` in the world of `seed`: `salt` says which of its properties.
#[must_use]
pub(crate) const fn derive(seed: u64, salt: u64, index: u64) -> u64 {
    mix(mix(seed ^ mix(salt)) ^ index)
}

/// A stream of numbers: xoshiro256++.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: [u64; 4],
}

impl Random {
    /// The stream that belongs to `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        let mut state = [0; 4];
        for (word, number) in state.iter_mut().zip(1_u64..) {
            *word = mix(seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }
        Self { state }
    }

    /// 64 random bits.
    pub(crate) const fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number below `bound`, which must not be 0 (0 gives 0). Lemire's multiplication; the bias is
    /// below 2^-32 for the bounds used here.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// A number below `bound`.
    #[expect(clippy::cast_possible_truncation, reason = "below a u32")]
    pub(crate) const fn below_u32(&mut self, bound: u32) -> u32 {
        self.below(bound as u64) as u32
    }

    /// A number in `low..=high`.
    #[expect(clippy::cast_possible_truncation, reason = "not above a u8")]
    pub(crate) const fn between_u8(&mut self, low: u8, high: u8) -> u8 {
        self.between(low as u64, high as u64) as u8
    }

    /// An index into something of length `len`.
    #[expect(clippy::cast_possible_truncation, reason = "below `len`")]
    pub(crate) const fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// One of `choices`, which must not be empty.
    pub(crate) const fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = self.index(choices.len());
        &choices[at]
    }

    /// A number in `low..=high`.
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// A fraction in `0.0..1.0`, in steps of 2^-53.
    pub(crate) const fn fraction(&mut self) -> f64 {
        fraction(self.next())
    }

    /// Whether something of this probability happens now.
    pub(crate) const fn happens(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// The wait until the next event of a Poisson process, in its mean waits.
    pub(crate) fn wait(&mut self) -> f64 {
        -ln(1.0 - self.fraction())
    }
}

/// The upper 53 bits as a fraction in `0.0..1.0`.
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
pub(crate) const fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// The natural logarithm of a positive normal number, to 1e-14.
pub(crate) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    #[expect(clippy::cast_precision_loss, reason = "the exponent has 11 bits")]
    let exponent = ((bits >> 52) & 0x7ff) as f64 - 1_023.0;
    let mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1_023 << 52));
    // ln m = 2 artanh((m - 1) / (m + 1)), with |(m - 1) / (m + 1)| at most 1/3.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let mut sum = 0.0;
    for odd in (0..16).rev() {
        sum = sum * square + 1.0 / (2.0 * f64::from(odd) + 1.0);
    }
    exponent * std::f64::consts::LN_2 + 2.0 * ratio * sum
}

/// e to the power of `x`, for `|x|` up to 700, to 1e-14 of itself.
pub(crate) fn exp(x: f64) -> f64 {
    let halves = (x / std::f64::consts::LN_2).floor();
    let rest = x - halves * std::f64::consts::LN_2;
    let mut sum = 1.0;
    for term in (1..22).rev() {
        sum = 1.0 + sum * rest / f64::from(term);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 1023 ± 1011")]
    let scale = f64::from_bits(((halves + 1_023.0) as u64) << 52);
    sum * scale
}

/// Zipf's law with exponent 1 over ranks `1..=n`: rank k is met in proportion to 1/k. Without a table, by
/// rejection-inversion (Hörmann and Derflinger, 1996), so that a million ranks cost no memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zipf {
    ranks: f64,
    low: f64,
    high: f64,
    squeeze: f64,
}

impl Zipf {
    pub(crate) fn new(ranks: u32) -> Self {
        let ranks = f64::from(ranks.max(1));
        Self { ranks, low: ln(1.5) - 1.0, high: ln(ranks + 0.5), squeeze: 2.0 - exp(ln(2.5) - 0.5) }
    }

    /// A rank from 0.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1..=u32")]
    pub(crate) fn rank(&self, random: &mut Random) -> u32 {
        loop {
            let u = self.high + random.fraction() * (self.low - self.high);
            let x = exp(u);
            let rank = (x + 0.5).floor().clamp(1.0, self.ranks);
            if rank - x <= self.squeeze || u >= ln(rank + 0.5) - 1.0 / rank {
                return rank as u32 - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, Zipf, exp, ln, mix};

    #[test]
    fn splitmix_gives_its_published_numbers() {
        // The first outputs of SplitMix64 seeded with 1234567, as in the reference's test vectors.
        let gamma = 0x9e37_79b9_7f4a_7c15_u64;
        let outputs = [0, 1, 2].map(|step: u64| mix(1_234_567_u64.wrapping_add(gamma.wrapping_mul(step))));
        assert_eq!(
            outputs,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn xoshiro_gives_its_published_numbers() {
        // xoshiro256++ from the state 1, 2, 3, 4, as in the reference's test vectors.
        let mut random = Random { state: [1, 2, 3, 4] };
        let outputs = [(); 5].map(|()| random.next());
        assert_eq!(
            outputs,
            [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386, 9_228_616_714_210_784_205]
        );
    }

    #[test]
    fn logarithm_and_exponential_are_those_of_the_platform() {
        for step in 1..2_000 {
            let x = f64::from(step) * 0.37;
            assert!((ln(x) - x.ln()).abs() < 1e-12, "ln {x}");
            let x = f64::from(step) * 0.09 - 90.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-12, "exp {x}");
        }
    }

    #[test]
    fn zipf_meets_rank_k_in_proportion_to_one_over_k() {
        let (zipf, mut random) = (Zipf::new(1_000), Random::new(5));
        let mut met = [0_u32; 1_000];
        let draws = 200_000;
        for _ in 0..draws {
            met[zipf.rank(&mut random) as usize] += 1;
        }
        let harmonic: f64 = (1..=1_000).map(|k| 1.0 / f64::from(k)).sum();
        for rank in [0_u32, 1, 2, 9, 49] {
            let expected = f64::from(draws) / harmonic / f64::from(rank + 1);
            let ratio = f64::from(met[rank as usize]) / expected;
            assert!((0.9..1.1).contains(&ratio), "rank {rank}: {ratio}");
        }
    }
}
