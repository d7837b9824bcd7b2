//! The port over an object storage.

use crate::Place;
use crate::place::{WrongPlace, options};
use audit::{Storage, StorageError, Stored, covers};
use base::Secret;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, GetResult, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload, RetryConfig, UpdateVersion,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
};
use std::{fmt, io, sync::Arc, time::Duration};
use tokio::runtime::Handle;
use verify::note;

/// How long one act is tried again while the storage answers that it cannot just now, or not at all.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What one request may take, and finding the storage.
const REQUEST: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);

/// What is read of a file that is to be replaced, in bytes.
const MOST_REPLACED: usize = 1 << 20;

/// Requests at a time of one act.
const AT_ONCE: usize = 16;

/// Ledgers below a prefix of a bucket. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    runtime: Handle,
}

impl fmt::Debug for Objects {
    /// Without the client, which holds credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Objects {
    /// The storage at a place. `text` holds options, one `name = value` a line, by the names that the client knows
    /// (`region`, `endpoint`, `access_key_id`, `secret_access_key`, … ); without credentials among them, those are used
    /// that the machine has of its cloud (a role, a workload's identity). Nothing is asked of the storage yet.
    ///
    /// # Errors
    /// [`WrongPlace`]: an option that is none, or that the client does not take.
    pub fn open(place: &Place, text: &Secret<Vec<u8>>, runtime: Handle) -> Result<Self, WrongPlace> {
        let (options, url) = (options(text)?, place.url().as_str());
        let store: Arc<dyn ObjectStore> = match place.url().scheme() {
            "s3" => {
                let mut builder =
                    AmazonS3Builder::new().with_url(url).with_retry(patient()).with_client_options(limited());
                for (name, value) in options {
                    let key: AmazonS3ConfigKey = name.parse().map_err(WrongPlace::Client)?;
                    builder = builder.with_config(key, value);
                }
                Arc::new(builder.build().map_err(WrongPlace::Client)?)
            }
            "gs" => {
                let mut builder = GoogleCloudStorageBuilder::new()
                    .with_url(url)
                    .with_retry(patient())
                    .with_client_options(limited());
                for (name, value) in options {
                    let key: GoogleConfigKey = name.parse().map_err(WrongPlace::Client)?;
                    builder = builder.with_config(key, value);
                }
                Arc::new(builder.build().map_err(WrongPlace::Client)?)
            }
            _ => {
                let mut builder = MicrosoftAzureBuilder::new()
                    .with_url(url)
                    .with_retry(patient())
                    .with_client_options(limited());
                for (name, value) in options {
                    let key: AzureConfigKey = name.parse().map_err(WrongPlace::Client)?;
                    builder = builder.with_config(key, value);
                }
                Arc::new(builder.build().map_err(WrongPlace::Client)?)
            }
        };
        Ok(Self { store, prefix: place.prefix().clone(), runtime })
    }

    /// The object of a file, or the folder of a log; only what has one spelling as a path has one.
    fn at(&self, log: &str, path: &str) -> Result<Path, StorageError> {
        let parts = [self.prefix.as_ref(), log, path];
        let joined = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        let parsed = Path::parse(&joined).ok().filter(|path| path.as_ref() == joined && !log.is_empty());
        parsed.ok_or_else(|| failed("name", path, io::ErrorKind::InvalidInput.into()))
    }

    /// The whole object and its version.
    async fn fetch(
        &self,
        at: &Path,
        limit: usize,
    ) -> Result<Option<(Bytes, UpdateVersion)>, object_store::Error> {
        let found = match self.store.get(at).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        Ok(Some((within(found, limit).await?, version)))
    }

    /// Writes a file of a log where none is. What is there already stays if it is the same; if it is not, it is
    /// replaced only where no checkpoint covers it.
    async fn place(&self, log: &str, file: &Stored) -> Result<(), Written> {
        match self.write(log, file, PutMode::Create).await {
            Err(Written::Changed) => {}
            written => return written,
        }
        let at = self.at(log, &file.path).map_err(Written::Failed)?;
        let unread = |error| {
            Written::Failed(failed("read", &file.path, io::Error::other::<object_store::Error>(error)))
        };
        let found = match self.store.get(&at).await {
            Ok(found) => found,
            // Whoever was at it has removed it: the caller reads the log anew.
            Err(object_store::Error::NotFound { .. }) => return Err(Written::Changed),
            Err(error) => return Err(unread(error)),
        };
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let is_as_long = found.meta.size == file.bytes.len() as u64;
        if is_as_long && within(found, file.bytes.len()).await.map_err(unread)? == file.bytes {
            return Ok(());
        }
        if self.is_published(log, &file.path).await? {
            return Err(Written::Changed);
        }
        match self.write(log, file, PutMode::Update(version)).await {
            // A request whose answer was lost is sent again, and then finds what it wrote itself.
            Err(Written::Changed) => match self.fetch(&at, file.bytes.len()).await.map_err(unread)? {
                Some((found, _)) if found == file.bytes => Ok(()),
                _ => Err(Written::Changed),
            },
            written => written,
        }
    }

