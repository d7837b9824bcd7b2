//! What a package says of a key, and what the database says: which of it holds after a restore. Pure.

use super::package::PackedKey;
use crate::{Error, State, tables::Row};
use base::Timestamp;

/// How far a version is from being in use; a version goes up only.
const fn strictness(state: State) -> u8 {
    match state {
        State::Generated => 0,
        State::Active => 1,
        State::Retired => 2,
        State::Suspended => 3,
        State::Destroyed => 4,
    }
}

/// Merges a package's marks into the row of the same version: the earliest export stays, and a package that is
/// `newer` than the database closes what it says is closed, but opens nothing. Whether the row is another now.
pub(super) fn merge(row: &mut Row, key: &PackedKey, newer: bool) -> Result<bool, Error> {
    let before = row.clone();
    if let Some(at) = key.exported_at.map(Timestamp::micros) {
        // To whom is not in a package: what the database says of it stays.
        row.exported_at = Some(row.exported_at.map_or(at, |known| known.min(at)));
        row.exported_version = row.exported_version.or(Some(i64::from(key.version)));
        row.exported_to = row.exported_to.take().or_else(|| Some(String::new()));
    }
    if newer && strictness(key.state) > strictness(row.state()?) {
        row.state = key.state.as_str().to_owned();
        row.before = key.before.map(|state| state.as_str().to_owned());
        row.activated_at = row.activated_at.or(key.activated_at.map(Timestamp::micros));
        if key.state != State::Active {
            row.rotate_at = None;
        }
    }
    Ok(*row != before)
}

/// Fits the row of a version that the database has lost behind the versions of its line that it has: one that was
/// made meanwhile keeps its number and its place.
pub(super) fn fit(row: &mut Row, line: &[Row]) -> Result<(), Error> {
    if line.iter().any(|known| known.version == row.version) {
        let last = line.iter().map(|known| known.version).max().unwrap_or(row.version);
        row.version = last.checked_add(1).ok_or(Error::Damaged { what: "key version" })?;
    }
    let mut used = false;
    for known in line {
        used |= known.state()? == State::Active || known.before()? == Some(State::Active);
    }
    if used {
        let retired = || State::Retired.as_str().to_owned();
        if row.state()? == State::Active {
            row.state = retired();
        }
        row.before =
            row.before.take().map(|state| if state == State::Active.as_str() { retired() } else { state });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{fit, merge};
    use crate::{Purpose, State, recovery::PackedKey, tables::Row};
    use base::{Id, Timestamp};

    fn key(state: State, version: u32, exported: Option<i64>) -> PackedKey {
        PackedKey {
            id: Id::from_bytes([1; 16]),
            purpose: Purpose::Dataset,
            dataset: Some(Id::from_bytes([2; 16])),
            field: String::new(),
            value_id: 0,
            version,
            algorithm: "hybrid-768".to_owned(),
            state,
            before: (state == State::Suspended).then_some(State::Active),
            public: String::new(),
            over: None,
            created_at: Timestamp::from_micros(1),
            activated_at: None,
            exported_at: exported.map(Timestamp::from_micros),
        }
    }

    fn row(state: State, version: u32) -> Row {
        key(state, version, None).row(vec![7; 16], vec![9]).expect("a row")
    }

    #[test]
    fn the_earliest_export_and_who_it_was_for_stay() {
        let mut known = row(State::Active, 1);
        (known.exported_at, known.exported_version) = (Some(20), Some(1));
        known.exported_to = Some("someone".to_owned());
        for (said, expected) in [(None, 20), (Some(30), 20), (Some(10), 10)] {
            let mut row = known.clone();
            let changed = merge(&mut row, &key(State::Active, 1, said), false).expect("it merges");
            assert_eq!((changed, row.exported_at), (expected != 20, Some(expected)));
            assert_eq!(row.exported_to.as_deref(), Some("someone"));
        }
        let mut row = row(State::Active, 1);
        assert!(merge(&mut row, &key(State::Active, 1, Some(10)), false).expect("it merges"));
        assert_eq!((row.exported_at, row.exported_version), (Some(10), Some(1)), "it has been exported");
    }

    #[test]
    fn only_a_newer_package_closes_and_none_opens() {
        let states = [State::Generated, State::Active, State::Retired, State::Suspended];
        for (at, known) in states.into_iter().enumerate() {
            for (said_at, said) in states.into_iter().enumerate() {
                for newer in [false, true] {
                    let mut row = row(known, 1);
                    merge(&mut row, &key(said, 1, None), newer).expect("it merges");
                    let expected = if newer && said_at > at { said } else { known };
                    assert_eq!(row.state().expect("a state"), expected, "{known:?} {said:?} {newer}");
                    assert_eq!(row.before.is_some(), expected == State::Suspended);
                }
            }
        }
    }

    #[test]
    fn a_version_made_meanwhile_keeps_number_and_place() {
        let line = [row(State::Retired, 1), row(State::Active, 2)];
        for (version, state, expected) in [
            (2, State::Active, (3, State::Retired)),
            (5, State::Active, (5, State::Retired)),
            (2, State::Suspended, (3, State::Suspended)),
        ] {
            let mut lost = row(state, version);
            fit(&mut lost, &line).expect("it fits");
            assert_eq!((lost.version, lost.state().expect("a state")), expected);
            assert_ne!(lost.before.as_deref(), Some("active"));
        }
        let mut lost = row(State::Active, 2);
        fit(&mut lost, &line[..1]).expect("it fits");
        assert_eq!((lost.version, lost.state().expect("a state")), (2, State::Active));
    }
}
