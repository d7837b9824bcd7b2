//! A storage for tests: another one, and what happens to it from outside just before it is changed.

use crate::{Storage, StorageError, Stored};

/// A call that changes what a reader can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call<'c> {
    /// [`Storage::replace`] of this path.
    Replace(&'c str),
    /// [`Storage::remove`], once for each path.
    Remove(&'c str),
}

/// Another storage, which others could be writing to as well. It asks before each [`Call`], and where the answer is an
/// error, that is the call's: of files to be removed, those before it are gone.
pub struct Watched<S, B> {
    inner: S,
    before: B,
}

impl<S, B> Watched<S, B> {
    /// This storage, watched by `before`.
    pub const fn new(inner: S, before: B) -> Self {
        Self { inner, before }
    }
}

impl<S, B> Storage for Watched<S, B>
where
    S: Storage,
    B: Fn(Call<'_>) -> Result<(), StorageError> + Send + Sync + 'static,
{
    fn read(&self, log: &str, path: &str, limit: usize) -> Result<Option<Vec<u8>>, StorageError> {
        self.inner.read(log, path, limit)
    }

    fn list(&self, log: &str, under: &str) -> Result<Vec<String>, StorageError> {
        self.inner.list(log, under)
    }

    fn put(&self, log: &str, files: &[Stored]) -> Result<(), StorageError> {
        self.inner.put(log, files)
    }

    fn replace(
        &self,
        log: &str,
        path: &str,
        expected: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<(), StorageError> {
        (self.before)(Call::Replace(path))?;
        self.inner.replace(log, path, expected, bytes)
    }

    fn remove(&self, log: &str, paths: &[String]) -> Result<(), StorageError> {
        paths.iter().try_for_each(|path| {
            (self.before)(Call::Remove(path))?;
            self.inner.remove(log, std::slice::from_ref(path))
        })
    }
}
