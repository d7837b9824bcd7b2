//! A root of trust in one file, sealed under a passphrase.
//!
//! The file is a passphrase-sealed document (Argon2id and AES-256-GCM, `docs/formats/passphrase-sealed.md`)
//! of format `nexora/root/1`; its content is JSON, `docs/formats/root.md`. It is a file of its own so that a
//! backup of the data directory can leave it out.
//!
//! # The order of a write
//! 1. The new document is written beside the file and synced.
//! 2. It is renamed over the file.
//! 3. The directory is synced. Only then is the change answered, and only then does memory have it.

use crate::{Health, RootError, RootOfTrust, Unit};
use base::Secret;
use crypto::{
    Provider, envelope,
    passphrase::{self, Cost, PassphraseKey},
    text,
};
use futures::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use zeroize::{Zeroize, ZeroizeOnDrop};

const FORMAT: &str = "nexora/root/1";

/// A root of trust in a file.
pub struct SealedFile {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    provider: Arc<dyn Provider>,
    key: PassphraseKey,
    records: Mutex<BTreeMap<String, Secret<[u8; 32]>>>,
}

/// The sealed content. Records in base64url by unit.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Content {
    v: u32,
    #[zeroize(skip)]
    units: BTreeMap<String, Record>,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct Record(String);

impl Content {
    /// The content as it is sealed. Its room is reserved before it is filled, so that growth leaves no unwiped
    /// copy of a record behind.
    fn json(&self) -> Result<Secret<Vec<u8>>, RootError> {
        let mut json = Secret::new(Vec::with_capacity(self.room()));
        serde_json::to_writer(json.expose_mut(), self).map_err(|_| RootError::Content)?;
        Ok(json)
    }

    /// No fewer bytes than its JSON has: neither units nor records need escapes.
    fn room(&self) -> usize {
        let unit = |(unit, record): (&String, &Record)| unit.len() + record.0.len() + r#""":"","#.len();
        r#"{"v":4294967295,"units":{}}"#.len() + self.units.iter().map(unit).sum::<usize>()
    }
}

impl SealedFile {
    /// Whether there is a root at this path.
    #[must_use]
    pub fn exists(path: &Path) -> bool {
        path.exists()
    }

    /// Makes a new root, without any record, and writes it. Never replaces one.
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
        if path.exists() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        let key = PassphraseKey::new(&*provider, passphrase, Cost::STANDARD).map_err(RootError::Damaged)?;
        let inner = Inner { path: path.to_owned(), provider, key, records: Mutex::default() };
        inner.write(&BTreeMap::new())?;
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
        let document = fs::read(path)?;
        let opened = passphrase::open(&*provider, FORMAT, passphrase, &document);
        let (key, content) = opened.map_err(|error| match error {
            crypto::Error::WrongPassphrase => RootError::WrongPassphrase,
            other => RootError::Damaged(other),
        })?;
        let content: Content = serde_json::from_slice(content.expose()).map_err(|_| RootError::Content)?;
        if content.v != 1 {
            return Err(RootError::Content);
        }
        let mut records = BTreeMap::new();
        for (unit, record) in &content.units {
            let bytes = Secret::new(text::decode(&record.0, "root record").map_err(RootError::Damaged)?);
            let mut record = Secret::new([0; 32]);
            *record.expose_mut() = bytes.expose().as_slice().try_into().map_err(|_| RootError::Content)?;
            records.insert(unit.clone(), record);
        }
        let inner = Inner { path: path.to_owned(), provider, key, records: Mutex::new(records) };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    fn record(&self, unit: Unit) -> Result<Secret<[u8; 32]>, RootError> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.get(&unit.to_string()).cloned().ok_or(RootError::UnknownUnit { unit })
    }

    fn enroll(&self, unit: Unit) -> Result<(), RootError> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.contains_key(&unit.to_string()) {
            return Ok(());
        }
        let mut next = records.clone();
        next.insert(unit.to_string(), crypto::secret(&*self.provider));
        self.write(&next)?;
        *records = next;
        Ok(())
    }

    fn write(&self, records: &BTreeMap<String, Secret<[u8; 32]>>) -> Result<(), RootError> {
        let units =
            records.iter().map(|(unit, record)| (unit.clone(), Record(text::encode(record.expose()))));
        let content = Content { v: 1, units: units.collect() };
        let document = self.key.seal(&*self.provider, FORMAT, content.json()?.expose());
        let fresh = self.path.with_extension("new");
        let mut file =
            fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
        file.write_all(&document)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        if let Some(directory) = self.path.parent() {
            fs::File::open(directory)?.sync_all()?;
        }
        Ok(())
    }
}

impl RootOfTrust for SealedFile {
    fn enroll(&self, unit: Unit) -> BoxFuture<'_, Result<(), RootError>> {
        let inner = Arc::clone(&self.inner);
        async move {
            let work = tokio::task::spawn_blocking(move || inner.enroll(unit));
            work.await.map_err(|_| io::Error::from(io::ErrorKind::Interrupted))?
        }
        .boxed()
    }

    fn wrap<'a>(
        &'a self,
        unit: Unit,
        bound: &'a [u8],
        secret: &'a Secret<Vec<u8>>,
    ) -> BoxFuture<'a, Result<Vec<u8>, RootError>> {
        async move {
            let record = self.inner.record(unit)?;
            Ok(envelope::wrap(&*self.inner.provider, &record, bound, secret.expose()))
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
            let record = self.inner.record(unit)?;
            let opened = envelope::unwrap(&*self.inner.provider, &record, bound, wrapped);
            opened.map_err(|_| RootError::DoesNotOpen)
        }
        .boxed()
    }

    fn health(&self) -> BoxFuture<'_, Result<Health, RootError>> {
        async move {
            let units = self.inner.records.lock().unwrap_or_else(PoisonError::into_inner).len();
            Ok(Health { kind: "sealed file", units })
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, Record};
    use crate::Unit;
    use base::Id;
    use crypto::text;

    #[test]
    fn the_plain_content_never_moves_while_it_is_written() {
        for units in [0, 1, 3, 200] {
            let unit = |seed: u8| {
                let organization = Id::from_bytes([seed; 16]);
                let unit = if seed.is_multiple_of(2) {
                    Unit::Organization(organization)
                } else {
                    Unit::Dataset(organization, Id::from_bytes([seed; 16]))
                };
                (unit.to_string(), Record(text::encode(&[seed; 32])))
            };
            let content = Content { v: 1, units: (0..units).map(unit).collect() };
            let json = content.json().expect("it is JSON");
            assert_eq!(json.expose().capacity(), content.room(), "it has grown");
            assert!(serde_json::from_slice::<Content>(json.expose()).is_ok());
        }
    }
}