    /// Whether the log's checkpoint covers this file.
    async fn is_published(&self, log: &str, path: &str) -> Result<bool, Written> {
        let at = self.at(log, verify::checkpoint::FILE).map_err(Written::Failed)?;
        let found = self.fetch(&at, note::MAX_BYTES).await.map_err(|error| {
            Written::Failed(failed("read", verify::checkpoint::FILE, io::Error::other(error)))
        })?;
        Ok(found.is_some_and(|(checkpoint, _)| covers(&checkpoint, path)))
    }

    async fn write(&self, log: &str, file: &Stored, mode: PutMode) -> Result<(), Written> {
        let at = self.at(log, &file.path).map_err(Written::Failed)?;
        let payload = PutPayload::from_bytes(Bytes::copy_from_slice(&file.bytes));
        let replaces = matches!(mode, PutMode::Update(_));
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.store.put_opts(&at, payload, options).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. }) => {
                Err(Written::Changed)
            }
            // What was to be replaced is gone.
            Err(object_store::Error::NotFound { .. }) if replaces => Err(Written::Changed),
            Err(error) => Err(Written::Failed(failed("write", &file.path, io::Error::other(error)))),
        }
    }
}

/// Why an object was not written.
enum Written {
    /// Another version is there than was to be replaced.
    Changed,
    Failed(StorageError),
}

/// Reads at most `limit` bytes, whatever the storage says of the size.
async fn within(found: GetResult, limit: usize) -> Result<Bytes, object_store::Error> {
    let too_large = || object_store::Error::Generic {
        store: "ledger",
        source: format!("it is larger than {limit} bytes").into(),
    };
    if found.meta.size > limit as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut pieces = found.into_stream();
    while let Some(piece) = pieces.try_next().await? {
        if bytes.len() + piece.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.into())
}

fn patient() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 6, retry_timeout: PATIENCE }
}

fn limited() -> ClientOptions {
    ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT)
}

fn failed(doing: &'static str, path: &str, source: io::Error) -> StorageError {
    StorageError::Failed { doing, path: path.to_owned(), source }
}

impl Storage for Objects {
    fn read(&self, log: &str, path: &str, limit: usize) -> Result<Option<Vec<u8>>, StorageError> {
        let at = self.at(log, path)?;
        let found = self.runtime.block_on(self.fetch(&at, limit));
        let found = found.map_err(|error| failed("read", path, io::Error::other(error)))?;
        Ok(found.map(|(bytes, _)| bytes.into()))
    }

    fn list(&self, log: &str, under: &str) -> Result<Vec<String>, StorageError> {
        let (at, below) = (self.at(log, under)?, format!("{}/", self.at(log, "")?));
        let listed = self.runtime.block_on(self.store.list(Some(&at)).try_collect::<Vec<_>>());
        let listed = listed.map_err(|error| failed("list", log, io::Error::other(error)))?;
        let paths = listed.iter().filter_map(|object| object.location.as_ref().strip_prefix(&below));
        let mut paths: Vec<String> = paths.map(str::to_owned).collect();
        paths.sort();
        Ok(paths)
    }

    fn put(&self, log: &str, files: &[Stored]) -> Result<(), StorageError> {
        let writes = files.iter().map(|file| async move {
            let placed = self.place(log, file).await;
            placed.map_err(|why| match why {
                Written::Changed => StorageError::Changed { path: file.path.clone() },
                Written::Failed(error) => error,
            })
        });
        let written = stream::iter(writes).buffer_unordered(AT_ONCE).try_collect::<()>();
        self.runtime.block_on(written)
    }

    fn replace(
        &self,
        log: &str,
        path: &str,
        expected: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<(), StorageError> {
        let at = self.at(log, path)?;
        // Something far larger is something else in any case; the answer says so.
        let limit = MOST_REPLACED.max(bytes.len()).max(expected.map_or(0, <[u8]>::len));
        let changed = || StorageError::Changed { path: path.to_owned() };
        let replaced = async {
            let read = |error| failed("read", path, io::Error::other(error));
            let mode = match (expected, self.fetch(&at, limit).await.map_err(read)?) {
                (None, None) => PutMode::Create,
                (Some(expected), Some((found, version))) if found == expected => PutMode::Update(version),
                _ => return Err(changed()),
            };
            let file = Stored { path: path.to_owned(), bytes: bytes.to_vec() };
            match self.write(log, &file, mode).await {
                Ok(()) => Ok(()),
                Err(Written::Failed(error)) => Err(error),
                // A request whose answer was lost is sent again, and then finds what it wrote itself.
                Err(Written::Changed) => match self.fetch(&at, limit).await.map_err(read)? {
                    Some((found, _)) if found == bytes => Ok(()),
                    _ => Err(changed()),
                },
            }
        };
        self.runtime.block_on(replaced)
    }

    fn remove(&self, log: &str, paths: &[String]) -> Result<(), StorageError> {
        let removals = paths.iter().map(|path| async move {
            match self.store.delete(&self.at(log, path)?).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(failed("remove", path, io::Error::other(error))),
            }
        });
        self.runtime.block_on(stream::iter(removals).buffer_unordered(AT_ONCE).try_collect::<()>())
    }
}
