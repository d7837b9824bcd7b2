//! Several probabilities as one: the Cauchy combination of Liu and Xie (2020), which holds in the tail whatever the
//! dependence between them, and names no more than their weighted mean.

use super::approx::{acot, cot};

/// Beyond this a probability says no more for the ordinary: or one signal that is certain would outweigh all others.
const MOST: f64 = 0.99;
const LEAST: f64 = 1e-15;

/// A weighted sum of cotangents, and the weights.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Combined {
    sum: f64,
    weight: f64,
}

impl Combined {
    pub(crate) fn add(&mut self, p: f64, weight: f64) {
        self.sum += weight * cot(p.clamp(LEAST, MOST));
        self.weight += weight;
    }

    /// Counts as having been asked, and says nothing either way.
    pub(crate) fn abstain(&mut self, weight: f64) {
        self.weight += weight;
    }

    /// The probability of all; 1 where there is none.
    pub(crate) fn p(self) -> f64 {
        if self.weight <= 0.0 {
            1.0
        } else if self.sum == 0.0 {
            0.5
        } else {
            acot(self.sum / self.weight).clamp(LEAST, 1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Combined;

    fn of(values: &[f64]) -> f64 {
        let mut combined = Combined::default();
        values.iter().for_each(|p| combined.add(*p, 1.0));
        combined.p()
    }

    #[test]
    fn one_is_itself_and_the_least_of_many_is_corrected_for_their_number() {
        assert!((of(&[0.03]) - 0.03).abs() < 1e-6);
        assert!((of(&[0.03, 0.03, 0.03]) - 0.03).abs() < 1e-6, "the same thrice is dependence, not evidence");
        let among_ten = of(&[1e-6, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
        assert!((among_ten / 1e-5 - 1.0).abs() < 0.01, "{among_ten}");
        assert!((of(&[]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn independent_uniform_ones_combine_to_a_uniform_one() {
        let (mut below, rounds) = ([0_u32; 3], 60_000_u64);
        for round in 0..rounds {
            let values: Vec<f64> = (0..8_u64)
                .map(|at| {
                    let hash = crate::siphash::hash(&[1; 16], &(round * 8 + at).to_le_bytes());
                    (hash >> 11) as f64 / (1_u64 << 53) as f64
                })
                .collect();
            let p = of(&values);
            for (at, level) in [0.1, 0.01, 0.001].into_iter().enumerate() {
                below[at] += u32::from(p < level);
            }
        }
        let [tenth, hundredth, thousandth] = below.map(f64::from);
        assert!((tenth / 6_000.0 - 1.0).abs() < 0.2, "{tenth}");
        assert!((hundredth / 600.0 - 1.0).abs() < 0.2, "{hundredth}");
        assert!((thousandth / 60.0 - 1.0).abs() < 0.4, "{thousandth}");
    }
}
