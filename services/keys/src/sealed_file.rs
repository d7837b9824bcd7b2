//! A root of trust in one file, sealed under a passphrase.
//!
//! The file is a passphrase-sealed document (Argon2id and AES-256-GCM, `docs/formats/passphrase-sealed.md`)
//! of format `nexora/root/1`; its content is JSON, `docs/formats/root.md`. It is a file of its own so that a
//! backup of the data directory can leave it out; `backup.rs` backs it up by itself.
//!
//! # The order of a write
//! 1. The new document is written beside the file and synced.
//! 2. It is renamed over the file.
//! 3. The directory is synced. Only then is the change answered, and only then does memory have it.
//! 4. Where something was forgotten, the bytes of the old file are overwritten and synced: they are no file's
//!    any more, and a disk that is searched should not hold them. What a copy-on-write file system, a snapshot or
//!    flash keeps elsewhere is out of reach; certificates of shredding say so.

mod backup;
mod content;

pub use backup::Restored;

use crate::{
    Attestation, Health, RootError, RootOfTrust, Unit,
    private_file::{self, Old},
};
use base::Secret;
use content::Records;
use crypto::{
    Provider, envelope,
    jws::Jws,
    passphrase::{self, Cost, PassphraseKey},
    sign::SigningKey,
};
use futures::future::{BoxFuture, FutureExt};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

const FORMAT: &str = "nexora/root/1";
const KIND: &str = "sealed file";

/// A root of trust in a file.
pub struct SealedFile {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    provider: Arc<dyn Provider>,
    key: PassphraseKey,
    records: Mutex<Records>,
}

impl SealedFile {
    /// Whether there is a root at this path.
    #[must_use]
    pub fn exists(path: &Path) -> bool {
        path.exists()
    }

    /// Makes a new root, with a signing key and without any record, and writes it. Never replaces one.
    ///
    /// Costs what [`Cost::STANDARD`] says, once: 64 MiB and some hundred milliseconds.
    ///
    /// # Errors
    /// [`RootError::Io`], also where there is a file already.
    pub fn create(
        path: &Path,
        passphrase: &Secret<String>,
        provider: Arc<dyn Provider>,
    ) -> Result<Self, RootError> {
        Self::create_with(path, passphrase, provider, Records::default())
    }

    fn create_with(
        path: &Path,
        passphrase: &Secret<String>,
        provider: Arc<dyn Provider>,
        mut records: Records,
    ) -> Result<Self, RootError> {
        if path.exists() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        let key = PassphraseKey::new(&*provider, passphrase, Cost::STANDARD).map_err(RootError::Damaged)?;
        let inner = Inner { path: path.to_owned(), provider, key, records: Mutex::default() };
        records.complete(&*inner.provider);
        inner.write(&records, Old::Leave)?;
        *inner.records() = records;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens the root at this path.
    ///
    /// # Errors
    /// [`RootError::WrongPassphrase`], [`RootError::Damaged`], [`RootError::Content`], [`RootError::Io`].
    pub fn open(
        path: &Path,
        passphrase: &Secret<String>,
        provider: Arc<dyn Provider>,
    ) -> Result<Self, RootError> {
        let (key, content) = unsealed(&*provider, FORMAT, passphrase, &fs::read(path)?)?;
        let records = Mutex::new(Records::read(&*provider, &content)?);
        Ok(Self { inner: Arc::new(Inner { path: path.to_owned(), provider, key, records }) })
    }
}

/// Opens a document under a passphrase, and says which of the two is wrong.
fn unsealed(
    provider: &dyn Provider,
    format: &str,
    passphrase: &Secret<String>,
    document: &[u8],
) -> Result<(PassphraseKey, Secret<Vec<u8>>), RootError> {
    passphrase::open(provider, format, passphrase, document).map_err(|error| match error {
        crypto::Error::WrongPassphrase => RootError::WrongPassphrase,
        other => RootError::Damaged(other),
    })
}

impl Inner {
    fn records(&self) -> MutexGuard<'_, Records> {
        // Replaced whole, after the write: a panic elsewhere leaves it true.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A unit's records, at least one.
    fn of(&self, unit: Unit) -> Result<Vec<Secret<[u8; 32]>>, RootError> {
        self.records().units.get(&unit.to_string()).cloned().ok_or(RootError::UnknownUnit { unit })
    }

    fn enroll(&self, unit: Unit) -> Result<(), RootError> {
        let mut records = self.records();
        if records.units.contains_key(&unit.to_string()) {
            return Ok(());
        }
        if records.forgot(unit) {
            return Err(RootError::Forgotten { unit });
        }
        let mut next = records.clone();
        next.add(&unit.to_string(), &crypto::secret(&*self.provider));
        self.replace(&mut records, next, Old::Leave)
    }

