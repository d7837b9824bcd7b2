//! First-seen filters with generations: have I seen this before, in a few hundred bytes.
//!
//! A filter is a run of sixteen-bit cells in buckets of eight. What is remembered takes one cell in the emptier of
//! two buckets: thirteen bits of its hash and, in the low three, the generation in which it was last seen. Something
//! unknown is taken for known once in 500 times (sixteen cells, 2¹³ tags). A generation lasts [`GENERATION_DAYS`];
//! what was not seen for [`GENERATIONS`] of them is forgotten. Nothing is ever moved, so that a filter is a function
//! of what it was told and in which order.

/// How long a generation lasts, in days.
pub(crate) const GENERATION_DAYS: u32 = 14;
/// For how many generations something is remembered after it was last seen.
pub(crate) const GENERATIONS: u16 = 6;

const BUCKET: usize = 8;
const TAG: u16 = 0xfff8;

/// What a filter knows of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was never seen, or not for long.
    No,
    /// It was seen in this generation.
    Yes,
    /// It was seen before, and not in this generation until now.
    Again,
}

/// Whether it is known; then its cell is stamped with this generation.
pub(crate) fn knows(cells: &mut [u16], hash: u64, generation: u16) -> Known {
    let tag = tag(hash);
    for start in places(cells.len(), hash) {
        for cell in cells.iter_mut().skip(start).take(BUCKET) {
            if *cell & TAG == tag {
                let new = tag | (generation & 7);
                let known = if *cell == new { Known::Yes } else { Known::Again };
                *cell = new;
                return known;
            }
        }
    }
    Known::No
}

/// Makes everything known look as if it had been seen last in the generation before, so that its next use is told.
pub(crate) fn recall(cells: &mut [u16], generation: u16) {
    let before = generation.wrapping_sub(1) & 7;
    cells.iter_mut().filter(|cell| **cell != 0).for_each(|cell| *cell = (*cell & TAG) | before);
}

/// Remembers it. Where both buckets are full, the cell that was not seen for longest gives way.
pub(crate) fn learn(cells: &mut [u16], hash: u64, generation: u16) {
    let new = tag(hash) | (generation & 7);
    let [one, other] = places(cells.len(), hash);
    let taken = |start: usize| cells.iter().skip(start).take(BUCKET).filter(|cell| **cell != 0).count();
    let start = if taken(other) < taken(one) { other } else { one };
    let age = |cell: u16| if cell == 0 { u16::MAX } else { (generation.wrapping_sub(cell)) & 7 };
    // The first of the oldest: deterministic, and an empty one is older than any.
    let Some(bucket) = cells.get_mut(start..start + BUCKET) else { return };
    let oldest = (1..BUCKET).fold(0, |best, at| if age(bucket[at]) > age(bucket[best]) { at } else { best });
    bucket[oldest] = new;
}

/// Forgets what was not seen for [`GENERATIONS`] generations, as of `now`, where the filter was last swept at `then`.
pub(crate) fn sweep(cells: &mut [u16], then: u16, now: u16) {
    let passed = now.saturating_sub(then);
    for cell in cells.iter_mut().filter(|cell| **cell != 0) {
        let age = then.wrapping_sub(*cell) & 7;
        if age.saturating_add(passed) >= GENERATIONS {
            *cell = 0;
        }
    }
}

/// How many cells are taken.
pub(crate) fn taken(cells: &[u16]) -> usize {
    cells.iter().filter(|cell| **cell != 0).count()
}

/// Thirteen bits that are not all zero, in the high places.
#[expect(clippy::cast_possible_truncation, reason = "masked")]
const fn tag(hash: u64) -> u16 {
    let tag = (hash as u16) & TAG;
    if tag == 0 { 8 } else { tag }
}

/// Where its two buckets begin.
const fn places(cells: usize, hash: u64) -> [usize; 2] {
    let buckets = (cells / BUCKET) as u64;
    let one = (((hash >> 32) * buckets) >> 32) as usize;
    let other = ((((hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 32) * buckets) >> 32) as usize;
    [one * BUCKET, other * BUCKET]
}

#[cfg(test)]
mod tests {
    use super::{Known, learn, recall, sweep, taken};

    fn knows(cells: &mut [u16], hash: u64, generation: u16) -> bool {
        super::knows(cells, hash, generation) != Known::No
    }

    fn hash(number: u64) -> u64 {
        crate::siphash::hash(&[3; 16], &number.to_le_bytes())
    }

    #[test]
    fn what_is_learned_is_known_and_little_else() {
        let mut cells = [0_u16; 112];
        for number in 0..56 {
            learn(&mut cells, hash(number), 3);
        }
        assert!((0..56).all(|number| knows(&mut cells, hash(number), 3)), "half full, nothing is lost");
        let wrong = (1_000..101_000).filter(|number| knows(&mut cells, hash(*number), 3)).count();
        assert!(wrong < 200, "{wrong} of 100,000 unknown ones are taken for known");
        assert_eq!(taken(&cells), 56);
    }

    #[test]
    fn what_is_not_seen_is_forgotten_and_what_is_used_stays() {
        let mut cells = [0_u16; 48];
        learn(&mut cells, hash(1), 10);
        learn(&mut cells, hash(2), 10);
        for generation in 11..30 {
            sweep(&mut cells, generation - 1, generation);
            assert_eq!(super::knows(&mut cells, hash(1), generation), Known::Again);
            assert_eq!(super::knows(&mut cells, hash(1), generation), Known::Yes);
        }
        assert!(!knows(&mut cells, hash(2), 29));
        sweep(&mut cells, 29, 400);
        assert_eq!(taken(&cells), 0, "after a long silence nothing is known");
        learn(&mut cells, hash(3), 400);
        recall(&mut cells, 400);
        assert_eq!(super::knows(&mut cells, hash(3), 400), Known::Again);
    }

    #[test]
    fn a_full_filter_gives_up_the_oldest() {
        let mut cells = [0_u16; 16];
        (0..200).for_each(|number| learn(&mut cells, hash(number), 1));
        learn(&mut cells, hash(999), 2);
        assert!(knows(&mut cells, hash(999), 2));
        assert_eq!(taken(&cells), 16);
    }
}
