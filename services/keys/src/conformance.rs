//! What every [`RootOfTrust`] must do. Each implementation runs [`run`]; what calls a root is tried with [`Faulty`].

use crate::{Attestation, Health, RootError, RootOfTrust, Unit};
use base::{Id, Secret};
use futures::future::{BoxFuture, FutureExt};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

const BOUND: &[u8] = b"bound";

fn units() -> [Unit; 4] {
    let organization = Id::from_bytes([1; 16]);
    [
        Unit::Organization(organization),
        Unit::Dataset(organization, Id::from_bytes([1; 16])),
        Unit::Log(organization),
        Unit::Organization(Id::from_bytes([2; 16])),
    ]
}

/// Runs the suite on a root that has no record yet; `reopen` gives the same root as a new process finds it.
///
/// # Panics
/// Where the root does not do what the port says.
pub async fn run<R: RootOfTrust>(root: R, reopen: impl Fn() -> R) {
    let wrapped = wraps(&root).await;
    drop(root);
    let root = reopen();
    let secret = root.unwrap(units()[0], BOUND, &wrapped[0]).await.expect("records outlive the process");
    assert_eq!(secret.expose(), b"a private key");
    signs(&root, &reopen()).await;
    forgets(root, reopen, &wrapped).await;
}

/// Enrolls, wraps and unwraps; gives what is wrapped under the first three units.
async fn wraps<R: RootOfTrust>(root: &R) -> Vec<Vec<u8>> {
    let secret = Secret::new(b"a private key".to_vec());
    let [first, second, log, stranger] = units();
    assert!(
        matches!(root.wrap(first, BOUND, &secret).await, Err(RootError::UnknownUnit { .. })),
        "an unknown unit wraps nothing"
    );
    for unit in [first, second, log] {
        assert!(!root.knows(unit).await.expect("it answers"), "it has no record of {unit} yet");
        root.enroll(unit).await.expect("it enrolls");
        assert!(root.knows(unit).await.expect("it answers"), "it has a record of {unit}");
    }
    assert!(!root.knows(stranger).await.expect("it answers"), "asking makes no record");
    let wrapped = root.wrap(first, BOUND, &secret).await.expect("it wraps");
    assert!(!wrapped.windows(secret.expose().len()).any(|part| part == secret.expose().as_slice()));
    root.enroll(first).await.expect("enrolling again is no change");
    let opened = root.unwrap(first, BOUND, &wrapped).await.expect("it unwraps");
    assert_eq!(opened.expose(), secret.expose());
    assert!(root.unwrap(first, b"other", &wrapped).await.is_err(), "another binding opens nothing");
    for other in [second, log, stranger] {
        assert!(root.unwrap(other, BOUND, &wrapped).await.is_err(), "{other} opens nothing of {first}");
    }
    for at in 0..wrapped.len() {
        let mut altered = wrapped.clone();
        altered[at] ^= 1;
        assert!(root.unwrap(first, BOUND, &altered).await.is_err(), "byte {at} is not covered");
    }
    assert_eq!(root.health().await.expect("it is well").units, 3);
    let mut all = vec![wrapped];
    for unit in [second, log] {
        all.push(root.wrap(unit, BOUND, &secret).await.expect("it wraps"));
    }
    all
}

/// Runs the suite of a unit that has several records, on a root that was given them: the unit, and what each of them
/// wrapped, bound to nothing; what the first one wrapped is in front. The unit is forgotten in the end.
///
/// # Panics
/// Where the root does not do what the port says.
pub async fn several<R: RootOfTrust>(root: R, reopen: impl Fn() -> R, unit: Unit, wrapped: &[Vec<u8>]) {
    let units = root.health().await.expect("it is well").units;
    root.enroll(unit).await.expect("enrolling again is no change");
    let secret = Secret::new(b"a private key".to_vec());
    let anew = root.wrap(unit, b"", &secret).await.expect("it wraps");
    drop(root);
    let root = reopen();
    for wrapped in wrapped.iter().chain([&anew]) {
        root.unwrap(unit, b"", wrapped).await.expect("each of its records unwraps");
        assert!(root.unwrap(unit, BOUND, wrapped).await.is_err(), "another binding opens nothing");
    }
    assert_eq!(root.health().await.expect("it is well").units, units, "it is one unit");
    root.forget(unit).await.expect("it forgets");
    assert!(!root.knows(unit).await.expect("it answers"));
    for root in [root, reopen()] {
        for wrapped in wrapped.iter().chain([&anew]) {
            let opened = root.unwrap(unit, b"", wrapped).await;
            assert!(matches!(opened, Err(RootError::UnknownUnit { .. })), "every record is forgotten");
        }
        assert!(matches!(root.enroll(unit).await, Err(RootError::Forgotten { .. })));
    }
}

async fn signs<R: RootOfTrust>(root: &R, other: &R) {
    let provider = crypto::aws_lc();
    let attestation = root.attest().await.expect("it attests");
    let statement = attestation.statement.verify(&*provider, &attestation.key, Attestation::TYPE);
    let statement: serde_json::Value =
        serde_json::from_slice(&statement.expect("it is signed")).expect("it is JSON");
    assert_eq!(statement["kind"], attestation.kind);
    assert_eq!(statement["key"]["kid"], attestation.key.thumbprint());
    let signature = root.sign(b"a certificate").await.expect("it signs");
    attestation.key.verify(&*provider, b"a certificate", &signature).expect("its own key verifies it");
    assert!(attestation.key.verify(&*provider, b"another", &signature).is_err());
    assert_eq!(
        other.attest().await.expect("it attests").key,
        attestation.key,
        "the key outlives the process"
    );
}

