//! An HTTP/1.1 client of the tests' own, so that what the product says on the wire is read by somebody
//! who did not write it. Blocking, one request to a connection, bodies and trailers as they come.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a peer may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// Where to send a request.
#[derive(Debug, Clone)]
pub enum Address {
    /// A socket in the file system.
    Unix(PathBuf),
    /// `HOST:PORT`, in the clear.
    Tcp(String),
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Headers and trailers by their lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as one JSON value to a line.
    ///
    /// # Panics
    /// On a line that is no JSON.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        let text = self.text();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The message of an error document.
    #[must_use]
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// How a streamed reply ended: the trailer `nexora-outcome`.
    #[must_use]
    pub fn outcome(&self) -> Option<&str> {
        self.headers.get("nexora-outcome").map(String::as_str)
    }

    /// The same answer, if it is a success.
    ///
    /// # Panics
    /// On any other status.
    #[must_use]
    pub fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        self
    }
}

/// A request on its way.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a credential.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a body of a media type.
    #[must_use]
    pub fn body(mut self, media: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", media)
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// Sends it and reads the answer to its end.
    ///
    /// # Errors
    /// What the connection meets; an answer that is cut off.
    pub fn send(&self, address: &Address) -> io::Result<Answer> {
        self.open(address)?.finish()
    }

    /// Sends it and reads the answer's head; the body is read by [`Open`]. The body goes out while the answer
    /// comes in, as it must where both stream.
    ///
    /// # Errors
    /// What the connection meets.
    pub fn open(&self, address: &Address) -> io::Result<Open> {
        match address {
            Address::Unix(path) => {
                let stream = unix(path)?;
                self.both_ways(stream.try_clone()?, stream)
            }
            Address::Tcp(host) => {
                let stream = tcp(host)?;
                self.both_ways(stream.try_clone()?, stream)
            }
        }
    }

    fn both_ways(
        &self,
        writer: impl Write + Send + 'static,
        reader: impl Read + Send + 'static,
    ) -> io::Result<Open> {
        let request = self.clone();
        let mut writer = writer;
        let sender = std::thread::Builder::new().name("request".to_owned());
        // A server may refuse before it has read everything; what it says then still counts.
        sender.spawn(move || drop(request.write(&mut writer)))?;
        Open::read(Box::new(reader))
    }

    /// The same over any stream: first out, then in.
    ///
    /// # Errors
    /// What the connection meets.
    pub fn over(&self, stream: impl Read + Write + Send + 'static) -> io::Result<Open> {
        let mut stream = stream;
        self.write(&mut stream)?;
        Open::read(Box::new(stream))
    }

    fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: localhost\r\nte: trailers\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", self.body.len()));
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        stream.flush()
    }
}

fn unix(path: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    Ok(stream)
}

fn tcp(host: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    Ok(stream)
}

/// An answer whose body is still coming.
pub struct Open {
    /// The status code.
    pub status: u16,
    headers: BTreeMap<String, String>,
    reader: BufReader<Box<dyn Read + Send>>,
    body: Vec<u8>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut off")
}

impl Open {
    fn read(stream: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(cut)?;
        let mut open = Self { status, headers: BTreeMap::new(), reader, body: Vec::new() };
        open.fields()?;
        Ok(open)
    }

    /// Reads header or trailer fields up to the empty line.
    fn fields(&mut self) -> io::Result<()> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(cut());
            }
            let line = line.trim_end();
            if line.is_empty() {
                return Ok(());
            }
            let (name, value) = line.split_once(':').ok_or_else(cut)?;
            self.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }

    /// Reads one more piece of a chunked body; `None` at its end.
    ///
    /// # Errors
    /// An answer that is cut off.
    pub fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(cut());
        }
        let size = line.trim_end().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| cut())?;
        if size == 0 {
            self.fields()?;
            return Ok(None);
        }
        let mut piece = vec![0; size + 2];
        self.reader.read_exact(&mut piece)?;
        piece.truncate(size);
        Ok(Some(piece))
    }

    /// Reads the body to its end.
    ///
    /// # Errors
    /// An answer that is cut off.
    pub fn finish(mut self) -> io::Result<Answer> {
        let chunked = self.headers.get("transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
        let length = self.headers.get("content-length").and_then(|length| length.parse::<usize>().ok());
        if chunked {
            while let Some(piece) = self.chunk()? {
                self.body.extend_from_slice(&piece);
            }
        } else if let Some(length) = length {
            self.body = vec![0; length];
            self.reader.read_exact(&mut self.body)?;
        } else {
            self.reader.read_to_end(&mut self.body)?;
        }
        Ok(Answer { status: self.status, headers: self.headers, body: self.body })
    }
}
