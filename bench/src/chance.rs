//! Numbers from a seed, the same in every run.

/// SplitMix64 (Steele et al. 2014).
pub(crate) struct Chance(u64);

impl Chance {
    /// The stream of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let one = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let two = (one ^ (one >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        two ^ (two >> 31)
    }

    /// One of so many.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let drawn = (u128::from(self.next()) * limit as u128) >> 64;
        usize::try_from(drawn).unwrap_or(0)
    }

    /// One of so many, the first the most often: the k-th k times as rarely (Zipf's law with exponent 1, by the
    /// logarithm's inverse).
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "far below 2^52"
    )]
    pub(crate) fn zipf(&mut self, limit: usize) -> usize {
        let point = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let rank = (point * ((limit + 1) as f64).ln()).exp() as usize;
        rank.clamp(1, limit) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn the_second_comes_half_as_often_as_the_first() {
        let mut chance = Chance::new(1);
        let mut counts = [0_u32; 1_000];
        (0..100_000).for_each(|_| counts[chance.zipf(1_000)] += 1);
        // ln 2 and ln 1.5 of ln 1001.
        assert!((9_500..10_600).contains(&counts[0]), "{}", counts[0]);
        assert!((5_500..6_300).contains(&counts[1]), "{}", counts[1]);
        assert!(counts.iter().rev().take(500).any(|count| *count > 0));
        assert!((0..1_000).all(|_| chance.below(7) < 7));
    }
}
