//! What follows from what others remember of a log.

use crate::{Error, Sighting};
use verify::Checkpoint;

/// Whether a log may go on, given what somebody remembers of it. `published` is the checkpoint in its files,
/// `remembered` the largest one that was signed and may have left; `same` says whether a smaller sighting is a
/// beginning of the published one.
///
/// # Errors
/// [`Error::Behind`], [`Error::Split`].
pub(crate) fn judge(
    sighting: &Sighting,
    published: Option<&Checkpoint>,
    remembered: Option<&Checkpoint>,
    same: bool,
) -> Result<(), Error> {
    let (by, known) = (sighting.by.clone(), sighting.size);
    let own = [published, remembered].into_iter().flatten().map(|head| head.size).max().unwrap_or(0);
    if known > own {
        return Err(Error::Behind { by, known, own });
    }
    let at_that_size = [published, remembered].into_iter().flatten().filter(|head| head.size == known);
    let differs = at_that_size.into_iter().any(|head| sighting.root.is_some_and(|root| root != head.root));
    if differs || !same { Err(Error::Split { by, known }) } else { Ok(()) }
}

/// Whether only another log leads on from here: what is here and what is known outside do not fit, and waiting does
/// not change it.
pub(crate) const fn calls_for_another_log(error: &Error) -> bool {
    matches!(
        error,
        Error::Behind { .. }
            | Error::Split { .. }
            | Error::Ahead { .. }
            | Error::Fork { .. }
            | Error::Gap { .. }
            | Error::Changed(_)
            | Error::Broken(_)
    )
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::{Error, Sighting};
    use verify::Checkpoint;

    fn head(size: u64, root: u8) -> Checkpoint {
        Checkpoint { origin: "log.example".to_owned(), size, root: [root; 32] }
    }

    fn seen(size: u64, root: Option<u8>) -> Sighting {
        Sighting { by: "somebody".to_owned(), size, root: root.map(|root| [root; 32]) }
    }

    #[test]
    fn more_than_was_ever_signed_here_is_behind_and_another_root_is_split() {
        let (published, remembered) = (head(5, 5), head(9, 9));
        let judged = |sighting: &Sighting, same| judge(sighting, Some(&published), Some(&remembered), same);
        assert!(
            judged(&seen(9, Some(9)), true).is_ok(),
            "it was cosigned, and the crash came before publication"
        );
        assert!(judged(&seen(7, Some(7)), true).is_ok(), "between the two nothing can be compared yet");
        assert!(judged(&seen(5, None), true).is_ok());
        assert!(matches!(judged(&seen(10, None), true), Err(Error::Behind { known: 10, own: 9, .. })));
        assert!(matches!(judged(&seen(9, Some(8)), true), Err(Error::Split { known: 9, .. })));
        assert!(matches!(judged(&seen(5, Some(4)), true), Err(Error::Split { .. })));
        assert!(matches!(judged(&seen(3, Some(3)), false), Err(Error::Split { .. })));
        assert!(matches!(judge(&seen(1, None), None, None, true), Err(Error::Behind { own: 0, .. })));
    }
}
