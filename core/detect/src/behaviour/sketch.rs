//! How many different things, in sixteen bytes: a HyperLogLog of 32 four-bit registers (Flajolet et al. 2007), with
//! linear counting while few are taken. The relative error is about a fifth.

/// How many registers.
const REGISTERS: usize = 32;

/// A count of different hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sketch(pub(crate) [u8; REGISTERS / 2]);

impl Sketch {
    /// Takes in a hash.
    pub(crate) fn add(&mut self, hash: u64) {
        let register = (hash >> 59) as usize;
        let rank = ((hash << 5).leading_zeros() + 1).min(15) as u8;
        let shift = (register & 1) * 4;
        let byte = &mut self.0[register / 2];
        if (*byte >> shift) & 15 < rank {
            *byte = (*byte & !(15 << shift)) | (rank << shift);
        }
    }

    /// About how many different hashes it was given.
    pub(crate) fn count(&self) -> f32 {
        let mut sum = 0.0_f32;
        let mut empty = 0_u8;
        for register in self.0.iter().flat_map(|byte| [byte & 15, byte >> 4]) {
            sum += f32::from_bits((127 - u32::from(register)) << 23);
            empty += u8::from(register == 0);
        }
        let estimate = 0.697 * 1_024.0 / sum;
        if estimate <= 80.0 && empty > 0 {
            #[expect(clippy::cast_possible_truncation, reason = "at most 32·ln 32")]
            let few = (32.0 * super::approx::ln(32.0 / f64::from(empty))) as f32;
            return few;
        }
        estimate
    }
}

#[cfg(test)]
mod tests {
    use super::Sketch;

    #[test]
    fn the_estimate_is_near() {
        for size in [1_u64, 5, 20, 60, 200, 1_000, 20_000] {
            let mut error = 0.0;
            for key in 0..40_u8 {
                let mut sketch = Sketch::default();
                for number in 0..size {
                    let hash = crate::siphash::hash(&[key; 16], &number.to_le_bytes());
                    sketch.add(hash);
                    sketch.add(hash);
                }
                error += f64::from(sketch.count()) / size as f64 - 1.0;
            }
            assert!((error / 40.0).abs() < 0.12, "{size}: off by {}", error / 40.0);
        }
        assert!(Sketch::default().count() < 0.01);
    }
}