    fn forget(&self, unit: Unit) -> Result<(), RootError> {
        let mut records = self.records();
        let mut next = records.clone();
        if next.forget(unit) { self.replace(&mut records, next, Old::Overwrite) } else { Ok(()) }
    }

    /// What the root signs with; made now where the file is of the first content version.
    fn signing(&self) -> Result<SigningKey, RootError> {
        let mut records = self.records();
        if let Some(key) = &records.signing {
            return Ok(key.clone());
        }
        let next = records.clone();
        self.replace(&mut records, next, Old::Leave)?;
        records.signing.clone().ok_or(RootError::Content)
    }

    fn replace(&self, records: &mut Records, mut next: Records, old: Old) -> Result<(), RootError> {
        next.complete(&*self.provider);
        self.write(&next, old)?;
        *records = next;
        Ok(())
    }

    fn write(&self, records: &Records, old: Old) -> Result<(), RootError> {
        let document = self.key.seal(&*self.provider, FORMAT, records.json()?.expose());
        Ok(private_file::put(&self.path, &document, old)?)
    }
}

#[cfg(any(test, feature = "conformance"))]
impl SealedFile {
    /// Whether this is what a root, or its backup, may hold once it is opened: for fuzzing.
    #[must_use]
    pub fn reads(provider: &dyn Provider, content: &Secret<Vec<u8>>) -> bool {
        let Ok(mut records) = Records::read(provider, content) else { return false };
        records.complete(provider);
        records.json().is_ok_and(|json| Records::read(provider, &json).is_ok())
    }
}

/// The statement of [`Attestation`].
#[derive(serde::Serialize)]
struct Statement<'a> {
    format: &'static str,
    kind: &'static str,
    key: &'a crypto::sign::VerifyingKey,
}

impl RootOfTrust for SealedFile {
    fn enroll(&self, unit: Unit) -> BoxFuture<'_, Result<(), RootError>> {
        self.blocking(move |inner| inner.enroll(unit))
    }

    fn knows(&self, unit: Unit) -> BoxFuture<'_, Result<bool, RootError>> {
        async move { Ok(self.inner.records().units.contains_key(&unit.to_string())) }.boxed()
    }

    fn wrap<'a>(
        &'a self,
        unit: Unit,
        bound: &'a [u8],
        secret: &'a Secret<Vec<u8>>,
    ) -> BoxFuture<'a, Result<Vec<u8>, RootError>> {
        async move {
            let records = self.inner.of(unit)?;
            let record = records.first().ok_or(RootError::UnknownUnit { unit })?;
            Ok(envelope::wrap(&*self.inner.provider, record, bound, secret.expose()))
        }
        .boxed()
    }

    fn unwrap<'a>(
        &'a self,
        unit: Unit,
        bound: &'a [u8],
        wrapped: &'a [u8],
    ) -> BoxFuture<'a, Result<Secret<Vec<u8>>, RootError>> {
        async move {
            // Nothing says under which it was wrapped; only that one opens it.
            let records = self.inner.of(unit)?;
            let open = |record| envelope::unwrap(&*self.inner.provider, record, bound, wrapped).ok();
            records.iter().find_map(open).ok_or(RootError::DoesNotOpen)
        }
        .boxed()
    }

    fn forget(&self, unit: Unit) -> BoxFuture<'_, Result<(), RootError>> {
        self.blocking(move |inner| inner.forget(unit))
    }

    fn sign<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, RootError>> {
        async move { Ok(self.blocking(Inner::signing).await?.sign(bytes)) }.boxed()
    }

    fn attest(&self) -> BoxFuture<'_, Result<Attestation, RootError>> {
        async move {
            let signing = self.blocking(Inner::signing).await?;
            let key = signing.verifying_key().clone();
            let statement = Statement { format: "nexora/root-attestation/1", kind: KIND, key: &key };
            let statement = serde_json::to_vec(&statement).map_err(|_| RootError::Content)?;
            Ok(Attestation { kind: KIND, statement: Jws::sign(&signing, Attestation::TYPE, &statement), key })
        }
        .boxed()
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, RootError>> {
        async move { Ok(Health { kind: KIND, units: self.inner.records().units.len() }) }.boxed()
    }
}

impl SealedFile {
    /// Runs what writes the file off the async threads.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, RootError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, RootError>> {
        let inner = Arc::clone(&self.inner);
        async move {
            let work = tokio::task::spawn_blocking(move || work(&inner));
            work.await.map_err(|_| io::Error::from(io::ErrorKind::Interrupted))?
        }
        .boxed()
    }
}
