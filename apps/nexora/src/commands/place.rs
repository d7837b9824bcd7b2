//! Where a file comes from and where it goes: a file, or a pipe.

use crate::failure::Failure;
use crate::files::Unfinished;
use crate::output::{Output, Show, facts};
use crate::progress;
use api::client::Upload;
use base::Kind;
use bytes::Bytes;
use fields::formats::{Dialect, Format};
use futures::StreamExt as _;
use indicatif::ProgressBar;
use serde::Serialize;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio_util::io::ReaderStream;

/// How much is read at once.
const PIECE: usize = 256 << 10;
/// How much of a file's beginning tells its format.
const HEAD: usize = 8 << 10;

/// Whether a name stands for standard input or output.
pub(super) fn is_pipe(path: &Path) -> bool {
    path == Path::new("-")
}

/// A file that is read, or standard input, with its beginning already here.
pub(super) struct Source {
    path: PathBuf,
    reader: Box<dyn AsyncRead + Send + Unpin>,
    head: Vec<u8>,
    bar: ProgressBar,
}

impl Source {
    /// Opens a file, standard input where the name is `-`; a bar called `what` follows how far it is read.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) async fn open(path: &Path, what: &str) -> Result<Self, Failure> {
        let wrong = |error: &std::io::Error| Failure::file(path, error);
        let (mut reader, bar): (Box<dyn AsyncRead + Send + Unpin>, _) = if is_pipe(path) {
            (Box::new(tokio::io::stdin()), progress::stream(what))
        } else {
            let file = tokio::fs::File::open(path).await.map_err(|error| wrong(&error))?;
            let metadata = file.metadata().await.map_err(|error| wrong(&error))?;
            let bar = if metadata.is_file() {
                progress::bytes(what, metadata.len())
            } else {
                progress::stream(what)
            };
            (Box::new(file), bar)
        };
        let mut head = vec![0; HEAD];
        let mut filled = 0;
        while filled < head.len() {
            match reader.read(&mut head[filled..]).await.map_err(|error| wrong(&error))? {
                0 => break,
                more => filled += more,
            }
        }
        head.truncate(filled);
        Ok(Self { path: path.to_owned(), reader, head, bar })
    }

    /// The file's format: as it was said, or as name and beginning tell it.
    ///
    /// # Errors
    /// [`Kind::BadInput`] where nothing tells it, or a delimiter is none.
    pub(super) fn format(&self, said: Option<&str>, delimiter: Option<char>) -> Result<Format, Failure> {
        let name = self.path.to_str().filter(|_| !is_pipe(&self.path));
        let format = match said {
            Some(code) => Format::parse(code),
            None if delimiter.is_some() => Some(Format::Csv(Dialect::default())),
            None => Format::recognize(name, &self.head),
        };
        let Some(format) = format else {
            let what = format!("{}: its format cannot be told: say --format", self.path.display());
            return Err(Failure::new(Kind::BadInput, what));
        };
        match (format, delimiter) {
            (Format::Csv(_), Some(delimiter)) => Ok(Format::Csv(Dialect::new(delimiter)?)),
            (Format::Csv(told), None) if said.is_some() => {
                // The name and the beginning still tell the delimiter.
                let recognized = Format::recognize(name, &self.head);
                Ok(recognized.filter(|other| matches!(other, Format::Csv(_))).unwrap_or(Format::Csv(told)))
            }
            (other, Some(_)) => {
                let what = format!("--delimiter is for CSV, and this is {}", other.as_str());
                Err(Failure::new(Kind::BadInput, what))
            }
            (format, None) => Ok(format),
        }
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut piece = std::mem::take(&mut self.head);
        if piece.is_empty() {
            piece.resize(PIECE, 0);
            let length = self.reader.read(&mut piece).await;
            piece.truncate(length.map_err(|error| Failure::file(&self.path, &error))?);
        }
        self.bar.inc(piece.len() as u64);
        Ok((!piece.is_empty()).then(|| Bytes::from(piece)))
    }

    /// All of it as the body of a request.
    pub(super) fn upload(self) -> Upload {
        let bar = self.bar.clone();
        let head = futures::stream::iter([Ok(Bytes::from(self.head))]);
        let rest = ReaderStream::with_capacity(self.reader, PIECE);
        Upload::stream(head.chain(rest).inspect(move |piece| {
            bar.inc(piece.as_ref().map_or(0, |piece| piece.len() as u64));
        }))
    }

    /// The bar over it.
    pub(super) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }
}

/// A file that appears whole at the end, or standard output as it goes.
pub(super) enum Sink {
    File(PathBuf, Unfinished),
    Pipe(Output, u64),
}

impl Sink {
    /// Opens it; a file that `replaces` what is there, or stands where nothing is.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub(super) fn open(path: &Path, output: Output, replaces: bool) -> Result<Self, Failure> {
        if is_pipe(path) {
            return Ok(Self::Pipe(output, 0));
        }
        let file = if replaces { Unfinished::replacing(path)? } else { Unfinished::create(path)? };
        Ok(Self::File(path.to_owned(), file))
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::File(_, file) => file.write(bytes),
            Self::Pipe(output, count) => {
                *count += bytes.len() as u64;
                output.raw(bytes)
            }
        }
    }

    /// Puts a file in its place; gives its name, none for a pipe, and its length.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn finish(self) -> Result<(Option<PathBuf>, u64), Failure> {
        match self {
            Self::File(path, file) => Ok((Some(path), file.finish()?)),
            Self::Pipe(output, count) => {
                output.flush()?;
                Ok((None, count))
            }
        }
    }
}

/// What a run wrote.
#[derive(Debug, Serialize)]
pub(super) struct Wrote {
    output: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    bytes: u64,
}

impl Wrote {
    /// Puts output and manifest in their places, the manifest last: it is never there without its output. Says so
    /// where standard output was not taken by the output itself.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn finish(data: Sink, manifest: Option<Sink>, output: Output) -> Result<(), Failure> {
        let (place, bytes) = data.finish()?;
        let manifest = manifest.map(Sink::finish).transpose()?.and_then(|(place, _)| place);
        let Some(place) = place else { return Ok(()) };
        let name = |path: PathBuf| path.display().to_string();
        output.show(&Self { output: name(place), manifest: manifest.map(name), bytes })
    }
}

impl Show for Wrote {
    fn table(&self) -> String {
        facts([
            ("output", Some(self.output.clone())),
            ("manifest", self.manifest.clone()),
            ("bytes", Some(self.bytes.to_string())),
        ])
    }
}

/// The manifest that stands beside a protected file.
pub(super) fn beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".manifest.json");
    PathBuf::from(name)
}
