//! Plain bytes from what was sent: as it is, gzip or zstd, within limits.
//!
//! The limits are checked while inflating, so that a bomb costs no more than they allow. What was sent is inflated whole
//! ([`inflate`], [`inflate_within`]); a file of any size as it is asked for ([`Inflater`]).

use base::{Fault, Kind};
use std::io::{BufRead, Chain, Cursor, Read};
use std::{borrow::Cow, io, str::FromStr};

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

    /// Of a file that its user names: of any size, 1,000:1 out.
    pub const FILE: Self = Self { input: usize::MAX, output: usize::MAX, ratio: 1_000 };

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
    /// There is no room for what comes out, now.
    #[error("no room for more than {output} bytes: send it again in a moment")]
    NoRoom {
        /// How much had come out.
        output: usize,
    },
    /// It could not be read to its end.
    #[error("it cannot be read after byte {at}")]
    Unread {
        /// How much was read by then.
        at: usize,
        /// What the reader says.
        source: io::Error,
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
            Self::NoRoom { .. } => Kind::Busy,
            Self::Truncated { .. } | Self::Corrupt { .. } | Self::Unread { .. } => Kind::BadInput,
        }
    }
}

/// Inflates `bytes`. Plain bytes are borrowed.
///
/// # Errors
/// [`Error`], with the position.
pub fn inflate(bytes: &[u8], encoding: Encoding, limits: Limits) -> Result<Cow<'_, [u8]>, Error> {
    inflate_within(bytes, encoding, limits, |_| true)
}

/// The same, in room that others use too: `claim` is asked for so many more bytes before they are held, and says
/// whether there is room for them. What was claimed is at least what comes out, and at most [`STEP`] bytes more.
///
/// # Errors
/// [`Error`], with the position; [`Error::NoRoom`] where `claim` said no.
pub fn inflate_within(
    bytes: &[u8],
    encoding: Encoding,
    limits: Limits,
    mut claim: impl FnMut(usize) -> bool,
) -> Result<Cow<'_, [u8]>, Error> {
    if bytes.len() > limits.input {
        return Err(Error::TooMuchIn { bytes: bytes.len(), limit: limits.input });
    }
    let encoding = match encoding {
        Encoding::Auto => Encoding::of(bytes),
        named => named,
    };
    if encoding == Encoding::Plain {
        return if claim(bytes.len()) { Ok(Cow::Borrowed(bytes)) } else { Err(Error::NoRoom { output: 0 }) };
    }
    let mut inflater = Inflater::new(bytes, encoding, limits)?;
    let mut out = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    let mut claimed = 0;
    loop {
        let read = inflater.read(&mut chunk)?;
        if read == 0 {
            return Ok(Cow::Owned(out));
        }
        let end = out.len() + read;
        if end > claimed {
            if !claim(STEP) {
                return Err(Error::NoRoom { output: out.len() });
            }
            claimed += STEP;
            // No more than a quarter is held in reserve, whatever comes out.
            out.reserve_exact(STEP.max(out.len() / 4));
        }
        out.extend_from_slice(&chunk[..read]);
    }
}

/// In steps of so many bytes room is claimed for what comes out.
pub const STEP: usize = 1 << 20;

/// How many of the first bytes tell an encoding.
const MAGIC: usize = 4;

impl Encoding {
    /// By the first bytes.
    fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else {
            Self::Plain
        }
    }
}

/// Plain bytes as they are asked for: memory is a decoder's window, however much comes out.
pub struct Inflater<R: BufRead> {
    decoder: Decoder<Input<R>>,
    limits: Limits,
    output: usize,
}

/// The first bytes, which told the encoding, and the others.
type Input<R> = Counted<Chain<Cursor<Vec<u8>>, R>>;

enum Decoder<R: BufRead> {
    Plain(R),
    Gzip(Box<flate2::bufread::MultiGzDecoder<R>>),
    Zstd(zstd::stream::read::Decoder<'static, R>),
}

impl<R: BufRead> Inflater<R> {
    /// What inflates what `reader` gives.
    ///
    /// # Errors
    /// [`Error::Unread`] where its first bytes cannot be read.
    pub fn new(mut reader: R, encoding: Encoding, limits: Limits) -> Result<Self, Error> {
        let mut first = Vec::new();
        if encoding == Encoding::Auto {
            let magic = (&mut reader).take(MAGIC as u64).read_to_end(&mut first);
            magic.map_err(|source| Error::Unread { at: 0, source })?;
        }
        let encoding = if encoding == Encoding::Auto { Encoding::of(&first) } else { encoding };
        let input = Counted { reader: Cursor::new(first).chain(reader), taken: 0, failed: false };
        let decoder = match encoding {
            Encoding::Gzip => Decoder::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(input))),
            Encoding::Zstd => {
                let corrupt = |source| Error::Corrupt { encoding: "zstd", at: 0, source };
                let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(corrupt)?;
                decoder.window_log_max(Limits::WINDOW_LOG).map_err(corrupt)?;
                Decoder::Zstd(decoder)
            }
            Encoding::Plain | Encoding::Auto => Decoder::Plain(input),
        };
        Ok(Self { decoder, limits, output: 0 })
    }

    /// The next bytes; 0 at the end, or where `out` is empty.
    ///
    /// # Errors
    /// [`Error`], with the position. Nothing more is to be read then.
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let read = loop {
            let read = match &mut self.decoder {
                Decoder::Plain(input) => input.read(out),
                Decoder::Gzip(decoder) => decoder.read(out),
                Decoder::Zstd(decoder) => decoder.read(out),
            };
            match read {
                Err(again) if again.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let (input, encoding) = match &self.decoder {
            Decoder::Plain(input) => (input, "plain"),
            Decoder::Gzip(decoder) => (decoder.get_ref(), "gzip"),
            Decoder::Zstd(decoder) => (decoder.get_ref(), "zstd"),
        };
        let (at, failed) = (input.taken, input.failed);
        let count = match read {
            Ok(count) => count,
            Err(source) if failed => return Err(Error::Unread { at, source }),
            Err(wrong) if wrong.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Error::Truncated { encoding, at, output: self.output });
            }
            Err(source) => return Err(Error::Corrupt { encoding, at, source }),
        };
        self.output = self.output.saturating_add(count);
        let Limits { input, output, ratio } = self.limits;
        if at > input {
            return Err(Error::TooMuchIn { bytes: at, limit: input });
        }
        if self.output > output {
            return Err(Error::TooMuchOut { at, limit: output });
        }
        if self.output > Limits::FREE && self.output / ratio > at {
            return Err(Error::Bomb { at, output: self.output, ratio });
        }
        Ok(count)
    }
}

/// A reader that knows how much was taken from it, and whether it was it that failed.
struct Counted<R> {
    reader: R,
    taken: usize,
    failed: bool,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut there = self.fill_buf()?;
        let read = there.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let filled = self.reader.fill_buf();
        self.failed = filled.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        filled
    }

    fn consume(&mut self, count: usize) {
        self.taken = self.taken.saturating_add(count);
        self.reader.consume(count);
    }
}
