//! A file that must be read from its end while it arrives from its front: kept outside of memory, and only
//! under a key that lives in memory.
//!
//! The [`Scratch`] that holds the bytes (a file, in practice) is the caller's; what it is handed is sealed
//! already, in chunks of 64 KiB under AES-256-GCM with a fresh key. A chunk's nonce is its number, which comes
//! once; what was altered, cut or put elsewhere in the scratch does not open. Key and plaintext go with the
//! [`Spool`]: what remains after a crash is noise. `docs/decisions/0115-parquet-is-spooled.md`.

use crate::Error;
use base::Secret;
use crypto::{Aead, Provider};
use std::{
    fmt, io,
    sync::{Arc, Mutex},
};

/// Bytes of one sealed chunk's content.
const CHUNK: usize = 64 << 10;
const TAG: usize = 16;

/// Where a spool keeps its sealed bytes: written from front to end, then read anywhere.
pub trait Scratch: Send + Sync {
    /// Appends bytes.
    ///
    /// # Errors
    /// Whatever kept the bytes from being kept.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Fills `out` with what stands from `offset` on.
    ///
    /// # Errors
    /// Whatever kept them from being read; fewer bytes than asked for are an error.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
}

/// In memory, for what is known to be small.
impl Scratch for Vec<u8> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let bytes = start.and_then(|start| self.get(start..start.checked_add(out.len())?));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A spool that is being filled.
pub struct Spool {
    aead: Box<dyn Aead>,
    scratch: Box<dyn Scratch>,
    pending: Secret<Vec<u8>>,
    sealed: Vec<u8>,
    chunks: u64,
}

