//! What every [`RootOfTrust`] must do. Each implementation runs this suite.

use crate::{RootError, RootOfTrust, Unit};
use base::{Id, Secret};

const BOUND: &[u8] = b"bound";

fn units() -> [Unit; 3] {
    let organization = Id::from_bytes([1; 16]);
    [
        Unit::Organization(organization),
        Unit::Dataset(organization, Id::from_bytes([1; 16])),
        Unit::Organization(Id::from_bytes([2; 16])),
    ]
}

/// Runs the suite on a root that has no record yet; `reopen` gives the same root as a new process finds it.
///
/// # Panics
/// Where the root does not do what the port says.
pub async fn run<R: RootOfTrust>(root: R, reopen: impl Fn() -> R) {
    let secret = Secret::new(b"a private key".to_vec());
    let [first, second, third] = units();
    assert!(
        matches!(root.wrap(first, BOUND, &secret).await, Err(RootError::UnknownUnit { .. })),
        "an unknown unit wraps nothing"
    );
    root.enroll(first).await.expect("it enrolls");
    root.enroll(second).await.expect("it enrolls");
    let wrapped = root.wrap(first, BOUND, &secret).await.expect("it wraps");
    assert!(!wrapped.windows(secret.expose().len()).any(|part| part == secret.expose().as_slice()));
    root.enroll(first).await.expect("enrolling again is no change");
    let opened = root.unwrap(first, BOUND, &wrapped).await.expect("it unwraps");
    assert_eq!(opened.expose(), secret.expose());
    assert!(root.unwrap(first, b"other", &wrapped).await.is_err(), "another binding opens nothing");
    assert!(root.unwrap(second, BOUND, &wrapped).await.is_err(), "another unit opens nothing");
    assert!(root.unwrap(third, BOUND, &wrapped).await.is_err(), "an unknown unit opens nothing");
    for at in 0..wrapped.len() {
        let mut altered = wrapped.clone();
        altered[at] ^= 1;
        assert!(root.unwrap(first, BOUND, &altered).await.is_err(), "byte {at} is not covered");
    }
    assert_eq!(root.health().await.expect("it is well").units, 2);
    drop(root);
    let opened = reopen().unwrap(first, BOUND, &wrapped).await.expect("records outlive the process");
    assert_eq!(opened.expose(), secret.expose());
}
