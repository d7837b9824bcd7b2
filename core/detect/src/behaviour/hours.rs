//! At which hours of the week an identity works: 168 counts of four bits.
//!
//! When one is full, all are halved; that is how old habits fade.

/// Hours of a week.
pub(crate) const WEEK: usize = 168;

/// The profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hours(pub(crate) [u8; WEEK / 2]);

impl Default for Hours {
    fn default() -> Self {
        Self([0; WEEK / 2])
    }
}

impl Hours {
    /// The hour of the week of a moment, in seconds since 1970: Monday 00:00 UTC is 0.
    pub(crate) fn of(seconds: i64) -> usize {
        // 1 January 1970 was a Thursday.
        let hour = (seconds.div_euclid(3_600) + 3 * 24).rem_euclid(168);
        usize::try_from(hour).unwrap_or(0)
    }

    pub(crate) fn learn(&mut self, hour: usize) {
        if self.at(hour) == 15 {
            // Both halves of a byte at once.
            self.0.iter_mut().for_each(|byte| *byte = (*byte >> 1) & 0x77);
        }
        if let Some(byte) = self.0.get_mut(hour / 2) {
            *byte += 1 << ((hour & 1) * 4);
        }
    }

    pub(crate) fn at(&self, hour: usize) -> u8 {
        self.0.get(hour / 2).map_or(0, |byte| (byte >> ((hour & 1) * 4)) & 15)
    }

    /// How much busier this hour is than the mean over the week, smoothed over its neighbours and by as much as one
    /// hour's worth of not knowing: 1 where nothing is known.
    pub(crate) fn share(&self, hour: usize) -> f32 {
        let total: u32 = self.0.iter().map(|byte| u32::from(byte & 15) + u32::from(byte >> 4)).sum();
        let near = 2 * u32::from(self.at(hour))
            + u32::from(self.at((hour + 1) % WEEK))
            + u32::from(self.at((hour + WEEK - 1) % WEEK));
        #[expect(clippy::cast_precision_loss, reason = "at most 168·15")]
        let (near, total) = (near as f32 / 4.0, total as f32);
        (near + 0.5) * 168.0 / (total + 84.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Hours;

    #[test]
    fn habits_show_and_fade() {
        let mut hours = Hours::default();
        assert!((hours.share(5) - 1.0).abs() < 1e-6);
        for _ in 0..100 {
            (9..17).for_each(|hour| hours.learn(hour));
        }
        assert!(hours.share(12) > 5.0 && hours.share(100) < 1.0, "{} {}", hours.share(12), hours.share(100));
        for _ in 0..100 {
            (109..117).for_each(|hour| hours.learn(hour));
        }
        assert!(hours.share(112) > 5.0 && hours.share(12) < hours.share(112) / 4.0);
    }

    #[test]
    fn monday_is_first() {
        // 2 March 2026 was a Monday.
        assert_eq!(Hours::of(1_772_409_600), 0);
        assert_eq!(Hours::of(1_772_409_600 - 1), 167);
        assert_eq!(Hours::of(1_772_409_600 + 25 * 3_600), 25);
    }
}
