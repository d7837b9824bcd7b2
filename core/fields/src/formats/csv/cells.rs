//! One cell: from its bytes to a value, and back.

use memchr::{memchr, memchr3};
use std::borrow::Cow;

/// The value of a cell: `None` for an empty one, without its quotes for a quoted one.
pub(super) fn decode(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    match raw {
        [] => None,
        [b'"', inner @ .., b'"'] => Some(match memchr(b'"', inner) {
            None => Cow::Borrowed(inner),
            Some(_) => {
                let mut value = Vec::with_capacity(inner.len());
                let mut quoted = false;
                for &byte in inner {
                    // The splitter saw to it that quotes come in pairs.
                    if byte == b'"' && !quoted {
                        quoted = true;
                        continue;
                    }
                    quoted = false;
                    value.push(byte);
                }
                Cow::Owned(value)
            }
        }),
        plain => Some(Cow::Borrowed(plain)),
    }
}

/// Appends a value as a cell, quoted where it must be.
pub(super) fn encode(value: Option<&str>, delimiter: u8, out: &mut Vec<u8>) {
    let Some(value) = value else { return };
    let bytes = value.as_bytes();
    let must_quote = memchr3(b'"', b'\r', b'\n', bytes).is_some() || memchr(delimiter, bytes).is_some();
    if !bytes.is_empty() && !must_quote {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    for byte in value.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn every_text_survives() {
        for value in [
            None,
            Some(""),
            Some("plain"),
            Some("a,b"),
            Some("\""),
            Some("\"\""),
            Some("say \"hi\""),
            Some("two\nlines"),
            Some("cr\r"),
            Some(" é "),
        ] {
            let mut cell = Vec::new();
            encode(value, b',', &mut cell);
            assert_eq!(decode(&cell).as_deref(), value.map(str::as_bytes), "{value:?}");
        }
    }
}