impl Spool {
    /// An empty spool under a fresh key.
    #[must_use]
    pub fn new(provider: &dyn Provider, scratch: Box<dyn Scratch>) -> Self {
        let key = crypto::secret::<32>(provider);
        let aead = provider.aes_256_gcm(key.expose());
        Self { aead, scratch, pending: Secret::new(Vec::with_capacity(CHUNK)), sealed: Vec::new(), chunks: 0 }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Error::Spool`].
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let room = CHUNK - self.pending.expose().len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.expose_mut().extend_from_slice(now);
            bytes = later;
            if self.pending.expose().len() == CHUNK {
                self.seal()?;
            }
        }
        Ok(())
    }

    /// The spool with its last byte in, to be read anywhere.
    ///
    /// # Errors
    /// [`Error::Spool`].
    pub fn full(mut self) -> Result<Arc<Spooled>, Error> {
        let last = self.pending.expose().len();
        let len = self.chunks * CHUNK as u64 + last as u64;
        if last > 0 {
            self.seal()?;
        }
        let Self { aead, scratch, .. } = self;
        Ok(Arc::new(Spooled { aead: Some(aead), scratch, len, read: Mutex::new(Read::new()) }))
    }

    fn seal(&mut self) -> Result<(), Error> {
        self.sealed.clear();
        let pending = self.pending.expose_mut();
        self.aead.seal(&nonce(self.chunks), &[], pending, &mut self.sealed);
        pending.clear();
        self.chunks += 1;
        self.scratch.append(&self.sealed).map_err(|error| Error::Spool(error.to_string()))
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spool({} chunks)", self.chunks)
    }
}

/// A full spool.
pub struct Spooled {
    /// `None` where the bytes are in memory, as they are.
    aead: Option<Box<dyn Aead>>,
    scratch: Box<dyn Scratch>,
    len: u64,
    read: Mutex<Read>,
}

/// The chunk that was read last: readers go through a file in small steps.
struct Read {
    number: Option<u64>,
    plain: Secret<Vec<u8>>,
    sealed: Vec<u8>,
}

impl Read {
    fn new() -> Self {
        Self { number: None, plain: Secret::new(Vec::new()), sealed: Vec::new() }
    }
}

impl Spooled {
    /// Bytes that are in memory, and stay there.
    pub(super) fn in_memory(bytes: Vec<u8>) -> Arc<Self> {
        let len = bytes.len() as u64;
        Arc::new(Self { aead: None, scratch: Box::new(bytes), len, read: Mutex::new(Read::new()) })
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `out` with what stands from `offset` on.
    ///
    /// # Errors
    /// Where the scratch cannot be read or was altered, or the end comes first.
    pub fn read_at(&self, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(aead) = &self.aead else { return self.scratch.read_at(offset, out) };
        let mut read = self.read.lock().map_err(|_| io::Error::other("a reader of the spool broke off"))?;
        while !out.is_empty() {
            let (number, from) = (offset / CHUNK as u64, offset % CHUNK as u64);
            if read.number != Some(number) {
                self.open(&**aead, number, &mut read)?;
            }
            let from = usize::try_from(from).unwrap_or(CHUNK);
            let chunk = read.plain.expose().get(from..).unwrap_or_default();
            let length = chunk.len().min(out.len());
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (now, later) = out.split_at_mut(length);
            now.copy_from_slice(&chunk[..length]);
            out = later;
            offset += length as u64;
        }
        Ok(())
    }

    fn open(&self, aead: &dyn Aead, number: u64, read: &mut Read) -> io::Result<()> {
        let Read { number: held, plain, sealed } = read;
        *held = None;
        let plain = plain.expose_mut();
        plain.clear();
        let content = (self.len - number * CHUNK as u64).min(CHUNK as u64);
        sealed.resize(usize::try_from(content).unwrap_or(CHUNK) + TAG, 0);
        self.scratch.read_at(number * (CHUNK + TAG) as u64, sealed)?;
        let altered = |_| io::Error::new(io::ErrorKind::InvalidData, "the spool was altered");
        aead.open(&nonce(number), &[], sealed, plain).map_err(altered)?;
        *held = Some(number);
        Ok(())
    }
}

impl fmt::Debug for Spooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spooled({} bytes)", self.len)
    }
}

/// The key seals one spool, and each number once.
fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Scratch, Spool, TAG};
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Scratch for Shared {
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            Scratch::append(&mut *self.0.lock().expect("unbroken"), bytes)
        }

        fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.0.lock().expect("unbroken").read_at(offset, out)
        }
    }

    #[test]
    fn every_range_is_read_and_nothing_lies_in_the_clear() {
        let text = (0..CHUNK * 2 + 4_321).map(|at| b"canary-0123456789"[at % 17]).collect::<Vec<_>>();
        let shared = Shared::default();
        let mut spool = Spool::new(&*crypto::aws_lc(), Box::new(shared.clone()));
        for piece in text.chunks(10_007) {
            spool.push(piece).expect("it is kept");
        }
        let spooled = spool.full().expect("it is full");
        assert_eq!(spooled.len(), text.len() as u64);
        for (offset, length) in [(0, 4), (0, text.len()), (CHUNK - 1, 2), (text.len() - 8, 8), (CHUNK * 2, 0)]
        {
            let mut out = vec![0; length];
            spooled.read_at(offset as u64, &mut out).expect("it is there");
            assert_eq!(out, text[offset..offset + length]);
        }
        spooled.read_at(text.len() as u64, &mut [0]).expect_err("behind the end");
        spooled.read_at(u64::MAX, &mut [0]).expect_err("far behind the end");
        let raw = shared.0.lock().expect("unbroken").clone();
        assert_eq!(raw.len(), text.len() + 3 * TAG);
        assert!(!raw.windows(6).any(|window| window == b"canary"));
    }

    #[test]
    fn an_altered_or_swapped_chunk_does_not_open() {
        let spooled = |change: fn(&mut Vec<u8>)| {
            let shared = Shared::default();
            let mut spool = Spool::new(&*crypto::aws_lc(), Box::new(shared.clone()));
            spool.push(&vec![7; CHUNK * 2]).expect("it is kept");
            change(&mut shared.0.lock().expect("unbroken"));
            spool.full().expect("it is full").read_at(0, &mut [0; 10])
        };
        spooled(|_| ()).expect("it opens");
        spooled(|raw| raw[0] ^= 1).expect_err("altered");
        spooled(|raw| raw.rotate_left(CHUNK + TAG)).expect_err("swapped");
        spooled(|raw| raw.truncate(CHUNK)).expect_err("cut");
    }
}