async fn forgets<R: RootOfTrust>(root: R, reopen: impl Fn() -> R, wrapped: &[Vec<u8>]) {
    let secret = Secret::new(b"a private key".to_vec());
    let [first, second, log, stranger] = units();
    root.forget(second).await.expect("it forgets");
    root.forget(second).await.expect("forgetting again is no change");
    let opened = root.unwrap(second, BOUND, &wrapped[1]).await;
    assert!(matches!(opened, Err(RootError::UnknownUnit { .. })), "what is forgotten opens nothing");
    root.unwrap(first, BOUND, &wrapped[0]).await.expect("and takes nothing else with it");
    assert!(!root.knows(second).await.expect("it answers") && root.knows(first).await.expect("it answers"));
    assert!(root.wrap(second, BOUND, &secret).await.is_err());
    assert!(matches!(root.enroll(second).await, Err(RootError::Forgotten { .. })), "it does not come back");
    drop(root);

    let root = reopen();
    assert!(root.unwrap(second, BOUND, &wrapped[1]).await.is_err(), "a new process has it no more");
    assert!(matches!(root.enroll(second).await, Err(RootError::Forgotten { .. })));
    root.forget(first).await.expect("it forgets");
    assert!(root.unwrap(first, BOUND, &wrapped[0]).await.is_err());
    let never = Unit::Dataset(first.organization(), Id::from_bytes([9; 16]));
    assert!(
        matches!(root.enroll(never).await, Err(RootError::Forgotten { .. })),
        "an organization goes with its datasets, those to come too"
    );
    root.unwrap(log, BOUND, &wrapped[2]).await.expect("its log is a unit of its own");
    root.forget(stranger).await.expect("what it never had is forgotten in advance");
    assert!(matches!(root.enroll(stranger).await, Err(RootError::Forgotten { .. })));
    assert_eq!(root.health().await.expect("it is well").units, 1);
}

/// A root that does what another does, but for one call, counted from 0: that one fails. With
/// [`after`](Self::after) the call has its effect and its answer is lost; else it has none.
///
/// Clones share the count.
pub struct Faulty<R> {
    root: Arc<R>,
    calls: Arc<AtomicU64>,
    fails: u64,
    after: bool,
}

impl<R> Clone for Faulty<R> {
    fn clone(&self) -> Self {
        Self { root: Arc::clone(&self.root), calls: Arc::clone(&self.calls), ..*self }
    }
}

impl<R> Faulty<R> {
    /// Fails at call `fails`, before it does anything.
    pub fn before(root: Arc<R>, fails: u64) -> Self {
        Self { root, calls: Arc::default(), fails, after: false }
    }

    /// Fails at call `fails`, after it was done.
    pub fn after(root: Arc<R>, fails: u64) -> Self {
        Self { after: true, ..Self::before(root, fails) }
    }

    /// Whether the call that fails was made.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.calls.load(Ordering::SeqCst) > self.fails
    }

    async fn call<T>(&self, work: BoxFuture<'_, Result<T, RootError>>) -> Result<T, RootError> {
        let broken = || RootError::Io(io::Error::from(io::ErrorKind::BrokenPipe));
        let now = self.calls.fetch_add(1, Ordering::SeqCst) == self.fails;
        if now && !self.after {
            return Err(broken());
        }
        let answer = work.await?;
        if now { Err(broken()) } else { Ok(answer) }
    }
}

impl<R: RootOfTrust> RootOfTrust for Faulty<R> {
    fn enroll(&self, unit: Unit) -> BoxFuture<'_, Result<(), RootError>> {
        self.call(self.root.enroll(unit)).boxed()
    }

    fn knows(&self, unit: Unit) -> BoxFuture<'_, Result<bool, RootError>> {
        self.call(self.root.knows(unit)).boxed()
    }

    fn wrap<'a>(
        &'a self,
        unit: Unit,
        bound: &'a [u8],
        secret: &'a Secret<Vec<u8>>,
    ) -> BoxFuture<'a, Result<Vec<u8>, RootError>> {
        self.call(self.root.wrap(unit, bound, secret)).boxed()
    }

    fn unwrap<'a>(
        &'a self,
        unit: Unit,
        bound: &'a [u8],
        wrapped: &'a [u8],
    ) -> BoxFuture<'a, Result<Secret<Vec<u8>>, RootError>> {
        self.call(self.root.unwrap(unit, bound, wrapped)).boxed()
    }

    fn forget(&self, unit: Unit) -> BoxFuture<'_, Result<(), RootError>> {
        self.call(self.root.forget(unit)).boxed()
    }

    fn sign<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, RootError>> {
        self.call(self.root.sign(bytes)).boxed()
    }

    fn attest(&self) -> BoxFuture<'_, Result<Attestation, RootError>> {
        self.call(self.root.attest()).boxed()
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, RootError>> {
        self.call(self.root.health()).boxed()
    }
}
