//! How a streamed reply ends: the HTTP trailer `nexora-outcome`.
//!
//! A streamed reply has its status on the wire before its work is done, so the status proves nothing.
//! Its end says how it went: `ok`, or the error document as JSON in ASCII. A reply without the trailer
//! was cut off, and is a failure.

use crate::Problem;
use base::Kind;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt::Write as _;

/// The trailer's name.
pub const TRAILER: HeaderName = HeaderName::from_static("nexora-outcome");

const OK: &str = "ok";

/// The trailers that end a streamed reply.
#[must_use]
pub fn trailers(outcome: Result<(), &Problem>) -> HeaderMap {
    let text = match outcome {
        Ok(()) => OK.to_owned(),
        Err(problem) => ascii(&serde_json::to_string(problem).unwrap_or_default()),
    };
    let value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("failed"));
    HeaderMap::from_iter([(TRAILER, value)])
}

/// What the trailers of a streamed reply say. `None` where they say nothing: the reply was cut off.
#[must_use]
pub fn read(trailers: Option<&HeaderMap>) -> Option<Result<(), Problem>> {
    let text = trailers?.get(TRAILER)?.to_str().ok()?;
    if text == OK {
        return Some(Ok(()));
    }
    Some(Err(serde_json::from_str(text).unwrap_or_else(|_| {
        Problem::new(Kind::Internal, "the reply ended with an outcome that cannot be read")
    })))
}

/// JSON in ASCII: what is not, as `\u` escapes, so that it fits a header.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{read, trailers};
    use crate::Problem;
    use base::Kind;

    #[test]
    fn an_outcome_survives_the_wire() {
        assert_eq!(read(Some(&trailers(Ok(())))), Some(Ok(())));
        let problem = Problem::new(Kind::Refused, "“ci-deploy” is quarantined 🔒\u{7f}\n").at("row 17");
        assert_eq!(read(Some(&trailers(Err(&problem)))), Some(Err(problem)));
        assert_eq!(read(None), None);
        assert_eq!(read(Some(&http::HeaderMap::new())), None);
    }
}
