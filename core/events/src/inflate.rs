//! Plain bytes from what was sent: as it is, gzip or zstd, within limits.
//!
//! The limits are checked while inflating, so that a bomb costs no more than they allow.

use base::{Fault, Kind};
use std::{borrow::Cow, io, io::Read, str::FromStr};

/// How bytes are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Found out from the first bytes.
    Auto,
    /// As they are.
    Plain,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
}

/// A name of no encoding that is understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an encoding understood here: expected identity, gzip or zstd")]
pub struct WrongEncoding;

impl FromStr for Encoding {
    type Err = WrongEncoding;

    /// By the names of the HTTP content coding registry.
    fn from_str(text: &str) -> Result<Self, WrongEncoding> {
        match text {
            "identity" => Ok(Self::Plain),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => Err(WrongEncoding),
        }
    }
}

/// What inflating may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes taken in.
    pub input: usize,
    /// The most bytes given out.
    pub output: usize,
    /// The most bytes given out for each byte taken in, once more than [`Limits::FREE`] came out.
    pub ratio: usize,
}

impl Limits {
    /// Of one request body: 64 MiB in, 512 MiB and 100:1 out.
    pub const REQUEST: Self = Self { input: 64 << 20, output: 512 << 20, ratio: 100 };

    /// So much may come out of any input, however small.
    pub const FREE: usize = 64 << 10;

    /// The largest zstd window, as a power of two: 8 MiB, what RFC 8878 asks every decoder to support.
    pub const WINDOW_LOG: u32 = 23;
}

/// Why bytes could not be inflated. Positions are in the bytes as sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More was sent than is taken.
    #[error("{bytes} bytes were sent; at most {limit} are taken at once: send smaller batches")]
    TooMuchIn {
        /// How much was sent.
        bytes: usize,
        /// How much is taken.
        limit: usize,
    },
    /// More came out than is taken.
    #[error("more than {limit} bytes came out by byte {at}: send smaller batches")]
    TooMuchOut {
        /// How much was read by then.
        at: usize,
        /// How much is taken.
        limit: usize,
    },
    /// A decompression bomb.
    #[error(
        "{output} bytes came out of the first {at}, more than {ratio} for each: refused as a decompression bomb"
    )]
    Bomb {
        /// How much was read by then.
        at: usize,
        /// How much had come out.
        output: usize,
        /// How much is allowed.
        ratio: usize,
    },
    /// It ends too early.
    #[error("the {encoding} stream ends in the middle, after byte {at} ({output} bytes came out before)")]
    Truncated {
        /// `gzip` or `zstd`.
        encoding: &'static str,
        /// Where it ends.
        at: usize,
        /// How much had come out.
        output: usize,
    },
    /// It is damaged, of another encoding, or asks for a window over 8 MiB.
    #[error("the {encoding} stream cannot be read near byte {at}")]
    Corrupt {
        /// `gzip` or `zstd`.
        encoding: &'static str,
        /// Where the decoder stopped.
        at: usize,
        /// What the decoder says.
        source: io::Error,
    },
}

impl Fault for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::TooMuchIn { .. } | Self::TooMuchOut { .. } | Self::Bomb { .. } => Kind::TooLarge,
            Self::Truncated { .. } | Self::Corrupt { .. } => Kind::BadInput,
        }
    }
}

/// Inflates `bytes`. Plain bytes are borrowed.
///
/// # Errors
/// [`Error`], with the position.
pub fn inflate(bytes: &[u8], encoding: Encoding, limits: Limits) -> Result<Cow<'_, [u8]>, Error> {
    if bytes.len() > limits.input {
        return Err(Error::TooMuchIn { bytes: bytes.len(), limit: limits.input });
    }
    match encoding {
        Encoding::Auto if bytes.starts_with(&[0x1f, 0x8b]) => gunzip(bytes, limits).map(Cow::Owned),
        Encoding::Auto if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) => {
            unzstd(bytes, limits).map(Cow::Owned)
        }
        Encoding::Auto | Encoding::Plain => Ok(Cow::Borrowed(bytes)),
        Encoding::Gzip => gunzip(bytes, limits).map(Cow::Owned),
        Encoding::Zstd => unzstd(bytes, limits).map(Cow::Owned),
    }
}

fn gunzip(bytes: &[u8], limits: Limits) -> Result<Vec<u8>, Error> {
    let decoder = flate2::bufread::MultiGzDecoder::new(bytes);
    read_all("gzip", bytes.len(), decoder, |decoder| decoder.get_ref().len(), limits)
}

fn unzstd(bytes: &[u8], limits: Limits) -> Result<Vec<u8>, Error> {
    let corrupt = |source| Error::Corrupt { encoding: "zstd", at: 0, source };
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(corrupt)?;
    decoder.window_log_max(Limits::WINDOW_LOG).map_err(corrupt)?;
    read_all("zstd", bytes.len(), decoder, |decoder| decoder.get_ref().len(), limits)
}

fn read_all<D: Read>(
    encoding: &'static str,
    total: usize,
    mut decoder: D,
    left: impl Fn(&D) -> usize,
    limits: Limits,
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let read = decoder.read(&mut chunk);
        let at = total - left(&decoder);
        match read {
            Ok(0) => return Ok(out),
            Ok(read) => out.extend_from_slice(&chunk[..read]),
            Err(wrong) if wrong.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Error::Truncated { encoding, at, output: out.len() });
            }
            Err(source) => return Err(Error::Corrupt { encoding, at, source }),
        }
        if out.len() > limits.output {
            return Err(Error::TooMuchOut { at, limit: limits.output });
        }
        if out.len() > Limits::FREE && out.len() / limits.ratio > at {
            return Err(Error::Bomb { at, output: out.len(), ratio: limits.ratio });
        }
    }
}
