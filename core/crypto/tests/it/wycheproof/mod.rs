//! Wycheproof through our provider. Every case is run and passes, or is left out for a reason that the test
//! names with the number of its cases.

mod aead;
mod derive;
mod kem;
mod signatures;

use std::collections::BTreeMap;

/// What became of the cases of a set.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    ran: usize,
    left: BTreeMap<&'static str, usize>,
}

impl Tally {
    /// A case was run, and passed.
    pub(crate) fn ran(&mut self) {
        self.ran += 1;
    }

    /// A case was left out, for this reason.
    pub(crate) fn left(&mut self, reason: &'static str) {
        *self.left.entry(reason).or_default() += 1;
    }

    /// Holds the whole set to account, so that no filter passes it over in silence.
    pub(crate) fn is(self, set: &str, ran: usize, left: &[(&'static str, usize)]) {
        assert_eq!((self.ran, self.left), (ran, left.iter().copied().collect()), "{set}: run, left out");
    }
}
