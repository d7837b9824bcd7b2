//! What an implementation of [`Storage`] must pass before it is used: written once, called by each. It panics with what
//! did not hold.
#![expect(clippy::missing_panics_doc, reason = "a suite is a test")]

mod watched;

pub use watched::{Call, Watched};

use crate::{Storage, StorageError, Stored};

/// Files as tiles are named.
const A: &str = "tile/0/000.p/3";
const B: &str = "tile/entries/x001/234";
const HEAD: &str = "checkpoint";
/// More than any file here has.
const LIMIT: usize = 1 << 20;

fn file(path: &str, bytes: &[u8]) -> Stored {
    Stored { path: path.to_owned(), bytes: bytes.to_vec() }
}

/// Runs the whole suite on a storage that holds nothing below `logs`, two names of logs.
///
/// # Errors
/// The first failure of the storage itself.
pub fn storage(storage: &dyn Storage, logs: [&str; 2]) -> Result<(), StorageError> {
    let [log, other] = logs;
    // Nothing is there.
    assert_eq!(storage.list(log, "")?, Vec::<String>::new(), "a log that is not there has no files");
    assert_eq!(storage.read(log, HEAD, LIMIT)?, None);
    storage.remove(log, &[A.to_owned()])?;
    // What was put is there, whole, and nowhere else.
    storage.put(log, &[file(A, b"first"), file(B, &vec![7; 100_000])])?;
    assert_eq!(storage.read(log, A, LIMIT)?.as_deref(), Some(&b"first"[..]));
    assert_eq!(storage.read(log, B, LIMIT)?.map(|bytes| bytes.len()), Some(100_000));
    assert!(storage.read(log, B, 99_999).is_err(), "a file over the limit is refused");
    assert_eq!(storage.list(log, "")?, [A, B], "the listing is sorted and complete");
    assert_eq!(storage.list(log, "tile/entries")?, [B], "a folder is listed with whole paths");
    assert_eq!(storage.list(log, "tile/0/000.p")?, [A]);
    assert_eq!(storage.list(log, "tile/0/001.p")?, Vec::<String>::new());
    assert_eq!(storage.list(log, "tile/ent")?, Vec::<String>::new(), "half a name is no folder");
    assert_eq!(storage.list(other, "")?, Vec::<String>::new(), "logs do not meet");
    assert_eq!(storage.read(other, A, LIMIT)?, None);
    // Again, and in the place of another.
    storage.put(log, &[file(A, b"second")])?;
    assert_eq!(storage.read(log, A, LIMIT)?.as_deref(), Some(&b"second"[..]));
    storage.put(log, &[])?;
    // The checkpoint is compared, then exchanged.
    let changed = |outcome| assert!(matches!(outcome, Err(StorageError::Changed { .. })), "{outcome:?}");
    changed(storage.replace(log, HEAD, Some(b"none"), b"one"));
    assert_eq!(storage.read(log, HEAD, LIMIT)?, None, "a refused exchange does nothing");
    storage.replace(log, HEAD, None, b"one")?;
    changed(storage.replace(log, HEAD, None, b"two"));
    changed(storage.replace(log, HEAD, Some(b"other"), b"two"));
    assert_eq!(storage.read(log, HEAD, LIMIT)?.as_deref(), Some(&b"one"[..]));
    storage.replace(log, HEAD, Some(b"one"), b"two")?;
    storage.replace(log, HEAD, Some(b"two"), b"two")?;
    assert_eq!(storage.read(log, HEAD, LIMIT)?.as_deref(), Some(&b"two"[..]));
    // What is removed is gone, twice is once, and can come back.
    storage.remove(log, &[A.to_owned(), B.to_owned()])?;
    storage.remove(log, &[A.to_owned()])?;
    assert_eq!(storage.list(log, "")?, [HEAD]);
    assert_eq!(storage.read(log, A, LIMIT)?, None);
    storage.put(log, &[file(A, b"third")])?;
    assert_eq!(storage.list(log, "")?, [HEAD, A]);
    assert_eq!(storage.read(log, A, LIMIT)?.as_deref(), Some(&b"third"[..]));
    published(storage, other)
}

/// Of two writers the second overwrites nothing that the first has published, and what neither has it does.
fn published(storage: &dyn Storage, log: &str) -> Result<(), StorageError> {
    let covered =
        ["tile/0/000", "tile/0/001.p/3", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"];
    for bytes in [&b"one"[..], b"two", b"the first"] {
        storage.put(log, &covered.map(|path| file(path, bytes)))?;
    }
    let note = format!("log\n300\n{}=\n\n\u{2014} log AAAAAAAAAAAAAAAA\n", "A".repeat(43));
    storage.replace(log, HEAD, None, note.as_bytes())?;
    for path in covered {
        for bytes in [&b"the other"[..], b"", b"the first and more"] {
            let told = storage.put(log, &[file(path, bytes)]);
            assert!(matches!(told, Err(StorageError::Changed { .. })), "{path} is published: {told:?}");
        }
        storage.put(log, &[file(path, b"the first")])?;
        assert_eq!(storage.read(log, path, LIMIT)?.as_deref(), Some(&b"the first"[..]), "{path}");
    }
    for path in ["tile/0/001.p/45", "tile/0/001", "tile/0/002.p/1", "tile/2/000.p/1", "tile/entries/001.p/46"]
    {
        for bytes in [&b"one"[..], b"two", b"more than that"] {
            storage.put(log, &[file(path, bytes)])?;
            assert_eq!(storage.read(log, path, LIMIT)?.as_deref(), Some(bytes), "{path} is nobody's yet");
        }
    }
    // A checkpoint that does not read may cover anything.
    storage.replace(log, HEAD, Some(note.as_bytes()), b"damaged")?;
    let told = storage.put(log, &[file("tile/0/001", b"other")]);
    assert!(matches!(told, Err(StorageError::Changed { .. })), "{told:?}");
    storage.remove(log, &storage.list(log, "")?)
}
