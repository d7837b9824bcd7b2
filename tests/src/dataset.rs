//! Protecting and revealing a CSV over HTTP.

use crate::http::{Answer, Open, Request};
use crate::organization::percent;
use crate::server::Server;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::io;

/// A protected CSV with its manifest.
#[derive(Debug, Clone)]
pub struct Protected {
    /// The CSV.
    pub output: Vec<u8>,
    /// Its signed manifest.
    pub manifest: Vec<u8>,
}

/// Protects columns of a CSV.
///
/// # Errors
/// If there is no answer.
pub fn protect(
    server: &Server,
    token: &str,
    dataset: &str,
    fields: &str,
    csv: &str,
) -> io::Result<Result<Protected, Answer>> {
    let path = format!("/api/v1/datasets/{dataset}/protect?fields={}", percent(fields));
    let answer = Request::new("POST", &path).token(token).body("text/csv", csv).send(&server.socket())?;
    if answer.status != 200 || answer.outcome() != Some("ok") {
        return Ok(Err(answer));
    }
    let mut parts = parts(&answer).into_iter();
    let mut next = || parts.next().ok_or_else(|| io::Error::other("a part is missing"));
    Ok(Ok(Protected { output: next()?, manifest: next()? }))
}

/// The key of a whole Parquet column, as a build that writes such columns names and seals it to a dataset with this
/// public key document: its name, and the wrapped key in base64. The key is 32 bytes of 5.
#[must_use]
pub fn column_key(public_key: &str) -> (String, String) {
    let to: fields::DatasetKey = serde_json::from_str(public_key).expect("a dataset's public key");
    let name = fields::KeyName {
        dataset: to.dataset,
        recipient: to.key,
        run: base::Id::from_bytes([3; 16]),
        id: 7,
        suite: to.public.suite(),
        field: "email".to_owned(),
    };
    let info = name.info(to.organization);
    let sealed = crypto::hpke::seal(&*crypto::aws_lc(), &to.public, &info, &[], &[5; 32]).expect("it seals");
    (name.to_string(), STANDARD.encode(sealed))
}

/// Asks for the CSV back.
#[must_use]
pub fn reveal_request(token: &str, protected: &Protected) -> Request {
    both("/api/v1/reveal", token, protected)
}

/// Sends an output and its manifest to any operation that takes both.
#[must_use]
pub fn both(path: &str, token: &str, protected: &Protected) -> Request {
    let boundary = "a-boundary-that-no-base64-has";
    let mut body = Vec::new();
    for (name, content) in [("manifest", &protected.manifest), ("data", &protected.output)] {
        let head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let media = format!("multipart/form-data; boundary={boundary}");
    Request::new("POST", path).token(token).body(&media, body)
}

/// Reveals, to the end of the answer.
///
/// # Errors
/// If there is no answer.
pub fn reveal(server: &Server, token: &str, protected: &Protected) -> io::Result<Answer> {
    reveal_request(token, protected).send(&server.socket())
}

/// Begins to reveal; the rest is read from what comes back.
///
/// # Errors
/// If there is no answer.
pub fn begin_reveal(server: &Server, token: &str, protected: &Protected) -> io::Result<Open> {
    reveal_request(token, protected).open(&server.socket())
}

/// The parts of a `multipart/mixed` answer.
#[must_use]
pub fn parts(answer: &Answer) -> Vec<Vec<u8>> {
    let media = answer.headers.get("content-type").cloned().unwrap_or_default();
    let boundary = media.split("boundary=").nth(1).unwrap_or_default().trim_matches('"').to_owned();
    let delimiter = format!("--{boundary}").into_bytes();
    let mut pieces = Vec::new();
    let mut rest = answer.body.as_slice();
    while let Some(at) = find(rest, &delimiter) {
        pieces.push(&rest[..at]);
        rest = &rest[at + delimiter.len()..];
    }
    let part = |piece: &[u8]| {
        let at = find(piece, b"\r\n\r\n")?;
        let content = &piece[at + 4..];
        Some(content.strip_suffix(b"\r\n").unwrap_or(content).to_vec())
    };
    pieces.into_iter().skip(1).filter_map(part).collect()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
