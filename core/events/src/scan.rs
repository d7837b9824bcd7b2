//! A look at JSON's structure before any parser: where a value ends and how deep it nests.
//!
//! The parser in use recurses, so that 100,000 open brackets end the process; this scan does not
//! recurse. It knows strings and brackets and nothing else: what it passes can still be no JSON.

use memchr::memchr2;

/// How many levels the kinds of open brackets are remembered for; deeper ones are only counted.
const REMEMBERED: usize = 64;

/// What a scan of one value found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// One past the value's last byte.
    pub(crate) end: usize,
    /// How deep it nests: 0 for a scalar, 1 for a flat object.
    pub(crate) depth: usize,
    /// Where the first bracket beyond the asked-for depth opens.
    pub(crate) too_deep_at: Option<usize>,
}

/// Why no end was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The input ends inside the value.
    Unfinished,
    /// A bracket closes what is not open, at this byte.
    Mismatch(usize),
    /// There is no value at this byte.
    NoValue(usize),
}

/// Finds the end of the value that begins at `start` (no white space before it). Linear; stops at the
/// value's last byte.
pub(crate) fn value(bytes: &[u8], start: usize, max_depth: usize) -> Result<Extent, Broken> {
    let mut at = start;
    let mut depth = 0usize;
    let mut deepest = 0usize;
    let mut too_deep_at = None;
    // One bit for each open bracket: 1 for an object.
    let mut kinds = 0u64;
    loop {
        let Some(&byte) = bytes.get(at) else { return Err(Broken::Unfinished) };
        match byte {
            b'"' => {
                at = string(bytes, at).ok_or(Broken::Unfinished)?;
                if depth == 0 {
                    return Ok(Extent { end: at, depth: deepest, too_deep_at });
                }
                continue;
            }
            b'{' | b'[' => {
                if depth < REMEMBERED {
                    let bit = 1u64 << depth;
                    kinds = if byte == b'{' { kinds | bit } else { kinds & !bit };
                }
                depth += 1;
                deepest = deepest.max(depth);
                if depth > max_depth && too_deep_at.is_none() {
                    too_deep_at = Some(at);
                }
            }
            b'}' | b']' => {
                let Some(outer) = depth.checked_sub(1) else { return Err(Broken::NoValue(at)) };
                if outer < REMEMBERED && (kinds >> outer & 1 == 1) != (byte == b'}') {
                    return Err(Broken::Mismatch(at));
                }
                depth = outer;
                if depth == 0 {
                    return Ok(Extent { end: at + 1, depth: deepest, too_deep_at });
                }
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return Err(Broken::NoValue(at)),
            _ if depth == 0 => {
                let end = bytes[at..]
                    .iter()
                    .position(|byte| b",:{}[]\" \t\r\n".contains(byte))
                    .map_or(bytes.len(), |length| at + length);
                return Ok(Extent { end, depth: 0, too_deep_at: None });
            }
            _ => {}
        }
        at += 1;
    }
}

/// One past the closing quote of the string that opens at `start`; `None` where it does not close.
pub(crate) fn string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[found] == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// The first byte at or after `at` that is no white space.
pub(crate) fn skip_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| !b" \t\r\n".contains(byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::{Broken, value};

    #[test]
    fn ends_are_found() {
        let end = |text: &str| value(text.as_bytes(), 0, 64).map(|extent| extent.end);
        assert_eq!(end(r#"{"a":"}\"]","b":[{}]} x"#), Ok(21));
        assert_eq!(end(r#""a\\" "#), Ok(5));
        assert_eq!(end("12,"), Ok(2));
        assert_eq!(end(r#"{"a":[1}"#), Err(Broken::Mismatch(7)));
        assert_eq!(end(r#"{"a":"\"}"#), Err(Broken::Unfinished));
        assert_eq!(end("]"), Err(Broken::NoValue(0)));
    }

    #[test]
    fn depth_is_counted_without_recursion() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let extent = value(deep.as_bytes(), 0, 64).expect("balanced");
        assert_eq!((extent.depth, extent.too_deep_at), (100_000, Some(64)));
        assert_eq!(value("[".repeat(100_000).as_bytes(), 0, 64), Err(Broken::Unfinished));
    }
}
