//! Which format a file has.

use super::{Dialect, Format};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// How much of a first line is looked at.
const LINE: usize = 64 << 10;

pub(super) fn format(name: Option<&str>, head: &[u8]) -> Option<Format> {
    if head.starts_with(b"PAR1") || head.starts_with(b"PARE") {
        return Some(Format::Parquet);
    }
    let text = head.strip_prefix(BOM).unwrap_or(head);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    match (ending.as_deref(), first) {
        (Some("parquet" | "pq"), _) => Some(Format::Parquet),
        (Some("ndjson" | "jsonl"), _) => Some(Format::Ndjson),
        // Lines of objects are often named `.json`.
        (Some("json"), Some(b'{')) if two_lines(text) => Some(Format::Ndjson),
        (Some("json"), _) => Some(Format::Json),
        (Some("tsv" | "tab"), _) => Dialect::new('\t').ok().map(Format::Csv),
        (Some("csv" | "txt"), _) => Some(Format::Csv(delimiter(text))),
        (_, Some(b'[')) => Some(Format::Json),
        (_, Some(b'{')) => Some(if two_lines(text) { Format::Ndjson } else { Format::Json }),
        (_, Some(_)) if std::str::from_utf8(first_line(text)).is_ok() && count(text).1 > 0 => {
            Some(Format::Csv(delimiter(text)))
        }
        _ => None,
    }
}

/// Whether the first line is an object by itself, and another begins below it.
fn two_lines(text: &[u8]) -> bool {
    let mut lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let whole = |line: &[u8]| line.starts_with(b"{") && line.ends_with(b"}");
    lines.next().is_some_and(whole) && lines.next().is_some_and(|line| line.starts_with(b"{"))
}

fn first_line(text: &[u8]) -> &[u8] {
    let text = &text[..text.len().min(LINE)];
    memchr::memchr(b'\n', text).map_or(text, |end| &text[..end])
}

/// The likeliest delimiter of a first line, and how often it stands there outside quotes.
fn count(text: &[u8]) -> (u8, usize) {
    let mut best = (b',', 0);
    for delimiter in *b",;\t|" {
        let (mut quoted, mut count) = (false, 0);
        for &byte in first_line(text) {
            quoted ^= byte == b'"';
            count += usize::from(byte == delimiter && !quoted);
        }
        if count > best.1 {
            best = (delimiter, count);
        }
    }
    best
}

fn delimiter(text: &[u8]) -> Dialect {
    Dialect::new(char::from(count(text).0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, Format};

    #[test]
    fn bytes_tell_where_they_can_and_names_where_they_cannot() {
        let csv = |delimiter| Some(Format::Csv(Dialect::new(delimiter).expect("a delimiter")));
        let of = |name: &str, head: &[u8]| Format::recognize((!name.is_empty()).then_some(name), head);
        assert_eq!(of("x.csv", b"PAR1\x15"), Some(Format::Parquet));
        assert_eq!(of("X.CSV", b"a;b,c;d\n1,2"), csv(';'));
        assert_eq!(of("x.csv", b"\"a;b;c\",d\n"), csv(','));
        assert_eq!(of("x.csv", b"a"), csv(','));
        assert_eq!(of("x.tsv", b""), csv('\t'));
        assert_eq!(of("", b"\xef\xbb\xbfid\tname\n"), csv('\t'));
        assert_eq!(of("", b" [1"), Some(Format::Json));
        assert_eq!(of("", b"{\"a\":1}\n{\"a\":2}\n"), Some(Format::Ndjson));
        assert_eq!(of("x.json", b"{\"a\":1}\r\n{\"a\""), Some(Format::Ndjson));
        assert_eq!(of("x.json", b"{\"a\":1}\n"), Some(Format::Json));
        assert_eq!(of("", b"{\n  \"a\": {},\n"), Some(Format::Json));
        assert_eq!(of("x.jsonl", b""), Some(Format::Ndjson));
        for unknown in [b"".as_slice(), b"no delimiter at all", b"\xff,\xfe\n"] {
            assert_eq!(of("", unknown), None);
        }
    }
}
